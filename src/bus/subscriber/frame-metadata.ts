/**
 * The record of a claimed slot, copied out. Everything in it is the publisher's word: lengths are bounded by the
 * slot, counts by the record, and flags are taken bit by bit.
 */
import { joinSigned } from '../../core/index.js';
import {
  type ControlGeometry,
  type ControlViews,
  FrameFlag,
  HeaderDouble,
  MAX_RECORD_DIMS,
  MAX_USER_DATA_BYTES,
  POOL_RECORD_WORDS,
  Slot,
  USER_DATA_OFFSET_BYTES,
} from '../../layout/index.js';
import type { FrameFlags } from './received-frame.js';

export interface FrameMetadata {
  readonly sequence: number;
  readonly skipped: number;
  readonly flags: FrameFlags;
  readonly byteLength: number;
  readonly ptsNs: number;
  readonly captureTimeNs: number;
  readonly publishTimeNs: number;
  readonly captureUnixMs: number;
  readonly idWords: readonly [number, number];
  readonly dims: readonly number[];
  readonly userData: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);
const NO_DIMS: readonly number[] = Object.freeze([]);
/** Flags are few: all their combinations exist once. */
const FLAGS: readonly FrameFlags[] = Array.from({ length: 16 }, (_, bits) =>
  Object.freeze({
    keyFrame: (bits & FrameFlag.key) !== 0,
    discontinuity: (bits & FrameFlag.discontinuity) !== 0,
    corrupt: (bits & FrameFlag.corrupt) !== 0,
    incomplete: (bits & FrameFlag.incomplete) !== 0,
  }),
);

/** The flags of a record, by name. */
export function frameFlags(bits: number): FrameFlags {
  return FLAGS[bits & 15] as FrameFlags;
}

/** `clockOffsetNs` is what this process adds to its clock to get the publisher's. */
export function readMetadata(
  { words, doubles, bytes }: ControlViews,
  geometry: ControlGeometry,
  slot: number,
  sequence: number,
  skipped: number,
  clockOffsetNs: number,
): FrameMetadata {
  const at = geometry.recordsOffset / 4 + slot * POOL_RECORD_WORDS;
  const word = (offset: number): number => words[at + offset] ?? 0;
  const byteLength = joinSigned(word(Slot.byteLengthLow), word(Slot.byteLengthHigh));
  const captureNs = joinSigned(word(Slot.captureLow), word(Slot.captureHigh));
  const wallOffsetNs = doubles[HeaderDouble.wallOffsetNs] ?? 0;
  const dimensions = Math.min(word(Slot.dims) >>> 0, MAX_RECORD_DIMS);
  const userBytes = Math.min(word(Slot.userDataBytes) >>> 0, MAX_USER_DATA_BYTES);
  const userAt = at * 4 + USER_DATA_OFFSET_BYTES;
  return {
    sequence,
    skipped,
    flags: frameFlags(word(Slot.flags)),
    byteLength: Math.max(0, Math.min(byteLength, geometry.slotBytes)),
    ptsNs: joinSigned(word(Slot.ptsLow), word(Slot.ptsHigh)),
    captureTimeNs: captureNs - clockOffsetNs,
    publishTimeNs: joinSigned(word(Slot.publishLow), word(Slot.publishHigh)) - clockOffsetNs,
    captureUnixMs: (captureNs + wallOffsetNs) / 1e6,
    idWords: [word(Slot.idLow), word(Slot.idHigh)],
    dims:
      dimensions === 0
        ? NO_DIMS
        : Array.from({ length: dimensions }, (_, i) => word(Slot.dim + i) >>> 0),
    userData: userBytes === 0 ? NO_BYTES : bytes.slice(userAt, userAt + userBytes),
  };
}
