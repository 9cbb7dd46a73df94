/** Rings after scripted writes over their end and over the carry of the head. */
import assert from 'node:assert/strict';
import { highWord, lowWord } from '../../dist/src/core/index.js';
import {
  bytesRingGeometry,
  Page,
  pageViews,
  slotsRingGeometry,
} from '../../dist/src/layout/index.js';
import { BytesReader, BytesWriter, SlotsReader, SlotsWriter } from '../../dist/src/ring/index.js';
import { EPOCH, identityOf, newControl } from './memory-cases.mjs';
import { fixedClock, hex, INSTANCE_WORDS } from './samples.mjs';

const IDENTITY = { epoch: EPOCH, instance: INSTANCE_WORDS };
const CLOCK_START_NS = 90071000000001;
const CLOCK_STEP_NS = 1000003;

const PLAIN = {
  type: 0,
  key: false,
  ptsNs: 0,
  extended: false,
  idLow: 0,
  idHigh: 0,
  dtsNs: 0,
  captureTimeNs: 0,
};

/** `byteLength` bytes that tell the message and the place: `seed`, `seed + 1`, ... */
function payload(seed, byteLength) {
  return Uint8Array.from({ length: byteLength }, (_, index) => (seed + index) & 0xff);
}

function producerFacts(writer, newestStart, sample) {
  const head = writer.head;
  const line = { head: lowWord(head), high: highWord(head), newestStart: lowWord(newestStart) };
  return { ...line, ...sample };
}

/** Reads everything from `start` with the built reader: the vectors must be what it delivers. */
function readBack(Reader, views, geometry, start, expected) {
  const page = pageViews(new ArrayBuffer(4096));
  const options = {
    delivery: 'every',
    maxLag: geometry.slots,
    pinned: false,
    ...start,
    share: { index: 0, count: 1 },
    now: () => 0,
  };
  const reader = new Reader(views, page.words, geometry, options);
  const found = [];
  reader.drain((view, offset, byteLength, type, sequence) => {
    found.push({ sequence, type, payload: hex(view.subarray(offset, offset + byteLength)) });
  }, 1000);
  const wanted = expected.map(({ sequence, type, payload: text }) => ({
    sequence,
    type,
    payload: text,
  }));
  assert.deepEqual(found, wanted);
  assert.equal(reader.corrupt, false);
  assert.equal(page.words[Page.cursor] >>> 0, lowWord(reader.position));
}

/** 16 slots from position 2^32 - 11: messages of one to four slots, over the end of the ring and the carry. */
function slotsRing() {
  const geometry = slotsRingGeometry(IDENTITY, 16);
  const views = newControl(geometry);
  const start = 2 ** 32 - 11;
  const now = fixedClock(CLOCK_START_NS, CLOCK_STEP_NS);
  const writer = new SlotsWriter(views, geometry, { start, now });
  const messages = [];
  const sizes = [0, 1, 241, 240, 960, 480, 17, 3, 481];
  let newestStart = start;
  sizes.forEach((byteLength, index) => {
    const type = 255 - index;
    newestStart = writer.head;
    const bytes = payload(index * 16 + 1, byteLength);
    assert.ok(writer.tryWrite(bytes, { ...PLAIN, type }));
    messages.push({
      position: newestStart,
      sequence: newestStart + 1,
      type,
      slots: writer.head - newestStart,
      payload: hex(bytes),
    });
  });
  // One batch: announced by one store, so the newest message is its last.
  const batch = [payload(7, 5), payload(9, 250)];
  const batchStart = writer.head;
  assert.equal(writer.tryWriteBatch(batch, { ...PLAIN, type: 6 }), 2);
  newestStart = batchStart + 1;
  batch.forEach((bytes, index) => {
    const position = batchStart + index;
    const slots = index === 0 ? 1 : 2;
    messages.push({ position, sequence: position + 1, type: 6, slots, payload: hex(bytes) });
  });
  const oldest = writer.startAt(0);
  const kept = messages.filter(({ position }) => position >= oldest.position);
  assert.equal(kept[0].position, oldest.position);
  readBack(SlotsReader, views, geometry, oldest, kept);
  const sample = { samplePosition: lowWord(start), sampleTimeNs: CLOCK_START_NS };
  const facts = {
    file: 'slots-ring.bin',
    ...identityOf(geometry, views),
    ...producerFacts(writer, newestStart, sample),
    newestSequence: 0,
    publishedCount: messages.length,
    bytes: messages.reduce((sum, message) => sum + message.payload.length / 2, 0),
    lastPublishNs: CLOCK_START_NS,
    oldest,
    maxMessageBytes: writer.maxMessageBytes,
    messages: kept,
  };
  return { file: Buffer.from(views.bytes), facts };
}

