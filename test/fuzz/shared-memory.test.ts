/**
 * Random words in shared memory, on either side of it: control blocks under readers, reader pages under writers. All
 * in private memory of this process, for speed. Whatever the words, nothing may be thrown but a SluiceError, no call
 * may go on for ever, and what is handed out lies inside the memory. Failures name the seed and the case.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSluiceError } from '../../src/core/index.js';
import { readMetadata } from '../../src/bus/subscriber/frame-metadata.js';
import {
  bytesRingGeometry,
  controlByteLength,
  type ControlGeometry,
  ControlKind,
  controlViews,
  type ControlViews,
  FrameFlag,
  Header,
  MAX_LEASES,
  Page,
  POOL_RECORD_WORDS,
  poolGeometry,
  READER_PAGE_BYTES,
  readGeometry,
  slotsRingGeometry,
  writeGeometry,
} from '../../src/layout/index.js';
import {
  BytesReader,
  BytesWriter,
  PoolReader,
  PoolWriter,
  type RingReader,
  type RingWriter,
  SlotsReader,
  SlotsWriter,
} from '../../src/ring/index.js';
import { Random } from './handshake-streams.js';

const SEED = Number(process.env['SLUICE_FUZZ_SEED'] ?? 20_240_117);
/** Cases of each of the five kinds below; a case is one memory full of words and several looks at it. */
const CASES = Number(process.env['SLUICE_FUZZ_CASES'] ?? 25_000);
const IDENTITY = { epoch: 1, instance: [1, 2, 3, 4] as const };
const SLOTS = 8;
const POOL = poolGeometry(IDENTITY, SLOTS, 4096);
const SLOTS_RING = slotsRingGeometry(IDENTITY, 16);
const BYTES_RING = bytesRingGeometry(IDENTITY, 64);
const EDGES = [
  0, 1, -1, 2, 3, 8, 16, 63, 64, 65, 255, 256, 4096, 0x7fffffff, -0x80000000, 0x40000000,
];

function memoryOf(geometry: ControlGeometry): ControlViews {
  const views = controlViews(new ArrayBuffer(controlByteLength(geometry)));
  writeGeometry(views.words, geometry);
  return views;
}

/** A word that is likely to matter: at an edge, close to another word, or anything. */
function anyWord(random: Random, near: number): number {
  switch (random.below(4)) {
    case 0:
      return random.pick(EDGES);
    case 1:
      return (near + random.below(40) - 20) | 0;
    case 2:
      return random.below(64);
    default:
      return random.below(2 ** 32) | 0;
  }
}

/** Fills `count` words from `from` on, all of them or a few. */
function scribble(random: Random, words: Int32Array, from: number, count: number): void {
  const near = words[Header.head] ?? 0;
  if (random.below(3) === 0) {
    for (let i = 0; i < count; i++) words[from + i] = anyWord(random, near);
    return;
  }
  for (let i = 1 + random.below(8); i > 0; i--) {
    words[from + random.below(count)] = anyWord(random, near);
  }
}

/** Runs `body` for every case; only errors of Sluice may come out of a case. */
function cases(name: string, body: (random: Random) => void): void {
  it(`${CASES} cases: ${name}`, () => {
    for (let index = 0; index < CASES; index++) {
      try {
        body(new Random(SEED + index));
      } catch (error) {
        if (isSluiceError(error)) continue;
        throw new Error(`seed ${SEED}, case ${index}`, { cause: error });
      }
    }
  });
}

