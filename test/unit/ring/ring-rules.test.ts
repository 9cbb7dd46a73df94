import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isSluiceError } from '../../../src/core/index.js';
import { Header, MessageRecord, Page } from '../../../src/layout/index.js';
import type { MessageVisitor, RingReader } from '../../../src/ring/index.js';
import {
  assertMessage,
  HEADER,
  join,
  LAYOUTS,
  makeRing,
  message,
  type Ring,
} from './ring-fixture.js';

function write(ring: Ring, from: number, count: number, byteLength = 20): void {
  for (let i = 0; i < count; i++) {
    assert.equal(ring.writer.tryWrite(message(from + i, byteLength), HEADER), true);
  }
}

/** Drains everything and returns the sequences. */
function sequencesOf(reader: RingReader, max = 0x7fffffff): number[] {
  const sequences: number[] = [];
  reader.drain((_view, _offset, _byteLength, _type, sequence) => sequences.push(sequence), max);
  return sequences;
}

/** Calls `during` at one moment inside the reader's copy: when it stores its order word, after copying. */
function duringCopy(page: Int32Array, during: () => void): Int32Array {
  let done = false;
  const store = Atomics.store;
  Atomics.store = ((array: Int32Array, index: number, value: number) => {
    if (array === page && index === Page.order && !done) {
      done = true;
      during();
    }
    return store(array, index, value);
  }) as typeof Atomics.store;
  return page;
}

