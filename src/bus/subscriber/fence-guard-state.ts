/** What the thread of a subscriber and its guard share: messages, and words by which each tells the other. */
import type { ControlGeometry } from '../../layout/index.js';

/** Words of a guard. */
export const GuardWord = Object.freeze({
  /** Watches handed over and not given up; {@link GUARD_ENDED} once the thread takes none any more. */
  watches: 0,
  /** 1: the process, or the worker that started it, ends. */
  stop: 1,
  /** 1: the thread has loaded all that it needs. */
  loaded: 2,
});
export const GUARD_WORDS = 3;
export const GUARD_ENDED = -1;

/** Words of a watch, in the memory of its verdicts behind the first. */
export const WatchWord = Object.freeze({ removal: 1, descriptors: 2 });

/** The guard looks at nothing of a watch, and has closed its descriptors, once its removal is `done`. */
export const Removal = Object.freeze({ none: 0, asked: 1, done: 2 });

/** Whose the descriptors of a watch are. Whoever changes the word to `closed` closes them, when they were its own. */
export const Descriptors = Object.freeze({ handedOver: 0, taken: 1, closed: 2 });

/** `workerData` of the guard. */
export interface GuardStart {
  readonly words: Int32Array;
  /** A pipe, readable when there is something new. */
  readonly wake: number;
  /** The longest wait in one piece. */
  readonly sliceMs: number;
}

/** Memory that the subscriber's thread keeps in place until the removal of the watch is done. */
interface MemoryRange {
  readonly address: number;
  readonly byteLength: number;
}

/** A message to the guard. */
export interface GuardedFences {
  readonly words: Int32Array;
  readonly leases: number;
  readonly geometry: ControlGeometry;
  readonly control: MemoryRange;
  readonly page: MemoryRange;
  /** Duplicates: the connection to the publisher, and its process where the kernel can tell. */
  readonly socket: number;
  readonly pidfd: number | undefined;
}
