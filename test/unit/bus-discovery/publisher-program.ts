/**
 * `publisher-program DIRECTORY CHANNEL INSTANCE`: what a publisher leaves in the runtime directory,
 * and nothing else: claims the lock, listens, announces, prints `ready` and lives until it is
 * killed. Without the lock it prints why.
 */
import { chmodSync } from 'node:fs';
import { createServer } from 'node:net';
import { tryClaim } from '../../../src/bus/directory/channel-lock.js';
import { clearRemains } from '../../../src/bus/directory/debris.js';
import { writeManifest } from '../../../src/bus/directory/manifest.js';
import { resolveRuntimeDirectory } from '../../../src/bus/directory/runtime-directory.js';
import { sampleManifest } from './scratch.js';

const [path = '', channel = '', instance = ''] = process.argv.slice(2);

function publish(): void {
  const directory = resolveRuntimeDirectory(path);
  const lock = tryClaim(directory, channel, instance);
  if (lock === undefined) {
    console.log('taken');
    return;
  }
  clearRemains(directory, lock);
  const server = createServer((socket) => socket.on('error', () => {}).resume());
  server.listen({ path: directory.socketPath(channel), backlog: 1 }, () => {
    chmodSync(directory.socketPath(channel), directory.fileModes.socket);
    writeManifest(directory, sampleManifest({ channel, instance }));
    console.log('ready');
  });
}

try {
  publish();
} catch (error) {
  if (!(error instanceof Error) || !('code' in error)) throw error;
  console.log(`${String(error.code)} ${error.message}`);
}
