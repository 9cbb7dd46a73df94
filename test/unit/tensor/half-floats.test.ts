import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bf16ToF32Bits,
  f16ToF32Bits,
  f32ToBf16Bits,
  f32ToF16Bits,
  fromFloat32,
  type HalfFloat,
  toFloat32,
} from '../../../src/tensor/index.js';

const ALL_BITS = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
const scratch = new DataView(new ArrayBuffer(4));

function bitsOf(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}

function floatOf(bits: number): number {
  scratch.setUint32(0, bits);
  return scratch.getFloat32(0);
}

/** The value by the definition of the format, in doubles, which hold every one exactly. */
function valueByDefinition(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits >>> 15 === 0 ? 1 : -1;
  const exponent = (bits >>> fractionBits) & (2 ** exponentBits - 1);
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits;
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias);
  return sign * (1 + fraction) * 2 ** (exponent - bias);
}

const FORMATS: readonly {
  dtype: HalfFloat;
  exponentBits: number;
  fractionBits: number;
  widen: (bits: number) => number;
  narrow: (bits: number) => number;
}[] = [
  { dtype: 'f16', exponentBits: 5, fractionBits: 10, widen: f16ToF32Bits, narrow: f32ToF16Bits },
  { dtype: 'bf16', exponentBits: 8, fractionBits: 7, widen: bf16ToF32Bits, narrow: f32ToBf16Bits },
];

for (const { dtype, exponentBits, fractionBits, widen, narrow } of FORMATS) {
  const infinity = (2 ** exponentBits - 1) << fractionBits;
  const quiet = 1 << (fractionBits - 1);
  const isNaNBits = (bits: number): boolean => (bits & 0x7fff) > infinity;

  describe(`${dtype}, all 65536 values`, () => {
    it('widens to the value of its definition, subnormals and the sign of zero included', () => {
      const wide = toFloat32(dtype, ALL_BITS);
      for (const bits of ALL_BITS) {
        const expected = valueByDefinition(bits, exponentBits, fractionBits);
        if (!Object.is(wide[bits], expected)) {
          assert.fail(`0x${bits.toString(16)} became ${wide[bits]}, is ${expected}`);
        }
      }
    });

    it('comes back unchanged; a NaN keeps sign and payload and is quiet', () => {
      const back = fromFloat32(dtype, toFloat32(dtype, ALL_BITS));
      for (const bits of ALL_BITS) {
        const expected = isNaNBits(bits) ? bits | quiet : bits;
        if (back[bits] !== expected) assert.fail(`0x${bits.toString(16)} came back ${back[bits]}`);
      }
    });

    it('rounds to nearest, ties to even, between every two neighbours up to infinity', () => {
      for (let low = 0; low < infinity; low++) {
        const value = (bits: number): number => valueByDefinition(bits, exponentBits, fractionBits);
        // Infinity stands where the next value of the line would be.
        const above = low + 1 === infinity ? 2 * value(low) - value(low - 1) : value(low + 1);
        const middle = bitsOf((value(low) + above) / 2);
        const even = low % 2 === 0 ? low : low + 1;
        for (const sign of [0, 0x8000]) {
          const wideSign = sign === 0 ? 0 : 0x80000000;
          const found = [middle - 1, middle, middle + 1].map((bits) => narrow(bits + wideSign));
          const expected = [low | sign, even | sign, (low + 1) | sign];
          if (found.some((bits, index) => bits !== expected[index])) {
            assert.fail(`around 0x${middle.toString(16)}: found ${found}, expected ${expected}`);
          }
        }
      }
    });

    it('turns what is too large into infinity and what is too small into zero', () => {
      assert.equal(narrow(0x7f7fffff), infinity);
      assert.equal(narrow(0xff7fffff), infinity | 0x8000);
      assert.equal(narrow(0x7f800000), infinity);
      assert.equal(narrow(0x00000001), 0);
      assert.equal(narrow(0x80000001), 0x8000);
    });

    it('never turns a NaN into infinity, wherever its payload stands', () => {
      for (const payload of [1, 0x1fff, 0x2000, 0x7fffff, 0x400000]) {
        assert.ok(isNaNBits(narrow(0x7f800000 | payload)), `payload ${payload}`);
        assert.ok(isNaNBits(narrow((0xff800000 | payload) >>> 0)), `negative, payload ${payload}`);
      }
    });

    it('agrees with its functions on single values', () => {
      assert.equal(floatOf(widen(narrow(bitsOf(1)))), 1);
      assert.equal(floatOf(widen(narrow(bitsOf(-2.5)))), -2.5);
    });
  });
}

describe('arrays of 16-bit floats', () => {
  it('converts into a given target, and refuses one of another length', () => {
    const target = new Float32Array(2);
    assert.equal(toFloat32('f16', Uint16Array.of(0x3c00, 0xc000), target), target);
    assert.deepEqual([...target], [1, -2]);
    const narrow = new Uint16Array(2);
    assert.equal(fromFloat32('bf16', target, narrow), narrow);
    assert.deepEqual([...narrow], [0x3f80, 0xc000]);
    assert.throws(() => toFloat32('f16', new Uint16Array(3), target), RangeError);
    assert.throws(() => fromFloat32('f16', target, new Uint16Array(3)), RangeError);
  });
});
