import assert from 'node:assert/strict';
import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { fstatSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  SystemCallError,
  acceptUnix,
  closeDescriptor,
  connectUnix,
  listenUnix,
  memfdCreate,
  peerCredentials,
  peerPidfd,
  pollDescriptors,
  receiveBytes,
  receiveBytesOnly,
  sendBytes,
} from '../../../src/ffi/index.js';
import {
  closesOnExec,
  openDescriptors,
  socketPair,
  temporaryDirectory,
  type TemporaryDirectory,
} from './descriptors.js';
import { sendManyDescriptors } from './send-many-descriptors.js';
import { runProgram } from './run-program.js';

const withCode = (code: string) => (error: unknown) =>
  error instanceof SystemCallError && error.code === code;

describe('listen and connect', () => {
  let directory: TemporaryDirectory;
  let path: string;
  beforeEach(() => {
    directory = temporaryDirectory();
    path = join(directory.path, 's');
  });
  afterEach(() => directory.remove());

  it('gives the socket its mode whatever the umask', () => {
    for (const [umask, mode] of [
      [0o077, 0o660],
      [0o000, 0o600],
    ] as const) {
      const before = process.umask(umask);
      const fd = listenUnix(path, mode);
      process.umask(before);
      assert.equal(statSync(path).mode & 0o777, mode);
      closeDescriptor(fd);
      directory.remove();
      directory = temporaryDirectory();
      path = join(directory.path, 's');
    }
  });

  it('accepts what has connected, then nothing', () => {
    const listener = listenUnix(path, 0o600);
    assert.equal(acceptUnix(listener), undefined);
    const client = connectUnix(path);
    const server = acceptUnix(listener);
    assert.ok(server !== undefined && closesOnExec(server) && closesOnExec(client));
    assert.equal(acceptUnix(listener), undefined);
    for (const fd of [server, client, listener]) closeDescriptor(fd);
  });

  it('tells absent, dead and busy listeners apart, and leaks nothing', () => {
    const before = openDescriptors();
    assert.throws(() => connectUnix(path), withCode('ENOENT'));
    const listener = listenUnix(path, 0o600);
    assert.throws(() => listenUnix(path, 0o600), withCode('EADDRINUSE'));
    const clients: number[] = [];
    const connectUntilBusy = (): void => {
      for (let count = 0; count < 10_000; count += 1) clients.push(connectUnix(path));
    };
    assert.throws(connectUntilBusy, withCode('EAGAIN'));
    for (const fd of clients) closeDescriptor(fd);
    closeDescriptor(listener);
    assert.throws(() => connectUnix(path), withCode('ECONNREFUSED'));
    assert.equal(openDescriptors(), before);
  });

  it('refuses paths that the kernel would cut', () => {
    const bytes107 = `/tmp/${'é'.repeat(51)}`;
    assert.equal(Buffer.byteLength(bytes107), 107);
    assert.throws(() => connectUnix(bytes107), withCode('ENOENT'));
    assert.throws(() => connectUnix(`${bytes107}x`), /108 bytes/);
    assert.throws(() => listenUnix(`${bytes107}x`, 0o600), RangeError);
    assert.throws(() => connectUnix(''), RangeError);
    assert.throws(() => connectUnix('/tmp/a\0b'), RangeError);
  });
});

describe('bytes', () => {
  it('arrive as they were sent, and the end is 0', () => {
    const { client, server } = socketPair();
    const into = Buffer.alloc(64);
    assert.equal(receiveBytesOnly(server, into), -1);
    assert.equal(receiveBytes(server, into).byteLength, -1);
    assert.equal(sendBytes(client, Buffer.from('abcdef'), 2, 3), 3);
    assert.equal(sendBytes(client, Buffer.from('XY'), 0, 2), 2);
    assert.equal(receiveBytesOnly(server, into.subarray(0, 4)), 4);
    const { byteLength, descriptors } = receiveBytes(server, into.subarray(4));
    assert.deepEqual([byteLength, descriptors], [1, []]);
    assert.equal(into.toString('latin1', 0, 5), 'cdeXY');
    closeDescriptor(client);
    assert.equal(receiveBytesOnly(server, into), 0);
    assert.equal(receiveBytes(server, into).byteLength, 0);
    assert.throws(() => sendBytes(server, into, 0, 1), withCode('EPIPE'));
    closeDescriptor(server);
  });

  it('stop at a full socket and go on', () => {
    const { client, server, close } = socketPair();
    const block = Buffer.alloc(1_000_003, 1);
    let sent = 0;
    for (let taken = 0; taken !== -1; taken = sendBytes(client, block, 0, block.length)) {
      sent += taken;
    }
    assert.ok(sent > 0);
    const into = Buffer.alloc(100_000);
    let received = 0;
    for (let taken = 0; taken !== -1; taken = receiveBytesOnly(server, into)) received += taken;
    assert.equal(received, sent);
    close();
  });

  it('have to be inside the buffer', () => {
    const { client, close } = socketPair();
    const bytes = Buffer.alloc(16);
    for (const [offset, length] of [
      [0, 17],
      [1, 16],
      [-1, 4],
      [0, 0],
      [16, 1],
    ] as const) {
      assert.throws(() => sendBytes(client, bytes, offset, length), RangeError);
    }
    assert.throws(() => receiveBytes(client, new Uint8Array(0)), RangeError);
    assert.throws(() => receiveBytesOnly(client, new Uint8Array(0)), RangeError);
    close();
  });

  it('cost no allocation for a WAKE', async () => {
    const program = new URL('./allocation-program.js', import.meta.url);
    const result = await runProgram(program, [], { nodeOptions: ['--expose-gc'] });
    assert.equal(result.code, 0, result.stderr);
    const bytesPerCall = JSON.parse(result.stdout) as Record<string, number>;
    for (const [call, bytes] of Object.entries(bytesPerCall)) {
      // The smallest object takes 16; the rest is what measuring takes.
      assert.ok(bytes < 12, `${call} allocates ${bytes} bytes a call`);
    }
  });
});

