/** A worker that reads a pool in shared memory as fast as it can and reports every frame that was torn. */
import { parentPort, workerData } from 'node:worker_threads';
import { Page, readGeometry } from '../../../src/layout/index.js';
import {
  Claim,
  PoolReader,
  type PoolReaderOptions,
  readerDoorbell,
} from '../../../src/ring/index.js';

export interface StressTask {
  readonly control: SharedArrayBuffer;
  readonly data: SharedArrayBuffer;
  readonly page: SharedArrayBuffer;
  readonly options: PoolReaderOptions;
  /** Sequence of the last frame to come. */
  readonly last: number;
}

const { control, data, page, options, last } = workerData as StressTask;
const words = new Int32Array(control);
const geometry = readGeometry(words, control.byteLength);
if (typeof geometry === 'string') throw new Error(geometry);
const content = new Int32Array(data);
const perSlot = geometry.slotBytes / 4;
const pageWords = new Int32Array(page);
const doorbell = readerDoorbell(pageWords);
const reader = new PoolReader(words, pageWords, geometry, options);
const held: number[] = [];
let received = 0;
let torn = 0;
let disorder = 0;
let previous = options.lastSequence;
let failed = '';

/** Every word of a frame is the low word of its sequence. */
function isTorn(lease: number): boolean {
  const from = reader.slotOf(lease) * perSlot;
  const expected = reader.sequenceOf(lease) | 0;
  for (let i = 0; i < perSlot; i++) if (content[from + i] !== expected) return true;
  return false;
}

while (reader.lastSequence < last && failed === '') {
  const lease = reader.tryClaim();
  if (lease >= 0) {
    received++;
    const sequence = reader.sequenceOf(lease);
    if (sequence <= previous) disorder++;
    previous = sequence;
    if (isTorn(lease)) torn++;
    held.push(lease);
  } else if (lease === Claim.corrupt) {
    failed = 'corrupt';
  }
  // Leases stay for a few claims and are let go out of order; the content must hold until then.
  if (held.length === options.leases || (lease < 0 && held.length > 0)) {
    const [released] = held.splice(received % held.length, 1);
    if (released !== undefined) {
      if (isTorn(released)) torn++;
      reader.release(released);
    }
  } else if (lease < 0 && !doorbell.mustLookAgain()) {
    if (Atomics.wait(pageWords, Page.armed, 1, 20_000) === 'timed-out') failed = 'slept for good';
    doorbell.woken();
  }
  if (reader.mustWakePublisher) {
    reader.mustWakePublisher = false;
    Atomics.notify(pageWords, Page.publisherArmed);
  }
}
for (const lease of held) reader.release(lease);
const { lost, skipped } = reader;
parentPort?.postMessage({ received, torn, disorder, lost, skipped, failed });
