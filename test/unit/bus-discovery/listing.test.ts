import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { MAX_DIRECTORY_ENTRIES } from '../../../src/bus/directory/channel-files.js';
import { listChannels, listManifests } from '../../../src/bus/directory/discovery.js';
import { writeManifest, type Manifest } from '../../../src/bus/directory/manifest.js';
import {
  resolveRuntimeDirectory,
  type RuntimeDirectory,
} from '../../../src/bus/directory/runtime-directory.js';
import { isSluiceError } from '../../../src/core/index.js';
import {
  instanceOf,
  needsRoot,
  sampleManifest,
  scratchDirectory,
  scratchFolder,
  startProgram,
  stopped,
  type Program,
} from './scratch.js';

async function publisher(
  test: TestContext,
  directory: RuntimeDirectory,
  channel: string,
  options: { readonly uid?: number; readonly gid?: number } = {},
): Promise<Program> {
  const args = [directory.path, channel, instanceOf('1')];
  const program = startProgram(test, 'publisher-program', args, options);
  assert.equal(await program.line(), 'ready');
  return program;
}

function names(manifests: readonly Manifest[]): readonly string[] {
  return manifests.map(({ channel }) => channel);
}

/**
 * Connections until the queue is full, which is what a stopped publisher answers with in the end.
 */
async function fillQueue(test: TestContext, path: string): Promise<void> {
  for (let count = 0; count < 64; count++) {
    const result = await new Promise<Socket | string>((resolve) => {
      const socket = connect(path);
      socket.once('connect', () => resolve(socket));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    });
    if (typeof result === 'string') {
      assert.equal(result, 'EAGAIN');
      return;
    }
    test.after(() => result.destroy());
  }
  assert.fail('the queue never filled');
}

