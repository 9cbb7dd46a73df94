/** Runs inside a worker thread: the blocking calls, which have no place in a main thread. */
import { parentPort, workerData } from 'node:worker_threads';
import {
  openSubscriber,
  openWorkerRingReader,
  openWorkerRingWriter,
  tensor,
  text,
} from '../../../src/index.js';

interface Task {
  readonly task: 'frames' | 'messages' | 'wait' | 'asleep' | 'ring-reader' | 'ring-writer';
  readonly directory: string;
  readonly count: number;
  readonly ring: SharedArrayBuffer;
  readonly index: number;
}

const { task, directory, count, ring, index } = workerData as Task;
const port = parentPort!;
async function frames(): Promise<void> {
  const subscriber = await openSubscriber('numbers', {
    directory,
    format: tensor('u32', [16]),
    delivery: 'every',
    whenLost: 'end',
  });
  port.postMessage('ready');
  const seen: number[] = [];
  while (seen.length < count) {
    const frame = subscriber.receiveSync({ timeoutMs: 1000, spinUs: 50 });
    if (frame === undefined) continue;
    seen.push((frame.tensors.data.data as Uint32Array)[0] ?? -1);
    frame.release();
  }
  port.postMessage(seen);
  let last = subscriber.receiveSync({ timeoutMs: 1000 });
  while (last === undefined && subscriber.stats().held === 0) {
    const ended = await Promise.race([subscriber.closed, Promise.resolve(undefined)]);
    if (ended !== undefined) return port.postMessage(ended.reason);
    last = subscriber.receiveSync({ timeoutMs: 1000 });
  }
}

async function messages(): Promise<void> {
  const subscriber = await openSubscriber('words', { directory, format: text() });
  port.postMessage('ready');
  const seen: string[] = [];
  while (seen.length < count) {
    if (!subscriber.waitSync({ timeoutMs: 1000 })) continue;
    subscriber.drain((view, offset, byteLength) => {
      seen.push(Buffer.from(view).toString('latin1', offset, offset + byteLength));
    }, 3);
  }
  await subscriber.close();
  port.postMessage(seen);
}

async function wait(): Promise<void> {
  const subscriber = await openSubscriber('words', { directory, format: text() });
  port.postMessage(subscriber.receiveSync({ timeoutMs: 30 }) ?? 'nothing');
  await subscriber.close();
}

/** Says when it is about to block, and is then to be terminated or exited from. */
async function asleep(): Promise<void> {
  const subscriber = await openSubscriber('words', { directory, format: text() });
  port.postMessage('asleep');
  subscriber.receiveSync({ timeoutMs: 600_000 });
}

function ringReader(): void {
  const reader = openWorkerRingReader(ring, index);
  port.postMessage('ready');
  const seen: number[] = [];
  while (seen.length < count) {
    reader.drainSync((view, offset) => {
      seen.push(new DataView(view.buffer, view.byteOffset).getUint32(offset, true));
    }, 1000);
  }
  port.postMessage(seen);
}

function ringWriter(): void {
  const writer = openWorkerRingWriter(ring);
  for (let i = 0; i < count; i++) {
    const payload = Buffer.alloc(4 + (i % 50) * 8);
    payload.writeUInt32LE(i);
    while (!writer.tryWrite(payload, 1)) writer.waitForRoom(8, 1000);
  }
  port.postMessage('written');
}

const tasks: Record<Task['task'], () => void | Promise<void>> = {
  frames,
  messages,
  wait,
  asleep,
  'ring-reader': ringReader,
  'ring-writer': ringWriter,
};
await tasks[task]();
