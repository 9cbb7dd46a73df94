import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  bytesRingGeometry,
  controlByteLength,
  type ControlGeometry,
  ControlKind,
  Header,
  HEADER_BYTES,
  MAX_POOL_SLOTS,
  MAX_RING_SLOTS,
  poolGeometry,
  readGeometry,
  slotsRingGeometry,
  writeGeometry,
} from '../../../src/layout/index.js';

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const identity = fc.record({
  epoch: word,
  instance: fc.tuple(word, word, word, word),
});
const powers = (least: number, most: number) =>
  fc.integer({ min: Math.log2(least), max: Math.log2(most) }).map((exponent) => 2 ** exponent);

const pool = fc
  .tuple(
    identity,
    fc.integer({ min: 2, max: MAX_POOL_SLOTS }),
    fc.integer({ min: 1, max: 2 ** 26 - 1 }).map((units) => units * 64),
  )
  .map(([ids, slots, slotBytes]) => poolGeometry(ids, slots, slotBytes));
const slotsRing = fc
  .tuple(identity, powers(8, MAX_RING_SLOTS))
  .map(([ids, slots]) => slotsRingGeometry(ids, slots));
const bytesRing = fc
  .tuple(identity, powers(8, MAX_RING_SLOTS))
  .map(([ids, units]) => bytesRingGeometry(ids, units));
const anyGeometry = fc.oneof(pool, slotsRing, bytesRing);

function written(geometry: ControlGeometry): Int32Array {
  const words = new Int32Array(HEADER_BYTES / 4);
  writeGeometry(words, geometry);
  return words;
}

describe('geometry', () => {
  it('reads back what was written, for every geometry this side makes', () => {
    fc.assert(
      fc.property(anyGeometry, (geometry) => {
        assert.deepEqual(readGeometry(written(geometry), controlByteLength(geometry)), geometry);
      }),
    );
  });

  it('refuses every other length, with a reason', () => {
    fc.assert(
      fc.property(anyGeometry, fc.integer({ min: -(2 ** 20), max: 2 ** 20 }), (geometry, more) => {
        fc.pre(more !== 0);
        assert.equal(
          typeof readGeometry(written(geometry), controlByteLength(geometry) + more),
          'string',
        );
      }),
    );
  });

  const broken: readonly (readonly [string, number, readonly number[]])[] = [
    ['magic', Header.magic, [0, 0x43554c54]],
    ['version', Header.version, [0, 2]],
    ['kind', Header.kind, [0, 4, -1]],
    ['slots', Header.slots, [0, 1, 3, 2 ** 31, -1]],
    ['recordBytes', Header.recordBytes, [0, 32, 255, -256]],
    ['indexSize', Header.indexSize, [7, 1, -1, 2 ** 31]],
    ['writeAhead', Header.writeAhead, [513, -1, 2 ** 31]],
    ['slotBytesLow', Header.slotBytesLow, [32, 65, -1]],
    ['slotBytesHigh', Header.slotBytesHigh, [1, -1]],
    ['recordsOffset', Header.recordsOffset, [0, 255, 2 ** 30, -64]],
    ['indexOffset', Header.indexOffset, [0, 260, -256]],
  ];
  const ids = { epoch: 1, instance: [1, 2, 3, 4] as const };
  for (const geometry of [
    poolGeometry(ids, 100, 4096),
    slotsRingGeometry(ids, 1024),
    bytesRingGeometry(ids, 1024),
  ]) {
    const kind = Object.entries(ControlKind).find(([, value]) => value === geometry.kind)?.[0];
    for (const [name, index, values] of broken) {
      it(`refuses a ${kind} control block with a wrong ${name}`, () => {
        for (const value of values) {
          const words = written(geometry);
          words[index] = value;
          const read = readGeometry(words, controlByteLength(geometry));
          assert.equal(typeof read, 'string', `${name} = ${value} was accepted`);
        }
      });
    }
  }

  it('accepts no geometry whose parts lie outside the block', () => {
    // Near misses: a good header with some words replaced, and lengths that a liar would choose to match.
    const replaced = fc.array(
      fc.tuple(
        fc.integer({ min: 0, max: 15 }),
        fc.oneof(word, fc.constantFrom(0, 1, 2, 4, 8, 64, 256, 4096)),
      ),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(anyGeometry, replaced, fc.boolean(), (geometry, changes, lie) => {
        const words = written(geometry);
        for (const [index, value] of changes) words[index] = value;
        const claimed =
          (words[Header.recordsOffset] ?? 0) +
          (words[Header.slots] ?? 0) * (words[Header.recordBytes] ?? 0);
        const byteLength = lie ? Math.ceil(claimed / 4096) * 4096 : controlByteLength(geometry);
        const read = readGeometry(words, byteLength);
        if (typeof read !== 'string') assertInside(read, byteLength);
      }),
      { numRuns: 2000 },
    );
  });

  it('survives random words', () => {
    fc.assert(
      fc.property(
        fc.int32Array({ minLength: 0, maxLength: 64 }),
        fc.integer({ min: -1, max: 2 ** 33 }),
        (words, byteLength) => {
          assert.equal(typeof readGeometry(words, byteLength), 'string');
        },
      ),
    );
  });
});

function assertInside(geometry: ControlGeometry, byteLength: number): void {
  assert.ok(geometry.slots >= 2 && geometry.recordBytes >= 64);
  assert.ok(geometry.recordsOffset >= HEADER_BYTES && geometry.recordsOffset % 64 === 0);
  assert.ok(geometry.recordsOffset + geometry.slots * geometry.recordBytes <= byteLength);
  if (geometry.kind === ControlKind.pool) {
    assert.ok(geometry.indexOffset >= HEADER_BYTES);
    assert.ok(geometry.indexSize >= geometry.slots);
    assert.ok(geometry.indexOffset + geometry.indexSize * 4 <= geometry.recordsOffset);
    assert.ok(geometry.slotBytes >= 64 && geometry.slotBytes < 2 ** 32);
  } else {
    assert.ok(geometry.writeAhead >= 1 && geometry.writeAhead * 2 <= geometry.slots);
    assert.equal(geometry.slots & (geometry.slots - 1), 0);
  }
}
