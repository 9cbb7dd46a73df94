/**
 * One record of a bytes ring: contiguous, starts at a multiple of 64 bytes.
 *
 * ```text
 *  0 sequence u64     counts messages from 1
 *  8 length u32       payload bytes; of a padding record: bytes up to the end of the ring, header included
 * 12 kind u32         low 8 bits: type · bit 8 key · bit 9 extended · bit 30 padding
 * 16 time i64 ns      publish time, CLOCK_MONOTONIC
 * 24 pts i64 ns
 * 32 [extended only]  id u64 · dts i64 ns · capture i64 ns · 0 u64
 * 32 or 64 payload
 * ```
 *
 * A record never crosses the end of the ring: a padding record (its first 16 bytes only are defined) fills the rest.
 */
export const RING_UNIT_BYTES = 64;
export const RECORD_HEADER_BYTES = 32;
export const EXTENDED_HEADER_BYTES = 64;

export const MessageRecord = Object.freeze({
  sequenceLow: 0,
  sequenceHigh: 1,
  length: 2,
  kind: 3,
  timeLow: 4,
  timeHigh: 5,
  ptsLow: 6,
  ptsHigh: 7,
  idLow: 8,
  idHigh: 9,
  dtsLow: 10,
  dtsHigh: 11,
  captureLow: 12,
  captureHigh: 13,
});

/** Flags of the kind word, above the application's type. */
export const MessageKind = Object.freeze({
  typeMask: 0xff,
  key: 0x100,
  extended: 0x200,
  padding: 0x40000000,
  continuation: 0x80000000 | 0,
});

/** Units of 64 bytes that a record takes. */
export function unitsOfRecord(payloadBytes: number, extended: boolean): number {
  const header = extended ? EXTENDED_HEADER_BYTES : RECORD_HEADER_BYTES;
  return Math.ceil((header + payloadBytes) / RING_UNIT_BYTES);
}