describe('descriptors', () => {
  it('travel with the bytes: one, two and three', () => {
    const before = openDescriptors();
    const { client, server, close } = socketPair();
    const memfds = [1, 2, 3].map(() => memfdCreate('test', { sealing: true }));
    const into = Buffer.alloc(64);
    for (const count of [1, 2, 3]) {
      const passed = memfds.slice(0, count);
      assert.equal(sendBytes(server, Buffer.from('--hello'), 2, 5, passed), 5);
      const { byteLength, descriptors } = receiveBytes(client, into);
      assert.equal(into.toString('latin1', 0, byteLength), 'hello');
      assert.deepEqual(
        descriptors.map((fd) => fstatSync(fd).ino),
        passed.map((fd) => fstatSync(fd).ino),
      );
      for (const fd of descriptors) {
        assert.ok(closesOnExec(fd));
        closeDescriptor(fd);
      }
    }
    assert.throws(() => sendBytes(server, into, 0, 1, [0, 0, 0, 0]), RangeError);
    assert.throws(() => sendBytes(server, into, 0, 1, [999_999]), withCode('EBADF'));
    for (const fd of memfds) closeDescriptor(fd);
    close();
    assert.equal(openDescriptors(), before);
  });

  for (const count of [4, 5, 100, 253]) {
    it(`are all closed when ${count} come, and the message is refused`, () => {
      const { client, server, close } = socketPair();
      const before = openDescriptors();
      sendManyDescriptors(server, new Array<number>(count).fill(0));
      assert.throws(() => receiveBytes(client, Buffer.alloc(64)), { code: 'PROTOCOL' });
      assert.equal(openDescriptors(), before);
      assert.equal(receiveBytes(client, Buffer.alloc(64)).byteLength, -1);
      close();
    });
  }

  it('are all closed when the table is too full for them', async () => {
    const program = new URL('./full-table-program.js', import.meta.url);
    const result = await runProgram(program, [], { maxDescriptors: 64 });
    assert.deepEqual([result.code, result.stdout], [0, 'ok\n'], result.stderr);
  });

  it('never reach a side that reads bytes only', () => {
    const { client, server, close } = socketPair();
    const before = openDescriptors();
    sendManyDescriptors(client, new Array<number>(253).fill(0));
    assert.equal(receiveBytesOnly(server, Buffer.alloc(64)), 1);
    assert.equal(openDescriptors(), before);
    close();
  });
});

describe('the peer', () => {
  it('is known by uid, gid and pid', () => {
    const { client, server, close } = socketPair();
    const own = { pid: process.pid, uid: process.getuid!(), gid: process.getgid!() };
    assert.deepEqual(peerCredentials(server), own);
    assert.deepEqual(peerCredentials(client), own);
    close();
    assert.throws(() => peerCredentials(client), withCode('EBADF'));
  });

  it('has a pidfd that becomes readable at its death', async (context) => {
    const directory = temporaryDirectory();
    const path = join(directory.path, 's');
    const listener = listenUnix(path, 0o600);
    const peer = fileURLToPath(new URL('./connect-program.js', import.meta.url));
    const child = spawn(process.execPath, [peer, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const server = acceptUnix(listener)!;
    const pidfd = peerPidfd(server);
    if (pidfd === undefined) context.skip('no SO_PEERPIDFD before Linux 6.5');
    else {
      assert.ok(closesOnExec(pidfd));
      assert.equal(pollDescriptors([pidfd], 0), 0);
    }
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    if (pidfd !== undefined) {
      assert.equal(pollDescriptors([pidfd], 10_000), 1);
      closeDescriptor(pidfd);
    }
    await exited;
    // Of a process that is gone the kernel may or may not give one; either way it is no error.
    const late = peerPidfd(server);
    if (late !== undefined) closeDescriptor(late);
    closeDescriptor(server);
    closeDescriptor(listener);
    directory.remove();
  });
});