for (const layout of LAYOUTS) {
  describe(`${layout} ring`, () => {
    it('carries every size from nothing to the largest message, alone and in batches', () => {
      const ring = makeRing(layout, 32);
      const { reader } = join(ring, ring.writer.startAtHead(), { pinned: true });
      const { maxMessageBytes } = ring.writer;
      let number = 0;
      const check: MessageVisitor = (view, offset, byteLength, type, sequence) => {
        assert.equal(byteLength, number);
        assert.equal(type, HEADER.type);
        assertMessage(view, offset, byteLength, number);
        if (layout === 'bytes') assert.equal(sequence, number + 1);
      };
      for (number = 0; number <= maxMessageBytes; number++) {
        assert.equal(ring.writer.tryWrite(message(number, number), HEADER), true);
        assert.equal(reader.drain(check, 10), 1);
      }
      assert.ok(number > 200);
      assert.equal(reader.lost, 0);
    });

    it('refuses a message that never fits, and writes nothing of its batch', () => {
      const ring = makeRing(layout, 8);
      const { reader } = join(ring, ring.writer.startAtHead(), { pinned: true });
      const large = new Uint8Array(ring.writer.maxMessageBytes + 1);
      const tooLarge = (error: unknown): boolean => isSluiceError(error, 'MESSAGE_TOO_LARGE');
      assert.throws(() => ring.writer.tryWrite(large, HEADER), tooLarge);
      assert.throws(() => ring.writer.tryWriteBatch([message(0, 1), large], HEADER), tooLarge);
      assert.equal(ring.writer.head, 0);
      assert.deepEqual(sequencesOf(reader), []);
    });

    it('lets a slow reader that may be passed over lose messages, count them, and hold again', () => {
      const ring = makeRing(layout, 16);
      const { capacity, writeAhead } = ring.writer;
      const budget = capacity - writeAhead;
      const { reader, entry } = join(ring, ring.writer.startAtHead(), { budget });
      write(ring, 0, budget);
      assert.equal(ring.writer.tryWrite(message(0, 20), HEADER), false, 'waits for it');
      assert.equal(ring.writer.passOver(1), 1);
      assert.equal(ring.writer.passOver(1), 0, 'passed over once');
      write(ring, budget, 2 * capacity);
      assert.equal(entry.passedOver, true);
      // The slots layout goes on at the head; in the bytes layout more than maxLag messages lead to the newest.
      const newest = layout === 'slots' ? [] : [budget + 2 * capacity];
      assert.deepEqual(sequencesOf(reader), newest);
      write(ring, 0, 1);
      assert.deepEqual(sequencesOf(reader), [budget + 2 * capacity + 1]);
      assert.equal(reader.lost, budget + 2 * capacity - newest.length);
      // Having caught up it is waited for again before it could lose anything more.
      let written = 0;
      while (ring.writer.tryWrite(message(written, 20), HEADER)) written++;
      assert.equal(entry.passedOver, false);
      const lost = reader.lost;
      assert.equal(sequencesOf(reader).length, written);
      assert.equal(reader.lost, lost);
    });

    it('waits again for a reader that caught up right after it was passed over', () => {
      const ring = makeRing(layout, 16);
      const { capacity, writeAhead } = ring.writer;
      const budget = capacity - writeAhead;
      const { reader } = join(ring, ring.writer.startAtHead(), { budget });
      write(ring, 0, budget);
      ring.writer.passOver(1);
      write(ring, budget, 1);
      sequencesOf(reader);
      let written = 0;
      while (ring.writer.tryWrite(message(written, 20), HEADER)) written++;
      assert.equal(sequencesOf(reader).length, written);
    });

    it('discards a copy that the writer may have reached, and counts it', (t) => {
      const store = Atomics.store;
      t.after(() => (Atomics.store = store));
      const ring = makeRing(layout, 16);
      const { reader, page } = join(ring, ring.writer.startAtHead());
      const { capacity, writeAhead } = ring.writer;
      const before = capacity - writeAhead;
      write(ring, 0, before);
      duringCopy(page, () => write(ring, before, 1));
      assert.deepEqual(
        sequencesOf(reader),
        [],
        'one unit too far: nothing of the copy is believed',
      );
      write(ring, 0, 1);
      assert.deepEqual(sequencesOf(reader), [before + 2]);
      assert.equal(reader.lost, before + 1);
      assert.equal(reader.corrupt, false);
    });

    it('believes a copy when the writer stayed just far enough away', (t) => {
      const store = Atomics.store;
      t.after(() => (Atomics.store = store));
      const ring = makeRing(layout, 16);
      const { reader, page } = join(ring, ring.writer.startAtHead());
      const { capacity, writeAhead } = ring.writer;
      const before = capacity - writeAhead - 1;
      write(ring, 0, before);
      duringCopy(page, () => write(ring, before, 1));
      assert.equal(sequencesOf(reader).length, before, 'what was there when the look began');
      assert.equal(sequencesOf(reader).length, 1);
      assert.equal(reader.lost, 0);
    });

    for (const pinned of [true, false]) {
      it(`goes on behind a message whose visitor threw (${pinned ? 'in place' : 'copied'})`, () => {
        const ring = makeRing(layout, 32);
        const { reader, page } = join(ring, ring.writer.startAtHead(), { pinned });
        write(ring, 0, 6);
        const seen: number[] = [];
        const visit: MessageVisitor = (_view, _offset, _byteLength, _type, sequence) => {
          seen.push(sequence);
          if (sequence === 3) throw new Error('enough');
        };
        assert.throws(() => reader.drain(visit, 100), /enough/);
        assert.equal(reader.received, 3);
        assert.equal(reader.drain(visit, 100), 3);
        assert.deepEqual(seen, [1, 2, 3, 4, 5, 6]);
        assert.equal(Atomics.load(page, Page.cursor), ring.writer.head);
      });
    }

    it('remembers to wake the writer when a visitor throws', () => {
      const ring = makeRing(layout, 32);
      const { reader } = join(ring, ring.writer.startAtHead(), { pinned: true });
      write(ring, 0, 2);
      ring.writer.roster.arm();
      const visit = (): never => {
        throw new Error('enough');
      };
      assert.throws(() => reader.drain(visit, 100), /enough/);
      assert.equal(reader.mustWakePublisher, true);
    });

    it('survives a stop of more than 2^31 and of just 2^32 units', () => {
      for (const stop of [2 ** 31 + 5, 2 ** 32 + 3, 3 * 2 ** 32]) {
        for (const delivery of ['every', 'latest'] as const) {
          const ring = makeRing(layout, 16);
          const { reader } = join(ring, ring.writer.startAtHead(), { delivery });
          const later = makeRing(layout, 16, stop);
          write(later, 0, 2);
          ring.control.words.set(later.control.words);
          const got = sequencesOf(reader);
          assert.equal(reader.corrupt, false);
          assert.equal(reader.position, stop + 2);
          if (layout === 'slots') {
            assert.deepEqual(got, delivery === 'latest' ? [stop + 2] : []);
            assert.equal(reader.lost + reader.skipped, stop + 2 - got.length);
          }
        }
      }
    });

    it('calls a head behind its position, or beyond every publisher, corrupt', () => {
      for (const [highA, highB, low] of [
        [0, 0, 5],
        [2 ** 22, 2 ** 22, 0],
        [-1, -1, -1],
      ] as const) {
        const start = 2 ** 32 + 9;
        const ring = makeRing(layout, 16, start);
        const { reader } = join(ring, ring.writer.startAtHead());
        ring.control.words[Header.highA] = highA;
        ring.control.words[Header.highB] = highB;
        ring.control.words[Header.head] = low;
        assert.deepEqual(sequencesOf(reader), []);
        assert.equal(reader.corrupt, true);
        assert.equal(reader.position, start);
      }
    });

    it('waits while the head is between two stores of its writer', () => {
      const ring = makeRing(layout, 16, 2 ** 32 - 1);
      const { reader } = join(ring, ring.writer.startAtHead());
      ring.control.words[Header.highA] = 1;
      assert.deepEqual(sequencesOf(reader), []);
      ring.control.words[Header.highB] = 7;
      ring.control.words[Header.head] = 0;
      ring.control.words[Header.highA] = 8;
      assert.deepEqual(sequencesOf(reader), []);
      assert.equal(reader.corrupt, false);
      assert.equal(reader.position, 2 ** 32 - 1);
    });

    it('ends one call against a writer that never pauses', () => {
      for (const share of [
        { index: 0, count: 1 },
        { index: 1, count: 2 },
      ]) {
        for (const pinned of [true, false]) {
          const ring = makeRing(layout, 64);
          // Payloads of two units keep the sequences of the slots layout odd: one member of two gets nothing.
          const { reader } = join(ring, ring.writer.startAtHead(), { share, pinned });
          const refill = (): void => {
            write(ring, 0, 8, 300);
          };
          const { lag } = Object.getOwnPropertyDescriptors(RingReaderPrototype(reader));
          let looks = 0;
          Object.defineProperty(reader, 'lag', {
            get() {
              if (++looks > 10_000) throw new Error('drain does not end');
              if ((lag?.get?.call(reader) as number) < 16) refill();
              return lag?.get?.call(reader) as number;
            },
          });
          reader.drain(() => undefined, 0x7fffffff);
        }
      }
    });

    it('samples the latency of messages that carry a time stamp, never of one before the first', () => {
      let nowNs = 5_000_000;
      const ring = makeRing(layout, 64, 0, () => nowNs);
      const { reader } = join(ring, ring.writer.startAtHead(), { now: () => nowNs });
      write(ring, 0, 1);
      nowNs += 7000;
      sequencesOf(reader);
      assert.equal(reader.latencySampleUs, 7);
      reader.latencySampleUs = -1;
      write(ring, 0, 1);
      sequencesOf(reader);
      assert.equal(reader.latencySampleUs, -1, 'only some messages are sampled');
      ring.writer.sampleNext();
      write(ring, 0, 1);
      nowNs += 2000;
      sequencesOf(reader);
      assert.equal(reader.latencySampleUs, 2);
      // Announced but not yet stamped: the zeros of fresh memory are no time stamp.
      const fresh = makeRing(layout, 64, 0, () => nowNs);
      const second = join(fresh, fresh.writer.startAtHead(), { now: () => nowNs });
      const { words } = fresh.control;
      const stamp = words[Header.samplePosition] as number;
      write(fresh, 0, 1);
      words[Header.samplePosition] = stamp;
      sequencesOf(second.reader);
      assert.equal(second.reader.latencySampleUs, -1);
    });
  });
}

