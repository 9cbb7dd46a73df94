/**
 * The reader page: 4096 bytes shared by one subscriber and the publisher alone, both may write.
 *
 * ```text
 *    0 armed u32            subscriber sets 1 before it sleeps; publisher exchanges it to 0 and sends WAKE
 *   64 publisherArmed u32   publisher sets 1 before it waits; subscriber exchanges it to 0 and sends WAKE
 *   68 joinLow  72 joinHigh publisher, once: sequence or position at which the subscriber joined
 *   76 granted u32          publisher, once: lease words it will look at
 *   80 pinned u32          publisher, once: 1 = it never passes this subscriber, who may read a ring in place
 *  128 statistics f64[16]   subscriber; advisory, the publisher shows them and decides nothing by them
 *  256 lease u32[16]        subscriber: slot + 1, or 0
 *  320 cursor u32           subscriber: low word of the last frame, or the ring position, it is done with
 *  324 order u32            subscriber: a store here keeps its loads in order where the machine would not (arm64)
 * 1024 mirror u64[384]      fence mirrors, one a slot, written in the publisher's stream order (GPU memory)
 * ```
 *
 * `armed` has a line of its own: the publisher looks at it after each publish, and must not find it taken by a cursor.
 *
 * To the publisher every word here is foreign: it is read once, bounded, and can hurt only this subscriber.
 */
export const READER_PAGE_BYTES = 4096;
export const MAX_LEASES = 16;

/** Word offsets inside the page. */
export const Page = Object.freeze({
  armed: 0,
  cursor: 80,
  order: 81,
  publisherArmed: 16,
  joinLow: 17,
  joinHigh: 18,
  granted: 19,
  pinned: 20,
  lease: 64,
  mirror: 256,
});

/** Offsets of the statistics in the page seen as 64-bit floating point numbers. */
export const PageStatistic = Object.freeze({
  received: 16,
  skipped: 17,
  lost: 18,
  bytesInPlace: 19,
  bytesCopied: 20,
  latencyP50Us: 21,
  latencyP99Us: 22,
  latencyMaxUs: 23,
  reconnects: 24,
  lastSequence: 25,
});

export interface PageViews {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
}

export function pageViews(buffer: ArrayBufferLike): PageViews {
  return { words: new Int32Array(buffer), doubles: new Float64Array(buffer) };
}
