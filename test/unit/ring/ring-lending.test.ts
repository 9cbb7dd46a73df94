/** A ring in the hands of another writer: what finds room, where readers begin, how it comes back. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Header, HeaderDouble } from '../../../src/layout/index.js';
import { SlotsWriter } from '../../../src/ring/index.js';
import { assertMessage, HEADER, join, makeRing, message, type Ring } from './ring-fixture.js';

const SLOTS = 16;

/** Writes messages of one slot where the ring stands, as a borrower does, and says what a GPU's result would. */
function borrowed(ring: Ring, head: number, numbers: readonly number[]): [number, number] {
  const { doubles, words } = ring.control;
  const published = doubles[HeaderDouble.published] as number;
  const bytes = doubles[HeaderDouble.bytes] as number;
  const writer = new SlotsWriter(ring.control, ring.geometry, { start: head, now: () => 0 });
  const messages = numbers.map((number) => message(number, 100));
  assert.equal(writer.tryWriteBatch(messages, HEADER), numbers.length);
  doubles[HeaderDouble.published] = published + numbers.length;
  doubles[HeaderDouble.bytes] = bytes + numbers.length * 100;
  return [writer.head, words[Header.newestStart] as number];
}

for (const start of [0, 2 ** 32 - 2]) {
  describe(`a lent ring, from position ${start}`, () => {
    it('has no room for its own writer, and goes on behind the borrower', () => {
      const ring = makeRing('slots', SLOTS, start);
      const { writer, control } = ring;
      const { reader } = join(ring, writer.startAtHead(), { pinned: true });
      assert.ok(writer.tryWrite(message(1, 100), HEADER));
      assert.deepEqual(writer.lend(), { head: start + 1, published: 1, bytes: 100 });
      assert.equal(writer.lent, true);
      assert.equal(writer.wanted, false);
      assert.equal(writer.tryWrite(message(9, 100), HEADER), false);
      assert.equal(writer.tryWriteBatch([message(9, 100)], HEADER), 0);
      assert.equal(writer.wanted, true);

      assert.equal(writer.reserve(3), true);
      const [head, newestStart] = borrowed(ring, start + 1, [2, 3]);
      writer.confirm(3, head, newestStart);
      assert.equal(writer.head, start + 3);
      assert.equal(writer.reservedUnits, 0);
      writer.takeBack();
      assert.deepEqual([writer.lent, writer.wanted, writer.head], [false, false, start + 3]);
      assert.ok(writer.tryWrite(message(4, 100), HEADER));
      assert.equal(control.doubles[HeaderDouble.published], 4);
      assert.equal(control.doubles[HeaderDouble.bytes], 400);

      const seen: number[] = [];
      reader.drain((view, offset, byteLength, _type, sequence) => {
        assertMessage(view, offset, byteLength, seen.length + 1);
        seen.push(sequence - start);
      }, 99);
      assert.deepEqual(seen, [1, 2, 3, 4]);
    });
  });
}

describe('what a borrower may reserve', () => {
  it('is bounded by the slowest reader, and by what keeps the head in reach of who joins', () => {
    const ring = makeRing('slots', SLOTS);
    const { writer } = ring;
    const slow = join(ring, writer.startAtHead(), { pinned: true });
    for (let i = 1; i <= 12; i++) writer.tryWrite(message(i, 10), HEADER);
    writer.lend();
    assert.equal(writer.reserve(4), true);
    assert.equal(writer.reserve(1), false, 'the reader holds twelve of sixteen slots');
    slow.reader.drain(() => undefined, 99);
    assert.equal(writer.reserve(4), true);
    assert.equal(writer.reserve(4), true);
    assert.equal(writer.reservedUnits, SLOTS - writer.writeAhead);
    assert.equal(writer.reserve(1), false, 'no reader is in the way, but a joiner would be');
    assert.throws(() => writer.reserve(writer.writeAhead + 1), /write-ahead/);
    writer.takeBack();
    assert.equal(writer.reservedUnits, 0);
  });

  it('is one borrower’s', () => {
    const { writer } = makeRing('slots', SLOTS);
    writer.lend();
    assert.throws(() => writer.lend(), /one at a time/);
  });

  it('does not count who was passed over', () => {
    const ring = makeRing('slots', SLOTS);
    const { writer } = ring;
    join(ring, writer.startAtHead(), { budget: SLOTS - writer.writeAhead });
    for (let i = 1; i <= 12; i++) writer.tryWrite(message(i, 10), HEADER);
    writer.lend();
    assert.equal(writer.reserve(1), false);
    assert.equal(writer.passOver(1), 1);
    assert.equal(writer.reserve(1), true);
  });
});

