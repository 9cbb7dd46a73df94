/**
 * Control blocks and reader pages after scripted writes. What is stated of them comes from the script, not from reading
 * them back.
 */
import assert from 'node:assert/strict';
import { highWord, lowWord } from '../../dist/src/core/index.js';
import {
  ChannelState,
  controlByteLength,
  controlViews,
  FrameFlag,
  Header,
  HeaderDouble,
  Page,
  PageStatistic,
  POOL_RECORD_BYTES,
  pageViews,
  poolGeometry,
  READER_PAGE_BYTES,
  Slot,
  writeGeometry,
} from '../../dist/src/layout/index.js';
import { FenceReader, FenceWriter, PoolReader, PoolWriter } from '../../dist/src/ring/index.js';
import { hex, INSTANCE, INSTANCE_WORDS } from './samples.mjs';

export const EPOCH = 3;
const STARTED_NS = 90061000000007;
const WALL_OFFSET_NS = 1769770739000000000;

/** A control block of zeros with its identity line, and its state line as a publisher leaves it. */
export function newControl(geometry) {
  const views = controlViews(new ArrayBuffer(controlByteLength(geometry)));
  writeGeometry(views.words, geometry);
  views.doubles[HeaderDouble.startedNs] = STARTED_NS;
  views.doubles[HeaderDouble.wallOffsetNs] = WALL_OFFSET_NS;
  views.words[Header.state] = ChannelState.live;
  return views;
}

export function identityOf({ kind, slots, recordBytes, indexSize, writeAhead, slotBytes }, views) {
  const layout = { kind, slots, recordBytes, indexSize, writeAhead, slotBytes };
  return {
    ...layout,
    epoch: EPOCH,
    instance: INSTANCE,
    controlBytes: views.bytes.length,
    state: 1,
    startedNs: STARTED_NS,
    wallOffsetNs: WALL_OFFSET_NS,
  };
}

const bytesOf = (views) => Buffer.from(views.bytes);

function newPage() {
  return pageViews(new ArrayBuffer(READER_PAGE_BYTES));
}

const NO_FRAME = { sequence: 0, fence: 0, flags: 0, byteLength: 0, ptsNs: 0, captureTimeNs: 0 };

/** What a reader finds in a record never written. */
const EMPTY_SLOT = {
  state: 0,
  ...NO_FRAME,
  publishTimeNs: 0,
  id: '0000000000000000',
  dims: [],
  userData: '',
};

class Pool {
  constructor() {
    this.geometry = poolGeometry({ epoch: EPOCH, instance: INSTANCE_WORDS }, 5, 8192);
    this.views = newControl(this.geometry);
    this.start = 2 ** 32 - 3;
    this.writer = new PoolWriter(this.views, this.geometry, { start: this.start });
    this.slots = Array.from({ length: 5 }, () => EMPTY_SLOT);
    this.index = Array(this.geometry.indexSize).fill(0);
    this.bytes = 0;
    this.frames = 0;
  }

  /** `enqueue(slot, sequence)`: what a GPU is told to do before the frame is announced. */
  publish(frame, deferred = false, enqueue = () => undefined) {
    const slot = this.writer.tryTake();
    assert.ok(slot >= 0);
    enqueue(slot, this.writer.published + 1);
    const sequence = this.writer.publish(slot, frame, deferred);
    this.index[sequence % this.geometry.indexSize] = slot;
    this.frames += 1;
    this.bytes += frame.byteLength;
    this.lastPublishNs = frame.publishTimeNs;
    const old = this.slots[slot];
    const { flags, byteLength, ptsNs, captureTimeNs, publishTimeNs, dims, userData } = frame;
    const fence = deferred ? old.fence : sequence;
    const record = { flags, byteLength, ptsNs, captureTimeNs, publishTimeNs, dims: [...dims] };
    const id = idOf(frame, sequence);
    const user = userData === undefined ? '' : hex(userData);
    this.slots[slot] = { state: 1, sequence, fence, ...record, id, userData: user };
    return sequence;
  }

