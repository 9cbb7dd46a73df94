/** A worker that reads its part of a worker ring, blocking, and reports what it saw. */
import { parentPort, workerData } from 'node:worker_threads';
import { monotonicNs } from '../../../src/ffi/index.js';
import { WorkerRingReader } from '../../../src/ring/index.js';
import { assertMessage } from './ring-fixture.js';

export interface ReaderTask {
  readonly buffer: SharedArrayBuffer;
  readonly index: number;
  readonly messages: number;
  /** Most messages a look takes: small ones make the writer wait often. */
  readonly max: number;
}

const { buffer, index, messages, max } = workerData as ReaderTask;
const reader = new WorkerRingReader(buffer, index, monotonicNs);
let seen = 0;
let looks = 0;
while (seen < messages) {
  const visited = reader.drainSync(
    (view, offset, byteLength) => {
      assertMessage(view, offset, byteLength, seen);
      seen++;
    },
    // A lost wake-up shows as a look that found nothing for this long although the writer goes on.
    20_000,
    max,
  );
  looks++;
  if (visited === 0) throw new Error(`reader ${index} slept beside message ${seen}`);
}
parentPort?.postMessage({
  seen,
  looks,
  received: reader.reader.received,
  lost: reader.reader.lost,
});
