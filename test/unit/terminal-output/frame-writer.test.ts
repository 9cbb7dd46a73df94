import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ByteSink, FrameWriter } from '../../../src/terminal/output/index.js';

/** Takes at most so many bytes a call, as it was told; nothing at all where the number is 0. */
class CuttingSink implements ByteSink {
  readonly taken: number[] = [];
  /** How many bytes each call brought. */
  readonly calls: number[] = [];
  readonly #cuts: readonly number[];
  room = false;

  constructor(cuts: readonly number[]) {
    this.#cuts = cuts;
  }

  write(bytes: Uint8Array): number {
    const cut = this.#cuts[this.calls.length] ?? bytes.length;
    this.calls.push(bytes.length);
    const count = Math.min(cut, bytes.length);
    for (const byte of bytes.subarray(0, count)) this.taken.push(byte);
    return count;
  }

  wantRoom(wanted: boolean): void {
    this.room = wanted;
  }
}

/** Frame `number`: bytes that tell which frame and which place they belong to. */
function frame(number: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_unused, index) => (number * 37 + index) & 0xff);
}

describe('FrameWriter', () => {
  it('writes a frame that the terminal takes whole with one call, and nothing beside it', () => {
    const sink = new CuttingSink([]);
    let idle = 0;
    const writer = new FrameWriter(sink, () => (idle += 1));
    const lengths = [1, 4096, 65_537, 300_000];
    for (const [number, length] of lengths.entries()) {
      writer.writeFrame(frame(number, length));
      assert.deepEqual(sink.calls, lengths.slice(0, number + 1));
      // There is room again: nothing is left to be written.
      writer.flush();
      assert.deepEqual(sink.calls, lengths.slice(0, number + 1));
    }
    writer.writeFrame(new Uint8Array(0));
    assert.deepEqual(sink.calls, lengths);
    assert.equal(idle, 0);
    assert.equal(sink.room, false);
  });

  it('writes what is left of a frame with one call each time that there is room', () => {
    const sink = new CuttingSink([5, 0, 3]);
    const writer = new FrameWriter(sink, () => undefined);
    writer.writeFrame(frame(1, 20));
    while (writer.busy) writer.flush();
    assert.deepEqual(sink.calls, [20, 15, 15, 12]);
  });

  it('writes every frame whole, cut at every place, and none before the last one is out', () => {
    for (const length of [1, 2, 7, 64]) {
      for (let cut = 0; cut <= length; cut += 1) {
        let idle = 0;
        const sink = new CuttingSink([cut, 0, 1]);
        const writer = new FrameWriter(sink, () => (idle += 1));
        const bytes = frame(1, length);
        writer.writeFrame(bytes);
        bytes.fill(0);
        assert.equal(writer.busy, cut < length);
        assert.equal(sink.room, cut < length);
        if (writer.busy) assert.throws(() => writer.writeFrame(frame(2, 3)), RangeError);
        while (writer.busy) writer.flush();
        assert.equal(idle, cut < length ? 1 : 0);
        writer.writeFrame(frame(2, 3));
        while (writer.busy) writer.flush();
        assert.deepEqual(sink.taken, [...frame(1, length), ...frame(2, 3)]);
        assert.equal(sink.room, false);
      }
    }
  });

  it('keeps the order of frames, other bytes and what is left, for any cuts', () => {
    const steps = fc.array(
      fc.record({
        type: fc.constantFrom('frame', 'control', 'flush', 'rest'),
        length: fc.integer({ min: 0, max: 20 }),
      }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(
        steps,
        fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 60 }),
        (all, cuts) => {
          const sink = new CuttingSink(cuts);
          const writer = new FrameWriter(sink, () => undefined);
          const expected: number[] = [];
          for (const [number, { type, length }] of all.entries()) {
            const bytes = frame(number, length);
            if (type === 'flush') writer.flush();
            else if (type === 'rest') {
              // As on leaving: what is left is written by somebody else.
              const rest = writer.takeRest();
              sink.taken.push(...rest);
            } else if (type === 'control' || !writer.busy) {
              if (type === 'control') assert.ok(writer.writeControl(bytes));
              else writer.writeFrame(bytes);
              expected.push(...bytes);
            }
            assert.deepEqual(sink.taken, expected.slice(0, sink.taken.length));
            assert.equal(sink.room, writer.busy);
          }
          for (let turn = 0; writer.busy && turn < 200; turn += 1) writer.flush();
          assert.deepEqual(sink.taken, expected);
        },
      ),
      { seed: 20_260_103, numRuns: 2000 },
    );
  });

  it('takes no more beside frames than a terminal could be meant to get', () => {
    const writer = new FrameWriter(new CuttingSink([0]), () => undefined);
    writer.writeFrame(frame(1, 10));
    assert.equal(writer.writeControl(new Uint8Array(2 * 1024 * 1024)), false);
    assert.equal(writer.takeRest().length, 10);
  });
});
