/**
 * The record of one pool slot: 256 bytes in the control block, written by the publisher.
 *
 * ```text
 *   0 state u32        0 taken · 1 readable                         Atomics
 *   4 flags u32        1 key · 2 discontinuity · 4 corrupt · 8 incomplete
 *   8 sequence u64     stable while the slot is leased: a reader compares it after its lease is visible
 *  16 fence u64        = sequence once the data is complete; the CPU or the GPU writes it
 *  24 byteLength u64   bytes of the slot in use
 *  32 pts i64 ns       48 publish time i64 ns (CLOCK_MONOTONIC)
 *  40 capture i64 ns   56 id u64: lineage, the same on everything derived from one capture
 *  64 userDataBytes u32, ≤ 96      68 dims u32, ≤ 22
 *  72 dim u32[22]      shapes of the variable tensors, one after the other
 * 160 userData u8[96]
 * ```
 *
 * Order of writes: state = 0, payload and everything else plainly, state = 1, index, published.
 */
export const POOL_RECORD_BYTES = 256;
export const POOL_RECORD_WORDS = POOL_RECORD_BYTES / 4;
export const MAX_USER_DATA_BYTES = 96;
export const MAX_RECORD_DIMS = 22;

export const SlotState = Object.freeze({ taken: 0, readable: 1 });

export const FrameFlag = Object.freeze({ key: 1, discontinuity: 2, corrupt: 4, incomplete: 8 });

/** Word offsets inside a record. */
export const Slot = Object.freeze({
  state: 0,
  flags: 1,
  sequenceLow: 2,
  sequenceHigh: 3,
  fenceLow: 4,
  fenceHigh: 5,
  byteLengthLow: 6,
  byteLengthHigh: 7,
  ptsLow: 8,
  ptsHigh: 9,
  captureLow: 10,
  captureHigh: 11,
  publishLow: 12,
  publishHigh: 13,
  idLow: 14,
  idHigh: 15,
  userDataBytes: 16,
  dims: 17,
  dim: 18,
});

/** Byte offset of the user data inside a record. */
export const USER_DATA_OFFSET_BYTES = 160;
