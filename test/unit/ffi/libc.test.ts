import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fstatSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { InvariantError, isSluiceError } from '../../../src/core/index.js';
import {
  SEAL,
  SystemCallError,
  TMPFS_MAGIC,
  addSeals,
  closeDescriptor,
  duplicateDescriptor,
  fallocate,
  fileStatus,
  ftruncate,
  getSeals,
  memfdCreate,
  peerPidfd,
  setNonBlocking,
  tryLockExclusive,
  watchReadable,
} from '../../../src/ffi/index.js';
import { libcFunction, loadLibrary, systemProblem } from '../../../src/ffi/koffi.js';
import {
  closesOnExec,
  makePipe,
  openDescriptors,
  socketPair,
  temporaryDirectory,
} from './descriptors.js';
import { runProgram } from './run-program.js';

const withCode = (code: string) => (error: unknown) =>
  error instanceof SystemCallError && error.code === code;

describe('memfds', () => {
  it('are sized, allocated and sealed', () => {
    const fd = memfdCreate('test', { sealing: true });
    ftruncate(fd, 10_000);
    assert.deepEqual(fileStatus(fd), {
      byteLength: 10_000,
      allocatedBytes: 0,
      isRegular: true,
      isSocket: false,
      fileSystemMagic: TMPFS_MAGIC,
    });
    fallocate(fd, 10_000);
    assert.equal(fileStatus(fd).allocatedBytes, 12_288);
    assert.equal(getSeals(fd) & ~SEAL.EXEC, 0);
    addSeals(fd, SEAL.SHRINK | SEAL.GROW | SEAL.SEAL);
    assert.equal(getSeals(fd) & ~SEAL.EXEC, SEAL.SHRINK | SEAL.GROW | SEAL.SEAL);
    assert.throws(() => ftruncate(fd, 1), withCode('EPERM'));
    assert.throws(() => ftruncate(fd, 20_000), withCode('EPERM'));
    assert.throws(() => addSeals(fd, SEAL.WRITE), withCode('EPERM'));
    closeDescriptor(fd);
  });

  it('name the call, errno and code of a failure', () => {
    assert.throws(
      () => ftruncate(999_999, 1),
      (error) => {
        assert.ok(error instanceof SystemCallError);
        assert.deepEqual([error.call, error.errno, error.code], ['ftruncate', 9, 'EBADF']);
        assert.match(error.message, /ftruncate failed with EBADF/);
        return true;
      },
    );
    assert.throws(() => getSeals(0x7fffffff), withCode('EBADF'));
  });
});

describe('descriptors', () => {
  it('are closed once and say so afterwards', () => {
    const before = openDescriptors();
    const fd = memfdCreate('test', { sealing: true });
    const second = duplicateDescriptor(fd);
    assert.equal(openDescriptors(), before + 2);
    assert.equal(fstatSync(fd).ino, fstatSync(second).ino);
    closeDescriptor(fd);
    closeDescriptor(second);
    assert.equal(openDescriptors(), before);
    assert.throws(() => closeDescriptor(fd), withCode('EBADF'));
  });

  it('cannot be closed while they are watched', () => {
    const { client, server } = socketPair();
    const watch = watchReadable(client, () => {});
    assert.throws(() => closeDescriptor(client), InvariantError);
    watch.close();
    closeDescriptor(client);
    closeDescriptor(server);
  });

  it('become non-blocking', () => {
    const { readEnd, writeEnd } = makePipe();
    setNonBlocking(writeEnd);
    assert.throws(
      () => {
        for (let round = 0; round < 1000; round += 1) writeSync(writeEnd, Buffer.alloc(65_536));
      },
      { code: 'EAGAIN' },
    );
    closeDescriptor(readEnd);
    closeDescriptor(writeEnd);
  });

  it('are born close-on-exec: a child sees none of them', () => {
    // 0 to 2, and what whoever runs the tests left open for all its children.
    const inherited = descriptorsOfChild();
    const { client, server, close } = socketPair();
    const memfd = memfdCreate('test', { sealing: true });
    const pidfd = peerPidfd(client);
    const made = [client, server, memfd, duplicateDescriptor(memfd)];
    if (pidfd !== undefined) made.push(pidfd);
    for (const fd of made) assert.ok(closesOnExec(fd), `descriptor ${fd}`);
    assert.deepEqual(descriptorsOfChild(), inherited);
    // The check can fail: fcntl(F_SETFD, 0) makes the child see one more.
    const fcntl = libcFunction<(fd: number, command: number, value: number) => number>(
      'int fcntl(int fd, int command, int64_t value)',
    );
    fcntl(memfd, 2, 0);
    assert.ok(descriptorsOfChild().includes(memfd));
    close();
    for (const fd of made.slice(2)) closeDescriptor(fd);
  });
});

/** The descriptors that a new process finds open, of the first 256. */
function descriptorsOfChild(): number[] {
  const script =
    'n=0; while [ $n -lt 256 ]; do [ -e /proc/$$/fd/$n ] && echo $n; n=$((n+1)); done; true';
  const { stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
  return stdout.trim().split('\n').map(Number);
}

describe('locks', () => {
  it('are taken by one open file at a time, without waiting', () => {
    const directory = temporaryDirectory();
    const path = join(directory.path, 'lock');
    writeFileSync(path, '');
    const first = openSync(path, 'r');
    const second = openSync(path, 'r');
    assert.equal(tryLockExclusive(first), true);
    assert.equal(tryLockExclusive(second), false);
    closeDescriptor(first);
    assert.equal(tryLockExclusive(second), true);
    closeDescriptor(second);
    assert.throws(() => tryLockExclusive(second), withCode('EBADF'));
    directory.remove();
  });
});

describe('loading', () => {
  const program = new URL('./loading-program.js', import.meta.url);

  it('happens at the first call, not at import', async () => {
    const result = await runProgram(program, ['lazy']);
    assert.deepEqual(result, { code: 0, signal: null, stdout: 'false true\n', stderr: '' });
  });

  it('is UNSUPPORTED where native code is forbidden', async () => {
    const result = await runProgram(program, ['forbidden'], {
      nodeOptions: ['--experimental-permission', '--allow-fs-read=*', '--no-warnings'],
    });
    assert.equal(result.stdout, 'UNSUPPORTED\n', result.stderr);
  });

  it('makes a process undumpable', async () => {
    const result = await runProgram(program, ['dumpable']);
    assert.equal(result.stdout, '1 0\n', result.stderr);
  });

  it('tries the names in order and reports all of them', () => {
    loadLibrary(['libno-such-library.so', 'libc.so.6', 'libc.so']);
    assert.throws(
      () => loadLibrary(['libno-such-a.so', 'libno-such-b.so']),
      (error) => {
        assert.ok(isSluiceError(error, 'UNSUPPORTED'));
        assert.match(error.message, /libno-such-a\.so, libno-such-b\.so/);
        assert.equal((error.details['attempts'] as unknown[]).length, 2);
        return true;
      },
    );
    assert.throws(() => libcFunction('int no_such_function(void)'), { code: 'UNSUPPORTED' });
  });

  it('knows which systems have these layouts', () => {
    assert.equal(systemProblem('linux', 'x64'), undefined);
    assert.equal(systemProblem('linux', 'arm64'), undefined);
    assert.match(systemProblem('darwin', 'arm64') ?? '', /darwin/);
    assert.match(systemProblem('linux', 'ppc64') ?? '', /ppc64/);
  });
});
