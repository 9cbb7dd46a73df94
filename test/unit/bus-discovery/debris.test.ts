import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { tryClaim } from '../../../src/bus/directory/channel-lock.js';
import { cleanDebris, findDebris } from '../../../src/bus/directory/debris.js';
import { writeManifest } from '../../../src/bus/directory/manifest.js';
import type { RuntimeDirectory } from '../../../src/bus/directory/runtime-directory.js';
import { isSluiceError } from '../../../src/core/index.js';
import {
  instanceOf,
  sampleManifest,
  scratchDirectory,
  startProgram,
  stopped,
  type Program,
} from './scratch.js';

async function publisher(
  test: TestContext,
  directory: RuntimeDirectory,
  channel: string,
): Promise<Program> {
  const args = [directory.path, channel, instanceOf('1')];
  const program = startProgram(test, 'publisher-program', args);
  assert.equal(await program.line(), 'ready');
  return program;
}

async function listener(test: TestContext, path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy());
  server.listen(path);
  await once(server, 'listening');
  test.after(() => server.close());
  return server;
}

const OTHER_BOOT = { ...sampleManifest().process, bootId: '00000000-0000-0000-0000-000000000000' };

describe('debris', () => {
  it('is what a killed publisher leaves, and is removed', async (test) => {
    const directory = scratchDirectory(test);
    const program = await publisher(test, directory, 'camera/door');
    assert.deepEqual(await findDebris(directory), []);
    assert.deepEqual(await cleanDebris(directory), { removed: [], failed: [] });
    await program.kill('SIGKILL');
    writeFileSync(`${directory.path}/camera~door.new`, 'half a manif');
    writeFileSync(`${directory.path}/README`, 'not of a channel');
    const debris = {
      channel: 'camera/door',
      files: ['json', 'lock', 'new', 'sock'].map((kind) => `${directory.path}/camera~door.${kind}`),
      reason: 'owner ended',
    };
    assert.deepEqual(await findDebris(directory), [debris]);
    assert.equal(readdirSync(directory.path).length, 5, 'finding removes nothing');
    assert.deepEqual(await cleanDebris(directory), { removed: [debris], failed: [] });
    assert.deepEqual(readdirSync(directory.path), ['README']);
    assert.deepEqual(await findDebris(directory), []);
  });

  it('is nothing of a stopped publisher, and of a running one neither', async (test) => {
    const directory = scratchDirectory(test);
    const stoppedOne = await publisher(test, directory, 'a');
    await publisher(test, directory, 'b');
    await stoppedOne.kill('SIGSTOP');
    await stopped(stoppedOne.child.pid);
    // More questions than its queue holds: then the answer is EAGAIN, which is no death either.
    for (let round = 0; round < 8; round++) {
      assert.deepEqual(await findDebris(directory), []);
      assert.deepEqual(await cleanDebris(directory), { removed: [], failed: [] });
    }
    assert.equal(readdirSync(directory.path).length, 6);
  });

  it('is nothing whose lock is held, although the socket refuses', async (test) => {
    const directory = scratchDirectory(test);
    const program = await publisher(test, directory, 'a');
    await program.kill('SIGKILL');
    const lock = tryClaim(directory, 'a');
    assert.ok(lock);
    assert.deepEqual(await findDebris(directory), []);
    assert.deepEqual(await cleanDebris(directory), { removed: [], failed: [] });
    assert.ok(existsSync(directory.socketPath('a')));
    lock.release();
    assert.equal((await cleanDebris(directory)).removed.length, 1);
  });

  it('is nothing that somebody listens on, although the lock is free', async (test) => {
    const directory = scratchDirectory(test);
    writeManifest(directory, sampleManifest({ channel: 'a' }));
    await listener(test, directory.socketPath('a'));
    assert.deepEqual(await findDebris(directory), []);
  });

  it('is what another boot left with a free lock, whatever the socket says', async (test) => {
    const directory = scratchDirectory(test);
    writeManifest(directory, sampleManifest({ channel: 'a', process: OTHER_BOOT }));
    await listener(test, directory.socketPath('a'));
    const lock = tryClaim(directory, 'a');
    assert.ok(lock);
    assert.deepEqual(await findDebris(directory), []);
    lock.release();
    assert.equal((await findDebris(directory))[0]?.reason, 'earlier boot');
    assert.equal((await cleanDebris(directory)).removed.length, 1);
    assert.deepEqual(readdirSync(directory.path), []);
  });

  it('is a lock file alone, with the boot that it tells', async (test) => {
    const directory = scratchDirectory(test);
    const text = JSON.stringify({ pid: 1, bootId: OTHER_BOOT.bootId });
    writeFileSync(directory.lockPath('a'), text, { mode: 0o600 });
    writeFileSync(directory.lockPath('b'), '', { mode: 0o600 });
    const reasons = (await findDebris(directory)).map(({ channel, reason }) => [channel, reason]);
    assert.deepEqual(reasons, [
      ['a', 'earlier boot'],
      ['b', 'owner ended'],
    ]);
  });

  it('counts garbage for a manifest, too', async (test) => {
    const directory = scratchDirectory(test);
    writeFileSync(directory.manifestPath('a'), 'garbage');
    execFileSync('mkfifo', [directory.manifestPath('b')]);
    assert.equal((await cleanDebris(directory)).removed.length, 2);
    assert.deepEqual(readdirSync(directory.path), []);
  });

  it('that cannot be judged or removed is told, and stops nothing else', async (test) => {
    const directory = scratchDirectory(test);
    execFileSync('mkfifo', [directory.lockPath('a')]);
    mkdirSync(`${directory.path}/b.sock/full`, { recursive: true });
    writeFileSync(directory.manifestPath('c'), '');
    const { removed, failed } = await cleanDebris(directory);
    assert.deepEqual(
      removed.map(({ channel }) => channel),
      ['c'],
    );
    assert.deepEqual(
      failed.map(({ channel }) => channel),
      ['a', 'b'],
    );
    for (const { error } of failed) assert.ok(isSluiceError(error));
    assert.equal(existsSync(directory.lockPath('b')), false, 'the lock taken for cleaning is gone');
  });

  it('in a directory that vanished is none', async (test) => {
    const directory = scratchDirectory(test);
    execFileSync('rm', ['-r', directory.path]);
    assert.deepEqual(await findDebris(directory), []);
  });
});
