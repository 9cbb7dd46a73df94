/** What the two ends of `gpu-ring` agree on. */
import type { GpuGiven } from './serve.js';

export const RING_CHANNEL = 'bench/gpu-ring';
export const PAYLOAD_CHANNEL = 'bench/gpu-payload';

export interface RingGiven extends GpuGiven {
  /** Slots of the ring; messages of 240 bytes take one each. */
  readonly slots: number;
  /** Of a frame. */
  readonly frameBytes: number;
}

export const MESSAGE_BYTES = 240;
/** Consecutive 32-bit words, so that the first and the last one tell whether a message is whole. */
export const LAST_WORD = MESSAGE_BYTES / 4 - 1;

/** Messages that one kernel writes at most; the ring has four times as many slots. */
export function messagesALaunch({ slots }: RingGiven): number {
  return slots / 4;
}

/** Messages of a small batch. */
export const SMALL_BATCH = 32;
/** Their type: what is left of the large ones before has another. */
export const SMALL_TYPE = 1;

/** Frames enqueued ahead, and held: the copy engine is never without work. */
export const PAYLOAD_LAG = 8;
export const PAYLOAD_HELD = 2;
export const PAYLOAD_SLOTS = PAYLOAD_LAG + PAYLOAD_HELD + 2;

/** Who fills the frames. */
export type Filler = 'copy engine' | 'kernel';

/** The seed of the words that `stamp` writes into every frame. */
export const SEED = 7;

/** Word `index` of stamped memory, as kernels/integrity.cu has it; a signed 32-bit integer. */
export function stampedWord(seed: number, index: number): number {
  return (Math.imul(seed, 0x9e3779b1) + index) | 0;
}