describe('who joins while the ring is lent', () => {
  it('begins behind everything that may be rewritten', () => {
    const ring = makeRing('slots', SLOTS);
    const { writer } = ring;
    for (let i = 1; i <= 40; i++) writer.tryWrite(message(i, 10), HEADER);
    assert.equal(writer.startAt(0).position, 40 + writer.writeAhead - SLOTS);
    writer.lend();
    writer.reserve(4);
    writer.reserve(4);
    assert.equal(writer.startAt(0).position, 40 + 8 + writer.writeAhead - SLOTS);
    assert.equal(writer.startAt(39).position, 38);
    writer.reserve(4);
    assert.equal(writer.startAt(0).position, 40);
    assert.equal(writer.startAtHead().position, 40);
  });

  it('finds the newest message of the last step that was confirmed', () => {
    const ring = makeRing('slots', SLOTS);
    const { writer } = ring;
    for (let i = 1; i <= 3; i++) writer.tryWrite(message(i, 10), HEADER);
    writer.lend();
    writer.reserve(2);
    // Announced, and not yet confirmed: the head here is older than newestStart in the control block.
    const [head, newestStart] = borrowed(ring, 3, [4, 5]);
    assert.equal(writer.startAtNewest().position, 2);
    writer.confirm(2, head, newestStart);
    assert.equal(writer.startAtNewest().position, 4);
  });

  it('samples no latency of an earlier lap', () => {
    const ring = makeRing('slots', SLOTS);
    const { writer } = ring;
    const { reader } = join(ring, writer.startAtHead());
    writer.tryWrite(message(1, 10), HEADER);
    reader.drain(() => undefined, 99);
    reader.latencySampleUs = -1;
    writer.lend();
    writer.reserve(2);
    // A whole lap of the low word later the time stamp would fit again.
    const [head, newestStart] = borrowed(ring, 1, [2, 3]);
    ring.control.words[Header.samplePosition] = 1;
    writer.confirm(2, head, newestStart);
    reader.drain(() => undefined, 99);
    assert.equal(reader.latencySampleUs, -1);
  });
});

describe('a borrower that died', () => {
  const start = 2 ** 32 - 2;
  /** Where it stopped, in the order of its stores, and where the ring goes on. */
  const deaths: readonly [string, Partial<Record<keyof typeof Header, number>>, number][] = [
    ['before it announced', {}, start],
    ['behind highA', { highA: 1 }, start],
    ['behind the head', { highA: 1, head: 1 }, start + 3],
    ['behind highB', { highA: 1, head: 1, highB: 1 }, start + 3],
  ];
  for (const [where, stores, head] of deaths) {
    it(`${where}: the ring goes on where readers think that it stands`, () => {
      const ring = makeRing('slots', SLOTS, start);
      const { writer, control } = ring;
      writer.lend();
      writer.reserve(3);
      for (const [name, value] of Object.entries(stores)) {
        control.words[Header[name as keyof typeof Header]] = value;
      }
      writer.takeBack();
      assert.equal(writer.head, head);
      const { reader } = join(ring, writer.startAtHead());
      assert.ok(writer.tryWrite(message(7, 500), HEADER));
      const sequences: number[] = [];
      reader.drain((_view, _offset, _length, _type, sequence) => sequences.push(sequence), 9);
      assert.deepEqual(sequences, [head + 1]);
    });
  }
});