describe('readers of a random control block', { timeout: 120_000 }, () => {
  const pool = memoryOf(POOL);
  const page = new Int32Array(READER_PAGE_BYTES / 4);

  cases('a pool', (random) => {
    const delivery = random.pick(['latest', 'every'] as const);
    const count = 1 + random.below(3);
    const lastSequence = random.pick([0, 5, 2 ** 32 - 3, 2 ** 40, random.below(2 ** 31)]);
    page.fill(0);
    const reader = new PoolReader(pool.words, page, POOL, {
      delivery,
      maxLag: 1 + random.below(SLOTS),
      leases: 1 + random.below(4),
      lastSequence,
      share: { index: random.below(count), count },
    });
    let last = lastSequence;
    for (let look = 0; look < 4; look++) {
      scribble(random, pool.words, Header.head, 8);
      scribble(random, pool.words, POOL.indexOffset / 4, POOL.indexSize);
      scribble(random, pool.words, POOL.recordsOffset / 4, SLOTS * POOL_RECORD_WORDS);
      if (random.below(2) === 0) makeClaimable(random, pool.words, last);
      const word = reader.tryClaim();
      assert.ok(reader.lastSequence >= last, 'sequences go forward');
      assert.ok(reader.skipped >= 0 && reader.lost >= 0);
      last = reader.lastSequence;
      if (word < 0) continue;
      const slot = reader.slotOf(word);
      assert.ok(slot >= 0 && slot < SLOTS);
      const metadata = readMetadata(pool, POOL, slot, reader.sequenceOf(word), 0, 0);
      assert.ok(metadata.byteLength >= 0 && metadata.byteLength <= POOL.slotBytes);
      assert.ok(metadata.userData.byteLength <= 96 && metadata.dims.length <= 22);
      if (random.below(2) === 0) reader.release(word);
    }
  });

  for (const [name, geometry, Reader] of [
    ['a slots ring', SLOTS_RING, SlotsReader],
    ['a bytes ring', BYTES_RING, BytesReader],
  ] as const) {
    const ring = memoryOf(geometry);
    const ringBytes = geometry.slots * geometry.recordBytes;
    cases(name, (random) => {
      const position = random.pick([0, 7, 2 ** 32 - 5, random.below(2 ** 31)]);
      const count = 1 + random.below(3);
      page.fill(0);
      const reader: RingReader = new Reader(ring, page, geometry, {
        delivery: random.pick(['latest', 'every'] as const),
        maxLag: random.pick([1, 4, geometry.slots, 2 ** 30]),
        pinned: random.below(3) === 0,
        position,
        sequence: position + 1,
        share: { index: random.below(count), count },
        now: () => 1,
      });
      for (let look = 0; look < 3; look++) {
        scribble(random, ring.words, Header.head, 8);
        scribble(random, ring.words, geometry.recordsOffset / 4, ringBytes / 4);
        if (random.below(3) > 0) {
          ring.words[Header.head] = (position + random.below(geometry.slots + 2)) | 0;
          ring.words[Header.highA] = ring.words[Header.highB] = Math.floor(position / 2 ** 32);
        }
        let visits = 0;
        const before = reader.position;
        const visited = reader.drain(
          (view, offset, byteLength, type) => {
            visits += 1;
            assert.ok(offset >= 0 && byteLength >= 0 && offset + byteLength <= view.length);
            assert.ok(type >= 0 && type <= 255 && byteLength <= ringBytes);
          },
          1 + random.below(100),
        );
        assert.equal(visited, visits);
        assert.ok(visited <= geometry.slots * 2, 'a look ends');
        assert.ok(reader.position >= before && reader.lost >= 0 && reader.skipped >= 0);
        reader.corrupt = false;
      }
    });
  }

  cases('a geometry', (random) => {
    const words = new Int32Array(2048);
    writeGeometry(words, random.pick([POOL, SLOTS_RING, BYTES_RING]));
    for (let i = random.below(4); i > 0; i--)
      words[random.below(16)] = anyWord(random, words[8] ?? 0);
    const byteLength = random.pick([0, 64, 4096, 8192, 2 ** 20, random.below(2 ** 31)]);
    const geometry = readGeometry(words, byteLength);
    if (typeof geometry === 'string') return;
    assert.equal(controlByteLength(geometry), byteLength, 'what is believed fits exactly');
    assert.ok(geometry.kind !== ControlKind.pool || geometry.slots <= 384);
  });
});

/** A frame that can be claimed, so that random words are not always refused at the first look. */
function makeClaimable(random: Random, words: Int32Array, last: number): void {
  const sequence = last + 1 + random.below(3);
  const low = sequence | 0;
  const slot = random.below(SLOTS);
  const record = POOL.recordsOffset / 4 + slot * POOL_RECORD_WORDS;
  words[Header.head] = low;
  words[POOL.indexOffset / 4 + (low & (POOL.indexSize - 1))] = slot;
  words[record] = 1;
  words[record + 1] = random.below(FrameFlag.incomplete * 4);
  words[record + 2] = low;
}