describe('listing', () => {
  it('gives the announced channels that match, by name, alive or not', (test) => {
    const directory = scratchDirectory(test);
    for (const channel of ['b', 'a/c', 'a/b/c', 'a.b', 'a']) {
      writeManifest(directory, sampleManifest({ channel }));
    }
    const list = (pattern?: string): readonly string[] =>
      names(listManifests(pattern, { directory }));
    assert.deepEqual(list(), ['a', 'a.b', 'a/b/c', 'a/c', 'b']);
    assert.deepEqual(list('*'), ['a', 'a.b', 'b']);
    assert.deepEqual(list('a/**'), ['a/b/c', 'a/c']);
    assert.deepEqual(list('a/c'), ['a/c']);
    assert.throws(() => list('A*'), TypeError);
    assert.deepEqual(names(listManifests('**', { directory: directory.path })), list());
  });

  it('passes over what is no manifest and says so; other files it does not see', (test) => {
    const directory = scratchDirectory(test);
    writeManifest(directory, sampleManifest({ channel: 'good' }));
    writeFileSync(directory.manifestPath('bad'), '{}', { mode: 0o600 });
    execFileSync('mkfifo', ['-m', '600', directory.manifestPath('fifo')]);
    for (const name of [
      'README',
      'Caps.json',
      '.json',
      '~.json',
      'a~~b.json',
      '..json',
      'x\ny.json',
    ]) {
      writeFileSync(join(directory.path, name), '{}');
    }
    const problems: string[] = [];
    const onProblem = (path: string, error: Error): void => {
      assert.ok(isSluiceError(error, 'PROTOCOL'));
      problems.push(path);
    };
    assert.deepEqual(names(listManifests('**', { directory, onProblem })), ['good']);
    assert.deepEqual(problems, [directory.manifestPath('bad'), directory.manifestPath('fifo')]);
    assert.deepEqual(names(listManifests('**', { directory })), ['good']);
  });

  it('of a vanished directory is empty, of an overfull one an error', (test) => {
    const directory = scratchDirectory(test);
    for (let index = 0; index <= MAX_DIRECTORY_ENTRIES; index++) {
      writeFileSync(join(directory.path, `${index}`), '');
    }
    assert.throws(
      () => listManifests('**', { directory }),
      (error: unknown) => isSluiceError(error, 'BAD_DIRECTORY'),
    );
    execFileSync('rm', ['-r', directory.path]);
    assert.deepEqual(listManifests('**', { directory }), []);
  });

  it('of live channels leaves out the dead, and keeps the stopped and the busy', async (test) => {
    const directory = scratchDirectory(test);
    const killed = await publisher(test, directory, 'killed');
    const halted = await publisher(test, directory, 'stopped');
    await publisher(test, directory, 'alive');
    writeManifest(directory, sampleManifest({ channel: 'no-socket' }));
    await killed.kill('SIGKILL');
    await halted.kill('SIGSTOP');
    await stopped(halted.child.pid);
    const list = async (): Promise<readonly string[]> =>
      names(await listChannels('**', { directory }));
    assert.deepEqual(await list(), ['alive', 'stopped']);
    await fillQueue(test, directory.socketPath('stopped'));
    assert.deepEqual(await list(), ['alive', 'stopped']);
    assert.deepEqual(names(await listChannels('s*', { directory })), ['stopped']);
    assert.equal(listManifests('**', { directory }).length, 4);
  });

  it('asks many sockets, few at a time', async (test) => {
    const directory = scratchDirectory(test);
    await publisher(test, directory, 'a');
    for (let index = 0; index < 200; index++) {
      writeManifest(directory, sampleManifest({ channel: `dead/${index}` }));
    }
    assert.deepEqual(names(await listChannels('**', { directory })), ['a']);
  });

  it('does not connect through a link', async (test) => {
    const directory = scratchDirectory(test);
    await publisher(test, directory, 'a');
    writeManifest(directory, sampleManifest({ channel: 'b' }));
    execFileSync('ln', ['-s', 'a.sock', directory.socketPath('b')]);
    assert.deepEqual(names(await listChannels('**', { directory })), ['a']);
  });

  it('asks no socket whose path is too long, for Node would cut it to another one', async (test) => {
    const folder = scratchFolder(test);
    const name = 'x'.repeat(107 - Buffer.byteLength(join(folder, 'a.sock')));
    const directory = resolveRuntimeDirectory(join(folder, name));
    const server = createServer((socket) => socket.destroy());
    test.after(() => server.close());
    // 108 bytes, the whole of sun_path: what 'a.sock.sock' is cut to.
    server.listen(join(directory.path, 'a.sock'));
    await once(server, 'listening');
    writeManifest(directory, sampleManifest({ channel: 'a.sock' }));
    writeFileSync(join(directory.path, 'a.sock.sock'), '');
    assert.deepEqual(names(listManifests('**', { directory })), ['a.sock']);
    assert.deepEqual(names(await listChannels('**', { directory })), []);
  });

  it('loads no foreign function interface', async (test) => {
    const directory = scratchDirectory(test);
    await publisher(test, directory, 'a');
    const program = startProgram(test, 'listing-program', [directory.path]);
    assert.equal(await program.line(), '["a"]');
    assert.equal(await program.line(), 'no koffi');
  });

  it(
    'in a shared directory shows other users only when they are allowed',
    { skip: needsRoot },
    async (test) => {
      const path = join(scratchFolder(test), 'run');
      mkdirSync(path);
      chownSync(path, 0, 4321);
      chmodSync(path, 0o3770);
      const directory = resolveRuntimeDirectory(path);
      await publisher(test, directory, 'theirs', { uid: 1234, gid: 4321 });
      await publisher(test, directory, 'ours');
      const problems: string[] = [];
      const onProblem = (_path: string, error: Error): void => {
        assert.ok(isSluiceError(error, 'ACCESS_DENIED'));
        problems.push(error.message);
      };
      assert.deepEqual(names(await listChannels('**', { directory, onProblem })), ['ours']);
      assert.match(problems[0] ?? '', /belongs to uid 1234/);
      const allowed = await listChannels('**', { directory, allowUids: [1234] });
      assert.deepEqual(names(allowed), ['ours', 'theirs']);
      const asOther = { uid: 1235, gid: 4321 };
      const program = startProgram(test, 'listing-program', [path], asOther);
      assert.equal(
        await program.line(),
        '["ours"]',
        'root is trusted where root made the directory',
      );
    },
  );
});