/** 32 units from position 2^32 - 20: a padding at the end of the ring, an extended header, a carry. */
function bytesRing() {
  const geometry = bytesRingGeometry(IDENTITY, 32);
  const views = newControl(geometry);
  const start = 2 ** 32 - 20;
  let timeNs = 0;
  const clock = fixedClock(CLOCK_START_NS, CLOCK_STEP_NS);
  const now = () => (timeNs = clock());
  const writer = new BytesWriter(views, geometry, { start, now });
  writer.sequence = 2 ** 32 - 8;
  const packet = {
    extended: true,
    idLow: 0x76543210,
    idHigh: 0xfedcba98 | 0,
    dtsNs: -1000,
    captureTimeNs: 90070999000001,
  };
  const script = [
    [32, {}],
    [33, { type: 7, ptsNs: 5000000000 }],
    [100, { type: 1, key: true, ptsNs: -33333333, ...packet }],
    [200, { type: 2 }],
    [17, { type: 3 }],
    [60, { type: 4 }],
    [20, { type: 255, key: true, ptsNs: -33333333 }],
    [340, { type: 6, key: true, ptsNs: 40, ...packet }],
    [0, { type: 0 }],
  ];
  const messages = [];
  let newestStart = start;
  let sampleTimeNs = 0;
  script.forEach(([byteLength, changes], index) => {
    const header = { ...PLAIN, ...changes };
    const bytes = payload(index * 16 + 1, byteLength);
    const before = writer.head;
    const units = writer.unitsFor(byteLength);
    assert.ok(writer.tryWrite(bytes, header));
    const own = Math.ceil(((header.extended ? 64 : 32) + byteLength) / 64);
    const padding = writer.head - before - own;
    assert.ok(padding >= 0 && padding <= units);
    newestStart = before + padding;
    const publishTimeNs = index === 0 ? CLOCK_START_NS : timeNs;
    if (index === 0) sampleTimeNs = timeNs;
    messages.push({
      position: newestStart,
      padding,
      ...factsOf(writer, header, publishTimeNs),
      payload: hex(bytes),
    });
  });
  const oldest = writer.startAt(0);
  const kept = messages.filter(({ position }) => position >= oldest.position);
  assert.ok(kept.some(({ padding }) => padding > 0));
  readBack(BytesReader, views, geometry, oldest, kept);
  const sample = { samplePosition: lowWord(start), sampleTimeNs };
  const facts = {
    file: 'bytes-ring.bin',
    ...identityOf(geometry, views),
    ...producerFacts(writer, newestStart, sample),
    newestSequence: lowWord(writer.sequence),
    publishedCount: messages.length,
    bytes: messages.reduce((sum, message) => sum + message.payload.length / 2, 0),
    lastPublishNs: sampleTimeNs,
    oldest,
    maxMessageBytes: writer.maxMessageBytes,
    messages: kept,
  };
  return { file: Buffer.from(views.bytes), facts };
}

function factsOf(writer, header, publishTimeNs) {
  const { type, key, ptsNs, extended } = header;
  const plain = { sequence: writer.sequence, type, key, extended, publishTimeNs, ptsNs };
  if (!extended) return plain;
  return {
    ...plain,
    id: 'fedcba9876543210',
    dtsNs: header.dtsNs,
    captureTimeNs: header.captureTimeNs,
  };
}

export function ringVectors() {
  const slots = slotsRing();
  const bytes = bytesRing();
  const files = { 'slots-ring.bin': slots.file, 'bytes-ring.bin': bytes.file };
  return { files, rings: [slots.facts, bytes.facts] };
}