function RingReaderPrototype(reader: RingReader): object {
  return Object.getPrototypeOf(Object.getPrototypeOf(reader) as object) as object;
}

describe('bytes ring', () => {
  it('carries the header of a packet', () => {
    const ring = makeRing('bytes', 64, 0, () => 3_000_000_001);
    const { reader } = join(ring, ring.writer.startAtHead(), { pinned: true });
    const header = {
      type: 255,
      key: true,
      ptsNs: -1,
      extended: true,
      idLow: -5,
      idHigh: 6,
      dtsNs: -(2 ** 40) - 3,
      captureTimeNs: 2 ** 50 + 1,
    };
    ring.writer.tryWrite(message(1, 100), header);
    reader.drain((view, offset, byteLength, type, sequence, headerOffset) => {
      const words = new Int32Array(view.buffer, headerOffset, 16);
      assert.deepEqual([byteLength, type, sequence, offset - headerOffset], [100, 255, 1, 64]);
      assertMessage(view, offset, byteLength, 1);
      const signed = (low: number): bigint =>
        (BigInt(words[low + 1] as number) << 32n) | BigInt((words[low] as number) >>> 0);
      assert.equal(signed(MessageRecord.timeLow), 3_000_000_001n);
      assert.equal(signed(MessageRecord.ptsLow), -1n);
      assert.equal(signed(MessageRecord.dtsLow), -(2n ** 40n) - 3n);
      assert.equal(signed(MessageRecord.captureLow), 2n ** 50n + 1n);
      assert.deepEqual([words[MessageRecord.idLow], words[MessageRecord.idHigh]], [-5, 6]);
    }, 1);
    assert.equal(reader.received, 1);
  });

  it('goes to the newest message when more than maxLag messages wait', () => {
    const ring = makeRing('bytes', 256);
    const { reader } = join(ring, ring.writer.startAtHead(), { maxLag: 5 });
    write(ring, 0, 5);
    assert.deepEqual(sequencesOf(reader), [1, 2, 3, 4, 5]);
    write(ring, 5, 6);
    assert.deepEqual(sequencesOf(reader), [11]);
    assert.equal(reader.lost, 5);
  });

  it('calls a sequence that runs backwards corrupt', () => {
    const ring = makeRing('bytes', 64);
    const { reader } = join(ring, { position: 0, sequence: 3 });
    write(ring, 0, 1);
    assert.deepEqual(sequencesOf(reader), []);
    assert.equal(reader.corrupt, true);
  });
});

