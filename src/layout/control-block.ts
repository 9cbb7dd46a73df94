/**
 * The control block: one memfd a channel and epoch, written by the publisher, mapped read-only by everybody else.
 *
 * ```text
 * byte    0 ┌ identity ──────── written once, before anybody maps it ───────────────────────────────┐
 *           │ 0 magic  4 version  8 kind  12 epoch  16 instance[4]                                  │
 *           │ 32 slots  36 recordBytes  40 indexSize  44 writeAhead  48 slotBytes u64               │
 *           │ 56 recordsOffset  60 indexOffset                                                      │
 *        64 ├ head ──────────── the line that readers which wait look at ───────────────────────────┤
 *           │ 64 head (pool: published)  68 highA  72 highB                                         │
 *       128 ├ producer ──────── stored with each publish, looked at only by readers that skip ──────┤
 *           │ 128 published f64  136 bytes f64  144 dropped f64  152 lastPublishNs f64 (advisory)   │
 *           │ 160 newestStart  164 newestSequence                                                   │
 *       192 ├ state ─────────── rarely stored ──────────────────────────────────────────────────────┤
 *           │ 192 state  196 nextEpoch  200 startedNs f64  208 wallOffsetNs f64                     │
 *           │ 232 samplePosition  240 sampleTime f64                                                │
 *       256 └ pool: index u32[indexSize], then records at recordsOffset · rings: the ring ──────────┘
 * ```
 *
 * A store to a line that a reader just looked at waits for that reader's core: about 100 ns. So what the writer stores
 * with every message and what readers look at for every message share one word, the head, and nothing else.
 *
 * All words are little-endian and naturally aligned. `head` is stored with `Atomics`; the 64-bit head is
 * (high, head): the writer stores highA, head, highB, a reader loads highB, head, highA until the two highs agree.
 */
import { alignUp, highWord, lowWord } from '../core/index.js';

/** 'SLUC' read as a little-endian word. */
export const CONTROL_MAGIC = 0x43554c53;
export const PROTOCOL_VERSION = 1;
export const HEADER_BYTES = 256;

/** Which structure follows the header. */
export const ControlKind = Object.freeze({ pool: 1, slots: 2, bytes: 3 });
export type ControlKind = (typeof ControlKind)[keyof typeof ControlKind];

/** Values of the state word. */
export const ChannelState = Object.freeze({ preparing: 0, live: 1, ended: 2 });

/** Indices into the block seen as 32-bit words. */
export const Header = Object.freeze({
  magic: 0,
  version: 1,
  kind: 2,
  epoch: 3,
  instance: 4,
  slots: 8,
  recordBytes: 9,
  indexSize: 10,
  writeAhead: 11,
  slotBytesLow: 12,
  slotBytesHigh: 13,
  recordsOffset: 14,
  indexOffset: 15,
  head: 16,
  highA: 17,
  highB: 18,
  newestStart: 40,
  newestSequence: 41,
  samplePosition: 58,
  state: 48,
  nextEpoch: 49,
});

/** Indices into the block seen as 64-bit floating point numbers. */
export const HeaderDouble = Object.freeze({
  sampleTimeNs: 30,
  published: 16,
  bytes: 17,
  dropped: 18,
  lastPublishNs: 19,
  startedNs: 25,
  wallOffsetNs: 26,
});

/** The three ways the code looks at one control block. */
export interface ControlViews {
  readonly words: Int32Array;
  readonly doubles: Float64Array;
  readonly bytes: Uint8Array;
}

export function controlViews(buffer: ArrayBufferLike): ControlViews {
  return {
    words: new Int32Array(buffer),
    doubles: new Float64Array(buffer, 0, HEADER_BYTES / 8),
    bytes: new Uint8Array(buffer),
  };
}

/** What the identity line says. */
export interface ControlGeometry {
  readonly kind: ControlKind;
  readonly epoch: number;
  /** 16 random bytes as four words: one life of a publisher. */
  readonly instance: readonly [number, number, number, number];
  /** Pool: slots. Slots ring: slots, a power of two. Bytes ring: units of 64 bytes, a power of two. */
  readonly slots: number;
  readonly recordBytes: number;
  /** Pool: entries of the index, a power of two ≥ slots. Rings: 0. */
  readonly indexSize: number;
  /** Rings: the most slots or units that one publish may write ahead of the head. Pool: 0. */
  readonly writeAhead: number;
  /** Pool: bytes from one slot of the data memory to the next. Rings: 0. */
  readonly slotBytes: number;
  readonly recordsOffset: number;
  readonly indexOffset: number;
}

/** Bytes of the whole control block. */
export function controlByteLength(geometry: ControlGeometry): number {
  return alignUp(geometry.recordsOffset + geometry.slots * geometry.recordBytes, 4096);
}

export function writeGeometry(words: Int32Array, geometry: ControlGeometry): void {
  words[Header.version] = PROTOCOL_VERSION;
  words[Header.kind] = geometry.kind;
  words[Header.epoch] = geometry.epoch;
  for (let i = 0; i < 4; i++) words[Header.instance + i] = geometry.instance[i] ?? 0;
  words[Header.slots] = geometry.slots;
  words[Header.recordBytes] = geometry.recordBytes;
  words[Header.indexSize] = geometry.indexSize;
  words[Header.writeAhead] = geometry.writeAhead;
  words[Header.slotBytesLow] = lowWord(geometry.slotBytes);
  words[Header.slotBytesHigh] = highWord(geometry.slotBytes);
  words[Header.recordsOffset] = geometry.recordsOffset;
  words[Header.indexOffset] = geometry.indexOffset;
  words[Header.magic] = CONTROL_MAGIC;
}
