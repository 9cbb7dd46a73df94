/** A ring between the threads of one process: the main thread writes, two workers read every message. No socket, no files. */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createWorkerRing, openWorkerRingReader, openWorkerRingWriter } from 'sluice';

const MESSAGES = 100_000;
const READERS = 2;
const LAST = 1;

function write(ring: SharedArrayBuffer): void {
  const writer = openWorkerRingWriter(ring);
  const payload = new Uint8Array(8);
  const number = new DataView(payload.buffer);
  for (let i = 1; i <= MESSAGES; i++) {
    number.setUint32(0, i);
    const type = i === MESSAGES ? LAST : 0;
    // Full: a reader has not caught up. Readers hold the writer back, so nothing is ever lost.
    while (!writer.tryWrite(payload, type)) writer.waitForRoom(1, 1000);
  }
}

function read(ring: SharedArrayBuffer, index: number): void {
  const reader = openWorkerRingReader(ring, index);
  let sum = 0;
  let ended = false;
  while (!ended) {
    reader.drainSync((view, offset, _byteLength, type) => {
      sum += new DataView(view.buffer, view.byteOffset + offset).getUint32(0);
      ended = type === LAST;
    }, 1000);
  }
  parentPort?.postMessage(sum);
}

if (isMainThread) {
  const ring = createWorkerRing({ layout: 'slots', readers: READERS });
  const workers = Array.from(
    { length: READERS },
    (_, index) => new Worker(new URL(import.meta.url), { workerData: { ring, index } }),
  );
  await Promise.all(workers.map((worker) => once(worker, 'online')));
  const sums = workers.map((worker) => once(worker, 'message'));
  write(ring);
  for (const [sum] of await Promise.all(sums)) console.log(`a worker summed up to ${sum}`);
} else {
  const { ring, index } = workerData as { ring: SharedArrayBuffer; index: number };
  read(ring, index);
}
