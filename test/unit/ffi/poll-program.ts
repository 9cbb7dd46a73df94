/**
 * Helper of poll.test.ts: `poll-program.js SCENARIO main|worker`. Misuse of uv_poll aborts the process, so each
 * scenario has its own; it prints `ok` at its end.
 */
import assert from 'node:assert/strict';
import { openSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker, isMainThread, workerData } from 'node:worker_threads';
import { InvariantError } from '../../../src/core/index.js';
import {
  SystemCallError,
  closeDescriptor,
  pollDescriptors,
  receiveBytes,
  receiveBytesOnly,
  sendBytes,
  watchReadable,
  type DescriptorWatch,
} from '../../../src/ffi/index.js';
import { socketPair } from './descriptors.js';

const ONE_BYTE = Buffer.from([1]);
const into = Buffer.alloc(64);
const done = (): void => console.log('ok');

function nextCall(fd: number): Promise<DescriptorWatch> {
  return new Promise((resolve) => {
    const watch = watchReadable(fd, () => resolve(watch));
  });
}

const scenarios: Readonly<Record<string, () => Promise<void> | void>> = {
  'continues promises in the callback': async () => {
    const { client, server, close } = socketPair();
    let resume = (): void => {};
    const echo = watchReadable(server, () => {
      receiveBytesOnly(server, into);
      sendBytes(server, ONE_BYTE, 0, 1);
    });
    const watch = watchReadable(client, () => {
      receiveBytesOnly(client, into);
      resume();
    });
    for (let round = 0; round < 500; round += 1) {
      const answered = new Promise<void>((resolve) => (resume = resolve));
      sendBytes(client, ONE_BYTE, 0, 1);
      await answered;
    }
    echo.close();
    watch.close();
    close();
    done();
  },

  'can be closed in the callback, and twice': async () => {
    const { client, server } = socketPair();
    await new Promise<void>((resolve) => {
      let calls = 0;
      const watch = watchReadable(client, () => {
        calls += 1;
        assert.equal(calls, 1);
        watch.close();
        watch.close();
        watch.setWritable(true);
        watch.ref();
        watch.unref();
        closeDescriptor(client);
        resolve();
      });
      sendBytes(server, ONE_BYTE, 0, 1);
    });
    // The number is free again: a new descriptor takes it and can be watched at once.
    const next = socketPair();
    sendBytes(next.server, ONE_BYTE, 0, 1);
    (await nextCall(next.client)).close();
    next.close();
    closeDescriptor(server);
    done();
  },

  'refuses a second watch, also in the callback': async () => {
    const { client, server, close } = socketPair();
    const watch = watchReadable(client, () => {});
    assert.throws(() => watchReadable(client, () => {}), InvariantError);
    watch.close();
    const last = await new Promise<DescriptorWatch>((resolve) => {
      const again = watchReadable(client, () => {
        assert.throws(() => watchReadable(client, () => {}), InvariantError);
        again.close();
        const next = watchReadable(client, () => resolve(next));
      });
      sendBytes(server, ONE_BYTE, 0, 1);
    });
    last.close();
    close();
    done();
  },

  'refuses what epoll refuses': () => {
    const refused = (fd: number, code: string): void =>
      assert.throws(
        () => watchReadable(fd, () => {}),
        (error) => error instanceof SystemCallError && error.code === code,
      );
    const file = openSync(fileURLToPath(import.meta.url), 'r');
    const device = openSync('/dev/null', 'r');
    refused(file, 'EPERM');
    refused(device, 'EPERM');
    refused(999_999, 'EBADF');
    refused(-1, 'EBADF');
    globalThis.gc!();
    done();
  },

  'an error in the callback is an uncaught exception and ends nothing': async () => {
    const { client, server, close } = socketPair();
    const seen: unknown[] = [];
    process.on('uncaughtException', (error) => seen.push(error.message));
    let calls = 0;
    await new Promise<void>((resolve) => {
      const watch = watchReadable(client, () => {
        receiveBytesOnly(client, into);
        calls += 1;
        if (calls < 3) {
          setImmediate(() => sendBytes(server, ONE_BYTE, 0, 1));
          throw new Error(`call ${calls}`);
        }
        watch.close();
        resolve();
      });
      sendBytes(server, ONE_BYTE, 0, 1);
    });
    assert.deepEqual(seen, ['call 1', 'call 2']);
    close();
    done();
  },

  'is kept while nothing refers to it': async () => {
    const { client, server, close } = socketPair();
    const called = nextCall(client);
    for (let round = 0; round < 5; round += 1) {
      globalThis.gc!();
      await new Promise((resolve) => setImmediate(resolve));
    }
    sendBytes(server, ONE_BYTE, 0, 1);
    (await called).close();
    close();
    done();
  },

  'watches the writable side when asked': async () => {
    const { client, server, close } = socketPair();
    const block = Buffer.alloc(65_536);
    while (sendBytes(client, block, 0, block.length) !== -1);
    await new Promise<void>((resolve) => {
      const watch = watchReadable(client, () => {
        watch.setWritable(false);
        assert.ok(sendBytes(client, block, 0, block.length) > 0);
        watch.close();
        resolve();
      });
      watch.setWritable(true);
      watch.setWritable(true);
      setImmediate(() => {
        while (receiveBytesOnly(server, block) !== -1);
      });
    });
    close();
    done();
  },

  'tells a reset connection until it is closed': async () => {
    const { client, server } = socketPair();
    // Closing with unread bytes resets the other end: POLLERR, where libuv stops watching.
    sendBytes(client, ONE_BYTE, 0, 1);
    const outcomes: (string | number)[] = [];
    await new Promise<void>((resolve) => {
      const watch = watchReadable(client, () => {
        try {
          const { byteLength } = receiveBytes(client, into);
          outcomes.push(byteLength);
          if (byteLength !== 0) return;
          watch.close();
          resolve();
        } catch (error) {
          outcomes.push((error as SystemCallError).code);
        }
      });
      closeDescriptor(server);
    });
    assert.deepEqual(outcomes, ['ECONNRESET', 0]);
    closeDescriptor(client);
    done();
  },

  'lets the process exit when unreferenced': () => {
    const { client } = socketPair();
    watchReadable(client, () => {}).unref();
    done();
  },

  'does not hold up exit(), however many are ready': async () => {
    const pairs = Array.from({ length: 16 }, socketPair);
    let calls = 0;
    await new Promise<void>((resolve) => {
      for (const { client, server } of pairs) {
        // Nobody reads, so each is ready again and again, also during and after exit().
        watchReadable(client, () => {
          calls += 1;
          if (calls === 100) resolve();
        });
        sendBytes(server, ONE_BYTE, 0, 1);
      }
    });
    writeSync(1, 'ok\n');
    process.exit(0);
  },

  'ends a process that does not expect an error, as any error does': async () => {
    const { client, server } = socketPair();
    watchReadable(client, () => {
      writeSync(1, 'ok\n');
      throw new Error('expected by the test');
    });
    sendBytes(server, ONE_BYTE, 0, 1);
  },
};

/** Ends a worker that watches, and one that waits in slices, from outside. */
async function terminate(): Promise<void> {
  for (const kind of ['watches', 'waits']) {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: kind });
    await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
  }
  done();
}

async function runForEver(kind: string): Promise<void> {
  const { parentPort } = await import('node:worker_threads');
  const { client } = socketPair();
  // First, because koffi aborts when a thread is terminated while it binds a function.
  pollDescriptors([client], 0);
  if (kind === 'watches') watchReadable(client, () => {});
  parentPort!.postMessage('started');
  while (kind === 'waits') pollDescriptors([client], 50);
}

async function main(): Promise<void> {
  const [scenario = '', where = ''] = process.argv.slice(2);
  if (typeof workerData === 'string') return runForEver(workerData);
  if (scenario === 'terminate') return terminate();
  if (where === 'worker' && isMainThread) {
    const worker = new Worker(fileURLToPath(import.meta.url), { argv: [scenario, where] });
    worker.on('error', (error) => writeSync(2, `${error.stack}\n`));
    worker.on('exit', (code) => (process.exitCode = code));
    return;
  }
  await scenarios[scenario]!();
}

await main();
