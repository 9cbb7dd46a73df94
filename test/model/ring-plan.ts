/** What a ring instance is made of, and what its messages look like. */
import { lowWord } from '../../src/core/index.js';
import type { ControlGeometry, ControlViews } from '../../src/layout/index.js';
import type { RingCode } from './code-under-test.js';
import type { Plant } from './plant.js';
import type { SharedMemory } from './shared-memory.js';
import type { Sockets } from './sockets.js';

export interface RingReaderPlan {
  readonly delivery: 'latest' | 'every';
  /** Units that the writer waits for; 0: it never waits for this reader. */
  readonly budget?: number;
  /** The writer never passes it. */
  readonly pinned?: boolean;
  /** `every`: the reader's own budget; slots ring: in slots, bytes ring: in messages. Default: the whole ring. */
  readonly maxLag?: number;
  /** Most messages of one look. */
  readonly max?: number;
  /** Joins at any time instead of before the first message, at the head or where the writer says. */
  readonly late?: 'head' | 'newest' | 'oldest';
}

export interface RingPlan {
  readonly layout: 'slots' | 'bytes';
  /** Slots, or units of 64 bytes. */
  readonly capacity: number;
  readonly writeAhead: number;
  /** Messages by their length in words; an inner list is written as one batch. */
  readonly messages: readonly (number | readonly number[])[];
  readonly readers: readonly RingReaderPlan[];
  /** `pass over`: waits until its patience ends, then ignores who is in the way. */
  readonly policy: 'drop' | 'wait' | 'pass over';
  readonly readersDie?: boolean;
  /** Every message carries a time stamp. */
  readonly samples?: boolean;
  /** Position of the first unit. */
  readonly start?: number;
  /**
   * What the owner of the doorbell does. Default: it lowers it at every WAKE, discard and join. `when served`: a WAKE
   * that nobody waits for and a join are forgotten, but it lowers it whenever it got what it waited for.
   */
  readonly lowers?: 'when served';
  /**
   * Kernels of so many blocks write instead of the CPU: a kernel a batch, a slot a message. The first lap of the ring
   * is behind them, so lengths do not change.
   */
  readonly gpuBlocks?: number;
  /** So many of the last messages are written by the CPU, which takes the ring back. */
  readonly cpuAfter?: number;
  readonly plant?: Plant | undefined;
}

export interface RingParts {
  readonly memory: SharedMemory;
  readonly code: RingCode;
  readonly plan: RingPlan;
  readonly geometry: ControlGeometry;
  readonly control: ControlViews;
  readonly pages: readonly Int32Array[];
  readonly sockets: Sockets;
}

/**
 * A payload: the first and the last word carry the message's sequence and its length, the words between stay 0 (they
 * never change, so they cost no steps).
 */
export function payloadOf(sequence: number, words: number): Uint8Array {
  const payload = new Int32Array(words);
  payload[0] = payload[words - 1] = stampOf(sequence, words);
  return new Uint8Array(payload.buffer);
}

export function stampOf(sequence: number, words: number): number {
  return (lowWord(sequence) | 0) * 256 + words;
}
