/**
 * Counts the heap bytes that sending and draining leave behind. Run with --expose-gc and a young generation so large
 * that no collection falls into a part that is counted; parts where one did are left out.
 */
import { bytes, openPublisher, openSubscriber } from '../../index.js';
import { answer, givenTo } from './given.js';

export interface AllocationGiven {
  readonly directory: string;
  /** One a process: what V8 makes of code that has seen both is not what most programs get. */
  readonly layout: 'slots' | 'bytes';
}

/** Ask for a sample; the answer is an `AllocationResult`. */
export interface AllocationTask {
  readonly operation: 'trySendBatch' | 'trySend' | 'drain';
  readonly messages: number;
}

export interface AllocationResult {
  readonly bytesPerMessage: number;
  /** Messages in parts that no collection fell into. */
  readonly counted: number;
}

const MESSAGE_BYTES = 240;
const BATCH = 64;
/** Messages sent before any is read: the ring has room for them, with room to spare. */
const PART = 8192;
const RING_SLOTS = 16_384;
const RING_BYTES = 8 * 2 ** 20;
/** Until every function on the way is compiled. */
const WARM_UP = 25;

const { directory, layout } = givenTo<AllocationGiven>();
const message = new Uint8Array(MESSAGE_BYTES);
const batch = Array.from({ length: BATCH }, () => message);
const size = layout === 'slots' ? { slots: RING_SLOTS } : { ringBytes: RING_BYTES };
const channel = `bench/allocation-${layout}`;
const publisher = await openPublisher(channel, { format: bytes(), layout, directory, ...size });
const subscriber = await openSubscriber(channel, { format: bytes(), directory });
let checksum = 0;

const visit = (view: Uint8Array, offset: number): void => {
  checksum = (checksum + (view[offset] ?? 0)) | 0;
};

function sendInBatches(): void {
  for (let sent = 0; sent < PART; sent += BATCH) {
    if (publisher.trySendBatch(batch) !== BATCH) throw new Error('the ring is full');
  }
}

function sendOneByOne(): void {
  for (let sent = 0; sent < PART; sent++) {
    if (!publisher.trySend(message)) throw new Error('the ring is full');
  }
}

function drainAll(): void {
  let left = PART;
  while (left > 0) {
    const drained = subscriber.drain(visit, left);
    if (drained === 0) throw new Error('messages are missing');
    left -= drained;
  }
}

const usedBytes = (): number => process.memoryUsage().heapUsed;

/** Heap bytes that `work` takes; what the question itself takes counts for nothing. */
function heapBytesOf(work: () => void): number {
  const first = usedBytes();
  const second = usedBytes();
  work();
  const third = usedBytes();
  return third - second - (second - first);
}

function measure({ operation, messages }: AllocationTask): AllocationResult {
  const send = operation === 'trySend' ? sendOneByOne : sendInBatches;
  const parts = Math.max(1, Math.round(messages / PART));
  let heapBytes = 0;
  let counted = 0;
  for (let part = -WARM_UP; part < parts; part++) {
    if (part === 0) globalThis.gc?.();
    const sending = heapBytesOf(send);
    const draining = heapBytesOf(drainAll);
    const taken = operation === 'drain' ? draining : sending;
    // Less than before by more than the noise of the counter: there was a collection.
    if (part < 0 || taken < -PART) continue;
    heapBytes += taken;
    counted += PART;
  }
  const bytesPerMessage = counted === 0 ? Number.NaN : Math.max(0, heapBytes / counted);
  return { bytesPerMessage, counted };
}

process.on('message', (task: AllocationTask) => {
  void answer(measure(task));
});
await answer({ ready: true });