describe('writers above random reader pages', { timeout: 120_000 }, () => {
  const header = {
    type: 1,
    key: false,
    ptsNs: 0,
    extended: false,
    idLow: 0,
    idHigh: 0,
    dtsNs: 0,
    captureTimeNs: 0,
  };
  const record = {
    flags: 0,
    byteLength: 64,
    ptsNs: 1,
    captureTimeNs: 1,
    publishTimeNs: 1,
    idLow: 0,
    idHigh: 0,
    dims: [],
    userData: undefined,
  };

  /** Anything in the words that a publisher looks at, often a slot or a cursor that could be meant. */
  function lie(random: Random, page: Int32Array, head: number): void {
    page[Page.armed] = anyWord(random, 0);
    page[Page.publisherArmed] = anyWord(random, 0);
    page[Page.cursor] = anyWord(random, head | 0);
    page[Page.granted] = anyWord(random, 0);
    for (let word = 0; word < MAX_LEASES; word++) {
      page[Page.lease + word] =
        random.below(3) === 0 ? 1 + random.below(SLOTS) : anyWord(random, 0);
    }
  }

  cases('a pool keeps publishing, and the frame of an honest reader is left alone', (random) => {
    const start = random.pick([0, 2 ** 32 - 4, 2 ** 40]);
    // Two leases each for an honest and a lying reader, a lag of one, and one slot more.
    const pool = memoryOf(POOL);
    const writer = new PoolWriter(pool, POOL, { start, lossless: false });
    const pages = [0, 1].map(() => new Int32Array(READER_PAGE_BYTES / 4));
    for (const page of pages) writer.addReader({ page, leases: 2, maxLag: 1 }, start);
    const [honest, lying] = pages as [Int32Array, Int32Array];
    const reader = new PoolReader(pool.words, honest, POOL, {
      delivery: 'every',
      maxLag: 1,
      leases: 2,
      lastSequence: start,
      share: { index: 0, count: 1 },
    });
    let held = -1;
    let heldSequence = 0;
    for (let round = 0; round < 6; round++) {
      lie(random, lying, writer.published);
      const slot = writer.tryTake();
      assert.notEqual(slot, -1, 'the sum of what was granted leaves a slot');
      if (held >= 0) assert.notEqual(slot, reader.slotOf(held), 'a leased slot is not taken');
      const sequence = writer.publish(slot, record);
      let woken = 0;
      writer.roster.ring(() => (woken += 1));
      assert.ok(woken <= 2);
      for (const entry of writer.roster.entries) {
        const lag = writer.roster.lag(entry, sequence | 0);
        assert.ok(lag >= 0 && lag <= sequence - start, `a lag of ${lag}`);
      }
      if (held < 0) {
        held = reader.tryClaim();
        assert.ok(held >= 0);
        heldSequence = reader.sequenceOf(held);
        assert.equal(heldSequence, sequence);
      } else if (random.below(2) === 0) {
        reader.release(held);
        held = -1;
      }
      assert.ok(writer.slotsHeld() <= SLOTS);
      writer.passOver();
    }
  });

  for (const [name, geometry, Writer] of [
    ['a slots ring', SLOTS_RING, SlotsWriter],
    ['a bytes ring', BYTES_RING, BytesWriter],
  ] as const) {
    cases(`${name} writes on once who lies is passed over`, (random) => {
      const control = memoryOf(geometry);
      const start = random.pick([0, 2 ** 32 - geometry.slots]);
      const writer: RingWriter = new Writer(control, geometry, { start, now: () => 1 });
      const lying = new Int32Array(READER_PAGE_BYTES / 4);
      writer.addReader({ page: lying, budget: geometry.slots - geometry.writeAhead }, start);
      const payload = new Uint8Array(random.below(writer.maxMessageBytes + 1));
      for (let round = 0; round < 8; round++) {
        lie(random, lying, writer.head);
        if (!writer.tryWrite(payload, header)) {
          writer.passOver(writer.unitsFor(payload.length));
          lie(random, lying, writer.head);
          // Believable for once, or passed over: either way the second attempt after that has room.
          if (!writer.tryWrite(payload, header)) {
            writer.passOver(writer.unitsFor(payload.length));
            assert.ok(writer.tryWrite(payload, header), 'whoever is passed over holds nobody back');
          }
        }
        writer.roster.ring(() => undefined);
        writer.roster.arm();
        for (const entry of writer.roster.entries) {
          assert.ok(writer.roster.lag(entry, writer.head | 0) <= writer.head - start);
        }
      }
    });
  }
});