  take() {
    const slot = this.writer.tryTake();
    assert.ok(slot >= 0);
    this.slots[slot] = { ...this.slots[slot], state: 0 };
    return slot;
  }

  /** Bytes of the block and what stands in it. */
  snapshot(file) {
    const { published: last } = this.writer;
    const newest = { published: last, high: highWord(last), publishedCount: this.frames };
    const counts = { bytes: this.bytes, dropped: this.views.doubles[HeaderDouble.dropped] };
    const identity = identityOf(this.geometry, this.views);
    const line = { ...newest, ...counts, lastPublishNs: this.lastPublishNs };
    const pending = this.slots.flatMap(({ state, sequence, fence }, slot) =>
      state === 1 && fence !== sequence ? [slot] : [],
    );
    const content = { index: [...this.index], pending, records: [...this.slots] };
    const facts = { file, ...identity, ...line, ...content };
    return { bytes: bytesOf(this.views), facts };
  }
}

/** 16 hexadecimal digits of the lineage id: given, or the sequence under the instance. */
function idOf({ idLow, idHigh }, sequence) {
  const given = idLow !== 0 || idHigh !== 0;
  const low = given ? idLow : lowWord(sequence) ^ INSTANCE_WORDS[0];
  const high = given ? idHigh : highWord(sequence) ^ INSTANCE_WORDS[1];
  const word = (value) => (value >>> 0).toString(16).padStart(8, '0');
  return word(high) + word(low);
}

function frameAt(index, changes = {}) {
  const timeNs = 90071000000001 + index * 33333333;
  const times = { ptsNs: index * 33333333, captureTimeNs: timeNs, publishTimeNs: timeNs + 450007 };
  const plain = { flags: 0, byteLength: 6000 + index, idLow: 0, idHigh: 0, dims: [] };
  return { ...plain, ...times, userData: undefined, ...changes };
}

/** Sequences 2^32 - 2 to 2^32 + 1 in five slots: a lease, a loan, a frame whose data is not there yet. */
export function poolVectors() {
  const pool = new Pool();
  const every = newPage();
  const terms = { page: every.words, leases: 1, maxLag: 2 };
  pool.writer.addReader(terms, pool.start);
  const reader = new PoolReader(pool.views.words, every.words, pool.geometry, {
    delivery: 'every',
    maxLag: 2,
    leases: 1,
    lastSequence: pool.start,
    share: { index: 0, count: 1 },
  });

  const user = new TextEncoder().encode('gate 7');
  pool.publish(frameAt(0, { flags: FrameFlag.key, userData: user }));
  const held = reader.tryClaim();
  assert.equal(reader.sequenceOf(held), 2 ** 32 - 2);
  const lineage = { idLow: 0x89abcdef, idHigh: 0xfedcba98 | 0 };
  const flags = FrameFlag.discontinuity | FrameFlag.incomplete;
  pool.publish(frameAt(1, { flags, ptsNs: -40000000, ...lineage }));
  const before = pool.snapshot('pool-before-carry.bin');

  pool.publish(frameAt(2, { dims: [3, 2, 7], byteLength: 0 }));
  pool.publish(frameAt(3, { flags: FrameFlag.corrupt }), true);
  pool.views.doubles[HeaderDouble.dropped] += 1;
  const loaned = pool.take();
  const after = pool.snapshot('pool-after-carry.bin');
  after.facts.loaned = loaned;

  pool.writer.roster.arm();
  Atomics.store(every.words, Page.armed, 1);
  every.doubles[PageStatistic.received] = 1;
  every.doubles[PageStatistic.latencyP50Us] = 12.5;
  every.doubles[PageStatistic.lastSequence] = 2 ** 32 - 2;
  const page = {
    file: 'reader-page.bin',
    armed: 1,
    cursor: 2 ** 32 - 2,
    publisherArmed: 1,
    join: pool.start,
    granted: 1,
    pinned: 0,
    statistics: [1, 0, 0, 0, 0, 12.5, 0, 0, 0, 2 ** 32 - 2],
    leases: [reader.slotOf(held) + 1, ...Array(15).fill(0)],
    mirrors: [],
  };
  const gpu = gpuVectors();
  const files = {
    'pool-before-carry.bin': before.bytes,
    'pool-after-carry.bin': after.bytes,
    ...gpu.files,
    'reader-page.bin': Buffer.from(every.words.buffer),
  };
  return { files, pools: [before.facts, after.facts, gpu.pool], pages: [page, gpu.page] };
}

