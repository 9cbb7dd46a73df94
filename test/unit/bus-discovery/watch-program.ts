/**
 * `watch-program DIRECTORY`: says whether inotify works here, then prints each event of the
 * directory.
 */
import { watch } from 'node:fs';
import { watchChannels } from '../../../src/bus/directory/discovery.js';

const directory = process.argv[2] ?? '';
try {
  watch(directory).close();
  console.log('inotify');
} catch {
  console.log('no inotify');
}
for await (const event of watchChannels('**', { directory, rescanMs: 20 })) {
  console.log(`${event.type} ${event.manifest.channel}`);
}
