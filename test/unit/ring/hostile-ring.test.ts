/**
 * Readers of a publisher that writes anything, and a writer whose readers write anything: no exception, no endless
 * loop, nothing outside the memory. Every index that leaves the ring is caught by a check on the copied ranges: a
 * typed array silently ignores what is outside, so views are exactly as large as their memory.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Header, Page } from '../../../src/layout/index.js';
import type { MessageVisitor, RingReader } from '../../../src/ring/index.js';
import { HEADER, join, LAYOUTS, makeRing, message, type Ring } from './ring-fixture.js';

const word = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.integer({ min: -2, max: 70 }),
  fc.constantFrom(0x7fffffff, -0x80000000, 64, 240, 256, 0x40000000, 4096),
);
const HEADER_WORDS = [
  Header.head,
  Header.highA,
  Header.highB,
  Header.newestStart,
  Header.samplePosition,
  Header.newestSequence,
] as const;

/** Drains a few times; every message lies inside its view, and every call ends. */
function readBounded(ring: Ring, reader: RingReader): void {
  let visits = 0;
  const visit: MessageVisitor = (view, offset, byteLength, type, sequence, headerOffset) => {
    visits++;
    assert.ok(offset >= 0 && byteLength >= 0 && offset + byteLength <= view.byteLength);
    assert.ok(byteLength <= ring.geometry.slots * ring.geometry.recordBytes);
    assert.ok(view.byteLength <= Math.max(65536, ring.control.bytes.byteLength));
    assert.ok(type >= 0 && type <= 255 && Number.isSafeInteger(sequence));
    assert.ok(headerOffset >= -1);
  };
  for (let look = 0; look < 3; look++) reader.drain(visit, 0x7fffffff);
  assert.ok(visits <= 3 * 2 * ring.geometry.slots);
  assert.ok(Number.isSafeInteger(reader.position));
  assert.ok(reader.position >= 0);
}

for (const layout of LAYOUTS) {
  describe(`${layout} ring with a hostile publisher`, () => {
    const recordWords = layout === 'slots' ? [0, 1, 2, 3, 4] : [0, 1, 2, 3, 8];
    const unitWords = layout === 'slots' ? 64 : 16;
    const change = fc.oneof(
      fc.tuple(fc.constantFrom(...HEADER_WORDS), word),
      fc.tuple(
        fc
          .tuple(fc.nat(31), fc.constantFrom(...recordWords))
          .map(([unit, at]) => 64 + unit * unitWords + at),
        word,
      ),
    );
    const terms = fc.record({
      delivery: fc.constantFrom<'every' | 'latest'>('every', 'latest'),
      pinned: fc.boolean(),
      maxLag: fc.integer({ min: 1, max: 32 }),
      count: fc.integer({ min: 1, max: 3 }),
      start: fc.constantFrom(0, 2 ** 31 - 5, 2 ** 32 - 5),
    });

    it('reads random words without harm', () => {
      fc.assert(
        fc.property(
          terms,
          fc.array(fc.array(change, { maxLength: 8 }), { maxLength: 6 }),
          ({ delivery, pinned, maxLag, count, start }, rounds) => {
            const ring = makeRing(layout, 32, start);
            const { reader } = join(ring, ring.writer.startAtHead(), {
              delivery,
              pinned,
              maxLag,
              share: { index: count - 1, count },
            });
            ring.writer.tryWriteBatch([message(0, 10), message(1, 300), message(2, 0)], HEADER);
            for (const changes of rounds) {
              for (const [at, value] of changes) ring.control.words[at] = value;
              readBounded(ring, reader);
            }
          },
        ),
        { numRuns: 3000 },
      );
    });

    it('reads words that change between any two loads of the head', () => {
      fc.assert(
        fc.property(
          terms,
          fc.array(change, { minLength: 1, maxLength: 60 }),
          ({ delivery, pinned, maxLag, start }, changes) => {
            const ring = makeRing(layout, 32, start);
            const { reader } = join(ring, ring.writer.startAtHead(), { delivery, pinned, maxLag });
            let looks = 0;
            const load = Atomics.load;
            Atomics.load = ((array: Int32Array, index: number) => {
              const [at, value] = changes[looks++ % changes.length] as [number, number];
              ring.control.words[at] = value;
              return load(array, index);
            }) as typeof Atomics.load;
            try {
              readBounded(ring, reader);
            } finally {
              Atomics.load = load;
            }
            assert.ok(looks < 2000, `${looks} looks`);
          },
        ),
        { numRuns: 2000 },
      );
    });
  });

  describe(`${layout} ring with a hostile reader`, () => {
    it('hurts the hostile reader only', () => {
      const pageWords = fc.array(
        fc.tuple(fc.constantFrom(Page.cursor, Page.armed, Page.publisherArmed, Page.lease), word),
        { maxLength: 6 },
      );
      fc.assert(
        fc.property(
          fc.array(pageWords, { minLength: 5, maxLength: 40 }),
          fc.constantFrom(0, 2 ** 32 - 20),
          fc.constantFrom(0, 24, 32),
          (rounds, start, budget) => {
            const ring = makeRing(layout, 32, start);
            const hostile = join(ring, ring.writer.startAtHead(), { budget });
            const good = join(ring, ring.writer.startAtHead(), { pinned: true });
            let sent = 0;
            let seen = 0;
            for (const changes of rounds) {
              for (const [at, value] of changes) hostile.page[at] = value;
              if (!ring.writer.hasRoom(1)) ring.writer.passOver(ring.writer.unitsFor(16));
              sent += ring.writer.tryWriteBatch([message(sent, 16), message(sent + 1, 9)], HEADER);
              let rung = 0;
              ring.writer.roster.ring(() => rung++);
              assert.ok(rung <= 2);
              ring.writer.roster.arm();
              good.reader.drain((_view, _offset, _byteLength, _type, sequence) => {
                seen++;
                assert.equal(sequence, layout === 'slots' ? start + seen : seen);
              }, 100);
              assert.equal(seen, sent, 'the good reader gets everything');
              assert.equal(good.reader.lost, 0);
            }
            assert.ok(sent >= rounds.length, 'the writer is never stopped for good');
          },
        ),
        { numRuns: 500 },
      );
    });
  });
}
