/** Shared memory by section 6 of spec/protocol.md. Written from the document: nothing here comes from src/. */
import assert from 'node:assert/strict';
import { align } from './format-decoder.js';
import type { Json } from './foreign-fields.js';

const TWO_32 = 2 ** 32;

function u64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}

function i64(view: DataView, at: number): number {
  return Number(view.getBigInt64(at, true));
}

function u32List(view: DataView, at: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => view.getUint32(at + 4 * index, true));
}

function hex(view: DataView, at: number, byteLength: number): string {
  return Buffer.from(view.buffer, view.byteOffset + at, byteLength).toString('hex');
}

/** A u64 as 16 digits, the high word first. */
function hex64(view: DataView, at: number): string {
  return view.getBigUint64(at, true).toString(16).padStart(16, '0');
}

export interface Control {
  readonly kind: number;
  readonly slots: number;
  readonly indexSize: number;
  readonly writeAhead: number;
  readonly recordsOffset: number;
  /** All 64 bits. */
  readonly head: number;
  /** Everything by the names of index.json. */
  readonly facts: Json;
}

export function decodeControl(view: DataView): Control {
  const word = (at: number): number => view.getUint32(at, true);
  const double = (at: number): number => view.getFloat64(at, true);
  assert.equal(word(0), 0x43554c53);
  assert.equal(word(4), 1);
  assert.equal(word(60), 256);
  assert.equal(word(68), word(72), 'both high words');
  const [kind, slots, recordBytes, indexSize] = [word(8), word(32), word(36), word(40)];
  const recordsOffset = word(56);
  assert.equal(recordsOffset, kind === 1 ? align(256 + 4 * indexSize, 64) : 256);
  assert.equal(view.byteLength, align(recordsOffset + slots * recordBytes, 4096));
  const instance = u32List(view, 16, 4).map((part) => part.toString(16).padStart(8, '0'));
  const facts = {
    kind,
    slots,
    recordBytes,
    indexSize,
    writeAhead: word(44),
    slotBytes: u64(view, 48),
    epoch: word(12),
    instance: instance.join(''),
    controlBytes: view.byteLength,
    state: word(192),
    startedNs: double(200),
    wallOffsetNs: double(208),
    high: word(68),
    publishedCount: double(128),
    bytes: double(136),
    lastPublishNs: double(152),
  };
  const head = word(68) * TWO_32 + word(64);
  return { kind, slots, indexSize, writeAhead: word(44), recordsOffset, head, facts };
}

/** A control block of kind 1 with its index and records. */
export function decodePool(view: DataView): Json {
  const { slots, indexSize, recordsOffset, head, facts } = decodeControl(view);
  const index = u32List(view, 256, indexSize);
  const records = Array.from({ length: slots }, (_, slot) =>
    decodeRecord(view, recordsOffset + 256 * slot),
  );
  const newest = records[index[head % indexSize] as number];
  assert.deepEqual([newest?.['state'], newest?.['sequence']], [1, head], 'the newest frame');
  const pending = records.flatMap(({ state, fence, sequence }, slot) =>
    state === 1 && fence !== sequence ? [slot] : [],
  );
  const content = { index, pending, records };
  return { ...facts, published: head, dropped: view.getFloat64(144, true), ...content };
}

function decodeRecord(view: DataView, at: number): Json {
  const userBytes = Math.min(view.getUint32(at + 64, true), 96);
  const dims = Math.min(view.getUint32(at + 68, true), 22);
  return {
    state: view.getUint32(at, true),
    sequence: u64(view, at + 8),
    fence: u64(view, at + 16),
    flags: view.getUint32(at + 4, true),
    byteLength: u64(view, at + 24),
    ptsNs: i64(view, at + 32),
    captureTimeNs: i64(view, at + 40),
    publishTimeNs: i64(view, at + 48),
    id: hex64(view, at + 56),
    dims: u32List(view, at + 72, dims),
    userData: hex(view, at + 160, userBytes),
  };
}

/** `mirrored`: for how many slots mirrors are stated. */
export function decodePage(view: DataView, mirrored: number): Json {
  assert.equal(view.byteLength, 4096);
  const [armed] = u32List(view, 0, 1);
  const [cursor] = u32List(view, 320, 1);
  const [publisherArmed, low, high, granted, pinned] = u32List(view, 64, 5);
  const statistics = Array.from({ length: 10 }, (_, i) => view.getFloat64(128 + 8 * i, true));
  const join = (high as number) * TWO_32 + (low as number);
  const leases = u32List(view, 256, 16);
  const all = Array.from({ length: 384 }, (_, slot) => hex64(view, 1024 + 8 * slot));
  const mirrors = all.slice(0, mirrored);
  assert.ok(all.slice(mirrored).every((value) => BigInt(`0x${value}`) === 0n));
  return { armed, cursor, publisherArmed, join, granted, pinned, statistics, leases, mirrors };
}

export interface DecodedMessage {
  /** Undefined: a padding. */
  readonly message: Json | undefined;
  /** Slots or units that it takes. */
  readonly units: number;
}

/** Section 6.5. */
export function decodeSlots(view: DataView, { slots }: Control, position: number): DecodedMessage {
  const at = (place: number): number => 256 + 256 * (place % slots);
  const length = view.getUint32(at(position) + 8, true);
  const type = view.getUint32(at(position) + 12, true);
  assert.ok(type <= 255, 'a first slot');
  const units = Math.max(1, Math.ceil(length / 240));
  let payload = '';
  for (let index = 0; index < units; index++) {
    const slot = at(position + index);
    const rest = length - 240 * index;
    const continued = index === 0 ? 0 : 0x80000000;
    assert.equal(u64(view, slot), position + index + 1);
    assert.equal(view.getUint32(slot + 8, true), rest);
    assert.equal(view.getUint32(slot + 12, true), type + continued);
    payload += hex(view, slot + 16, Math.min(rest, 240));
  }
  return { message: { position, sequence: position + 1, type, slots: units, payload }, units };
}

/** Section 6.6. `padding`: units passed just before. */
export function decodeUnits(
  view: DataView,
  { slots }: Control,
  position: number,
  padding: number,
): DecodedMessage {
  const at = 256 + 64 * (position % slots);
  const length = view.getUint32(at + 8, true);
  const kind = view.getUint32(at + 12, true);
  if (Math.floor(kind / 2 ** 30) % 2 === 1) {
    assert.equal(length, 64 * (slots - (position % slots)), 'padding reaches the end');
    return { message: undefined, units: length / 64 };
  }
  const extended = Math.floor(kind / 2 ** 9) % 2 === 1;
  const header = extended ? 64 : 32;
  const message: Json = {
    position,
    padding,
    sequence: u64(view, at),
    type: kind % 256,
    key: Math.floor(kind / 2 ** 8) % 2 === 1,
    extended,
    publishTimeNs: i64(view, at + 16),
    ptsNs: i64(view, at + 24),
    payload: hex(view, at + header, length),
  };
  if (extended) {
    message['id'] = hex64(view, at + 32);
    message['dtsNs'] = i64(view, at + 40);
    message['captureTimeNs'] = i64(view, at + 48);
  }
  return { message, units: Math.ceil((header + length) / 64) };
}