describe('slots ring', () => {
  it('goes on at the newest message when more than maxLag slots wait', () => {
    const ring = makeRing('slots', 64);
    const { reader } = join(ring, ring.writer.startAtHead(), { maxLag: 5 });
    write(ring, 0, 5);
    assert.deepEqual(sequencesOf(reader), [1, 2, 3, 4, 5]);
    write(ring, 5, 6);
    assert.deepEqual(sequencesOf(reader), [11]);
    assert.equal(reader.lost, 5);
  });

  it('delivers a message of more slots than maxLag', () => {
    const ring = makeRing('slots', 64);
    const { reader } = join(ring, ring.writer.startAtHead(), { maxLag: 1 });
    for (let round = 0; round < 3; round++) {
      assert.ok(ring.writer.tryWrite(new Uint8Array(700), HEADER));
      assert.equal(
        reader.drain(() => undefined, 10),
        1,
      );
    }
    assert.equal(reader.lost, 0);
  });

  it('takes the next message in order when the newest start is not stored yet', () => {
    const ring = makeRing('slots', 64);
    const { reader } = join(ring, ring.writer.startAtHead(), { delivery: 'latest' });
    write(ring, 0, 2);
    assert.deepEqual(sequencesOf(reader), [2]);
    const stale = ring.control.words[Header.newestStart] as number;
    write(ring, 2, 3);
    ring.control.words[Header.newestStart] = stale;
    assert.deepEqual(sequencesOf(reader), [3]);
    assert.deepEqual(sequencesOf(reader), [4]);
  });
});