/**
 * A channel whose fences a GPU writes, and the page of a reader whose mirrors it writes too. The stores that were
 * enqueued are done here, one after the other as a stream does them, and stop in the middle of a job.
 * Sequences 2^32 - 2 to 2^32 + 2; the reader joined after the first, and holds that and the last.
 */
function gpuVectors() {
  const pool = new Pool();
  const page = newPage();
  const stores = [];
  const store = (buffer, at, value, done = () => undefined) =>
    stores.push(() => {
      new DataView(buffer).setBigUint64(at, BigInt(value), true);
      done();
    });
  const queue = {
    writeMirror: (reader, slot, sequence) =>
      store(reader.words.buffer, FenceReader.mirrorOffsetBytes(slot), sequence),
    writeFence: (slot, sequence) => {
      const { recordsOffset } = pool.geometry;
      const at = recordsOffset + slot * POOL_RECORD_BYTES + Slot.fenceLow * 4;
      const reached = () => (pool.slots[slot] = { ...pool.slots[slot], fence: sequence });
      store(pool.views.words.buffer, at, sequence, reached);
    },
  };
  const fences = new FenceWriter();
  const enqueue = (slot, sequence) => fences.enqueue(queue, slot, sequence);
  const land = (count) => stores.splice(0, count).forEach((run) => run());

  pool.publish(frameAt(0, { flags: FrameFlag.key }), true, enqueue);
  const joined = pool.writer.published - 1;
  pool.writer.addReader({ page: page.words, leases: 2, maxLag: 0 }, joined);
  fences.add(page);
  const mirroredFrom = pool.writer.published + 1;
  const latest = { delivery: 'latest', maxLag: 0, leases: 2, lastSequence: joined };
  const reader = new PoolReader(pool.views.words, page.words, pool.geometry, {
    ...latest,
    share: { index: 0, count: 1 },
  });
  const first = reader.tryClaim();
  assert.equal(reader.slotOf(first), 0);
  for (let index = 1; index < 5; index += 1) pool.publish(frameAt(index), true, enqueue);
  const held = reader.tryClaim();
  assert.equal(reader.sequenceOf(held), 2 ** 32 + 2);
  // The first frame is on a stream of its own, which is late. Of the others: both stores of two, and of the third the
  // mirror, not yet the fence.
  stores.shift();
  land(2 + 2 + 1);
  assert.ok(pool.writer.markIncomplete(4, 2 ** 32 + 2));
  pool.slots[4] = { ...pool.slots[4], flags: FrameFlag.incomplete };
  const { bytes, facts } = pool.snapshot('pool-of-gpu.bin');
  const mirrors = [0, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 0];
  const name = 'reader-page-of-gpu.bin';
  const stated = {
    file: name,
    armed: 0,
    cursor: 2,
    publisherArmed: 0,
    join: joined,
    granted: 2,
    pinned: 0,
    statistics: Array(10).fill(0),
    leases: [reader.slotOf(first) + 1, reader.slotOf(held) + 1, ...Array(14).fill(0)],
    mirroredFrom,
    mirrors: mirrors.map((value) => value.toString(16).padStart(16, '0')),
  };
  const files = { 'pool-of-gpu.bin': bytes, [name]: Buffer.from(page.words.buffer) };
  return { files, pool: facts, page: stated };
}
