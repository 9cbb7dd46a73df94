/** The ring between worker threads, bound to this machine's clock. */
import { monotonicNs } from '../ffi/index.js';
import { WorkerRingReader, WorkerRingWriter } from '../ring/index.js';

/** Takes the writing end of a ring made by `createWorkerRing`. One thread only. */
export function openWorkerRingWriter(buffer: SharedArrayBuffer): WorkerRingWriter {
  return new WorkerRingWriter(buffer, monotonicNs);
}

/** Takes reading end `index` of a ring made by `createWorkerRing`. One thread an index. */
export function openWorkerRingReader(buffer: SharedArrayBuffer, index: number): WorkerRingReader {
  return new WorkerRingReader(buffer, index, monotonicNs);
}
