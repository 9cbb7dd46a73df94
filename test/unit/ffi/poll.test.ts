import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  SystemCallError,
  closeDescriptor,
  pollDescriptors,
  pollEnds,
  sendBytes,
} from '../../../src/ffi/index.js';
import { makePipe, socketPair } from './descriptors.js';
import { runProgram } from './run-program.js';

const program = new URL('./poll-program.js', import.meta.url);

const SCENARIOS = [
  'continues promises in the callback',
  'can be closed in the callback, and twice',
  'refuses a second watch, also in the callback',
  'refuses what epoll refuses',
  'an error in the callback is an uncaught exception and ends nothing',
  'is kept while nothing refers to it',
  'watches the writable side when asked',
  'tells a reset connection until it is closed',
  'lets the process exit when unreferenced',
  'does not hold up exit(), however many are ready',
];

for (const where of ['main', 'worker']) {
  describe(`a watch in a ${where} thread`, () => {
    for (const scenario of SCENARIOS) {
      it(scenario, async () => {
        const result = await runProgram(program, [scenario, where], {
          nodeOptions: ['--expose-gc'],
        });
        assert.deepEqual(result, { code: 0, signal: null, stdout: 'ok\n', stderr: '' });
      });
    }

    it('ends a process that does not expect an error, as any error does', async () => {
      const scenario = 'ends a process that does not expect an error, as any error does';
      const { code, stdout, stderr } = await runProgram(program, [scenario, where]);
      assert.deepEqual([code, stdout], [1, 'ok\n']);
      assert.match(stderr, /^Error: expected by the test$/m);
    });
  });
}

describe('a worker that watches or waits', () => {
  it('can be terminated', async () => {
    const result = await runProgram(program, ['terminate', 'main']);
    assert.deepEqual(result, { code: 0, signal: null, stdout: 'ok\n', stderr: '' });
  });
});

describe('pollEnds', () => {
  it('tells of the end of a socket, not of its data, and of what is readable', () => {
    const { client, server } = socketPair();
    const { readEnd, writeEnd } = makePipe();
    const asked = { readable: [readEnd], sockets: [client] };
    assert.deepEqual(pollEnds(asked, 0), []);
    sendBytes(server, Buffer.from([1]), 0, 1);
    assert.deepEqual(pollEnds(asked, 20), []);
    closeDescriptor(server);
    assert.deepEqual(pollEnds(asked, 1000), [client]);
    closeDescriptor(writeEnd);
    assert.deepEqual(pollEnds(asked, 1000), [readEnd, client]);
    closeDescriptor(client);
    assert.throws(() => pollEnds(asked, 0), SystemCallError);
    closeDescriptor(readEnd);
  });

  it('takes any number of descriptors', () => {
    const { client, server } = socketPair();
    closeDescriptor(server);
    const sockets = new Array<number>(100).fill(client);
    assert.deepEqual(pollEnds({ readable: [], sockets }, 0), sockets);
    assert.deepEqual(pollEnds({ readable: [], sockets: [] }, 1), []);
    closeDescriptor(client);
  });
});

describe('pollDescriptors', () => {
  it('has a bit for each descriptor that is readable or at its end', () => {
    const first = socketPair();
    const second = socketPair();
    const { readEnd, writeEnd } = makePipe();
    const fds = [first.client, second.client, readEnd];
    assert.equal(pollDescriptors(fds, 0), 0);
    sendBytes(second.server, Buffer.from([1]), 0, 1);
    assert.equal(pollDescriptors(fds, 1000), 0b010);
    closeDescriptor(writeEnd);
    assert.equal(pollDescriptors(fds, 1000), 0b110);
    closeDescriptor(first.server);
    assert.equal(pollDescriptors(fds, 1000), 0b111);
    assert.equal(pollDescriptors([first.client], 1000), 1);
    assert.equal(pollDescriptors([], 0), 0);
    closeDescriptor(first.client);
    closeDescriptor(readEnd);
    second.close();
  });

  it('carries as many as it says', () => {
    const { client, server, close } = socketPair();
    sendBytes(server, Buffer.from([1]), 0, 1);
    assert.equal(pollDescriptors(new Array<number>(30).fill(client), 0), 2 ** 30 - 1);
    assert.throws(() => pollDescriptors(new Array<number>(31).fill(client), 0), RangeError);
    close();
  });

  it('refuses endless waits and closed descriptors', () => {
    for (const timeoutMs of [-1, Number.NaN, Number.POSITIVE_INFINITY, 0.5]) {
      assert.throws(() => pollDescriptors([], timeoutMs), RangeError);
    }
    assert.throws(
      () => pollDescriptors([999_999], 0),
      (error) => error instanceof SystemCallError && error.code === 'EBADF',
    );
  });
});
