/** A message ring over plain memory with any number of reader pages, and messages that can be recognised. */
import assert from 'node:assert/strict';
import {
  bytesRingGeometry,
  controlByteLength,
  type ControlGeometry,
  type ControlViews,
  controlViews,
  READER_PAGE_BYTES,
  slotsRingGeometry,
  writeGeometry,
} from '../../../src/layout/index.js';
import {
  BytesReader,
  BytesWriter,
  type MessageHeader,
  type RingReader,
  type RingReaderEntry,
  type RingReaderOptions,
  type RingStart,
  type RingWriter,
  SlotsReader,
  SlotsWriter,
} from '../../../src/ring/index.js';

export type RingLayout = 'slots' | 'bytes';
export const LAYOUTS: readonly RingLayout[] = ['slots', 'bytes'];

export const HEADER: MessageHeader = {
  type: 7,
  key: false,
  ptsNs: 0,
  extended: false,
  idLow: 0,
  idHigh: 0,
  dtsNs: 0,
  captureTimeNs: 0,
};

export interface Ring {
  readonly layout: RingLayout;
  readonly geometry: ControlGeometry;
  readonly control: ControlViews;
  readonly writer: RingWriter;
}

export function makeRing(layout: RingLayout, slots: number, start = 0, now = () => 0): Ring {
  const identity = { epoch: 1, instance: [1, 2, 3, 4] as const };
  const geometry =
    layout === 'slots' ? slotsRingGeometry(identity, slots) : bytesRingGeometry(identity, slots);
  const control = controlViews(new ArrayBuffer(controlByteLength(geometry)));
  writeGeometry(control.words, geometry);
  const Writer = layout === 'slots' ? SlotsWriter : BytesWriter;
  return { layout, geometry, control, writer: new Writer(control, geometry, { start, now }) };
}

export interface Joined {
  readonly reader: RingReader;
  readonly entry: RingReaderEntry;
  readonly page: Int32Array;
}

/** Adds a reader at `start` with the budget that its kind gets from a publisher. */
export function join(
  ring: Ring,
  start: RingStart,
  options: Partial<RingReaderOptions> & { budget?: number } = {},
): Joined {
  const page = new Int32Array(READER_PAGE_BYTES / 4);
  const { capacity } = ring.writer;
  const { budget = options.pinned === true ? capacity : 0, ...rest } = options;
  const entry = ring.writer.addReader({ page, budget }, start.position);
  const Reader = ring.layout === 'slots' ? SlotsReader : BytesReader;
  const reader = new Reader(ring.control, page, ring.geometry, {
    delivery: 'every',
    maxLag: capacity,
    pinned: false,
    position: start.position,
    sequence: start.sequence,
    share: { index: 0, count: 1 },
    now: () => 0,
    ...rest,
  });
  return { reader, entry, page };
}

/** A message of `byteLength` bytes, each of which follows from the message's number and its place. */
export function message(number: number, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  for (let i = 0; i < byteLength; i++) bytes[i] = byteAt(number, i);
  return bytes;
}

/** Throws unless the bytes are those of message `number`. */
export function assertMessage(
  view: Uint8Array,
  offset: number,
  byteLength: number,
  number: number,
): void {
  for (let i = 0; i < byteLength; i++) {
    if (view[offset + i] !== byteAt(number, i)) {
      assert.fail(`message ${number} of ${byteLength} bytes is torn at byte ${i}`);
    }
  }
}

function byteAt(number: number, place: number): number {
  return (Math.imul(number, 31) + Math.imul(place, 7) + (place >>> 8)) & 0xff;
}
