/** From words of 16 bits to the samples of a target: through a transform, rounded, by a table. */
import { TRANSFORM_BITS } from '../color-transform.js';
import { type Code, i8x16, i16x8, i32, i32x4, v128 } from '../wasm/instructions.js';
import { KernelBuilder, type Local } from '../wasm/module-encoder.js';
import { UPPER_BITS, WORDS_HIGH, WORDS_LOW } from './row-kernels.js';

/** How samples are stored that are not looked up. */
export type StoredBits = 8 | 10 | 16;
export const STORED_BITS: readonly StoredBits[] = Object.freeze([8, 10, 16]);

/** Numbers of 32 bits an output has in the memory of a transform: two factors, one factor, the offset. */
export const FACTORS_AN_OUTPUT = 3;

const ZERO = i32x4.splat(i32.constant(0));
const MOST_10_BITS = i32.constant(1023);

export function transformName(bits: StoredBits, outputs: number): string {
  return `transform${outputs}-${bits}`;
}

/** What is added to a sum of a transform, and how far it is shifted then. */
function rounding(bits: StoredBits): { readonly half: number; readonly shift: number } {
  const shift = bits === 8 ? TRANSFORM_BITS + 8 : TRANSFORM_BITS;
  return { half: 1 << (shift - 1), shift };
}

/**
 * The numbers of a transform as its kernel takes them. Words lose 2^15 when they are taken as signed ones; it comes back with
 * the offset. Factors are below 4, so that they have 16 bits with their sign.
 */
export function packTransform(
  transform: Int32Array,
  outputs: number,
  bits: StoredBits,
): Int32Array {
  const packed = new Int32Array(outputs * FACTORS_AN_OUTPUT);
  for (let output = 0; output < outputs; output++) {
    const [a, b, c, offset] = transform.subarray(output * 4, output * 4 + 4) as unknown as [
      ...[number, number, number, number],
    ];
    packed[output * FACTORS_AN_OUTPUT] = (a & 0xffff) | (b << 16);
    packed[output * FACTORS_AN_OUTPUT + 1] = c & 0xffff;
    packed[output * FACTORS_AN_OUTPUT + 2] =
      Math.imul(a + b + c, 1 << 15) + offset + rounding(bits).half;
  }
  return packed;
}

/** (target × outputs, words × 3, packed transform, pixels) */
function transformKernel(bits: StoredBits, outputs: number): KernelBuilder {
  const kernel = new KernelBuilder(transformName(bits, outputs), outputs + 5);
  const targets = kernel.parameters.slice(0, outputs);
  const [wordsA, wordsB, wordsC, packed, count] = kernel.parameters.slice(outputs) as [
    ...[Local, Local, Local, Local, Local],
  ];
  const numbers = targets.map((_, output) =>
    Array.from({ length: FACTORS_AN_OUTPUT }, (__, index) => {
      const number = kernel.vector();
      const at = (output * FACTORS_AN_OUTPUT + index) * 4;
      kernel.add(number.set(v128.splat32(packed.get, at)));
      return number;
    }),
  );
  const [a, b, c] = [kernel.vector(), kernel.vector(), kernel.vector()];
  const upper = v128.constant(UPPER_BITS);
  const load = (into: Local, words: Local): Code => into.set(v128.xor(v128.load(words.get), upper));
  const halves = [kernel.vector(), kernel.vector(), kernel.vector(), kernel.vector()];
  const [lowPair, highPair, lowC, highC] = halves as [Local, Local, Local, Local];
  const stores = targets.map((target, output) => {
    const [two, one, offset] = numbers[output] as [Local, Local, Local];
    const sum = (pair: Local, single: Local): Code =>
      i32x4.add(
        i32x4.add(i32x4.dot(pair.get, two.get), i32x4.dot(single.get, one.get)),
        offset.get,
      );
    return v128.store(target.get, 0, stored(sum(lowPair, lowC), sum(highPair, highC), bits));
  });
  kernel.repeat(count, 8, [
    ...[load(a, wordsA), load(b, wordsB), load(c, wordsC)],
    lowPair.set(v128.shuffle(a.get, b.get, WORDS_LOW)),
    highPair.set(v128.shuffle(a.get, b.get, WORDS_HIGH)),
    lowC.set(v128.shuffle(c.get, ZERO, WORDS_LOW)),
    highC.set(v128.shuffle(c.get, ZERO, WORDS_HIGH)),
    ...stores,
    ...[wordsA, wordsB, wordsC].map((words) => words.advance(16)),
    ...targets.map((target) => target.advance(bits === 8 ? 8 : 16)),
  ]);
  return kernel;
}

/** Eight sums as samples. Those of 8 bits are in the lower half; the next eight overwrite the upper. */
function stored(low: Code, high: Code, bits: StoredBits): Code {
  const shift = i32.constant(rounding(bits).shift);
  const [first, second] = [i32x4.shiftRight(low, shift), i32x4.shiftRight(high, shift)];
  if (bits === 16) return i16x8.narrow(first, second);
  if (bits === 8) return i8x16.narrow(i16x8.narrowSigned(first, second), ZERO);
  const tens = (words: Code): Code =>
    i32x4.shiftRight(i32x4.add(words, i32x4.splat(i32.constant(32))), i32.constant(6));
  const most = i16x8.splat(MOST_10_BITS);
  const clamped = i16x8.min(i16x8.narrow(tens(first), tens(second)), most);
  return i16x8.shiftLeft(clamped, i32.constant(6));
}

/** (target, words, samples): words rounded to 8 or 10 bits. */
function roundKernel(bits: 8 | 10): KernelBuilder {
  const kernel = new KernelBuilder(`round-${bits}`, 3);
  const [target, words, count] = kernel.parameters as [Local, Local, Local];
  const [half, shift] = bits === 8 ? [128, 8] : [32, 6];
  const rounded = i16x8.shiftRight(
    i16x8.addSaturating(v128.load(words.get), i16x8.splat(i32.constant(half))),
    i32.constant(shift),
  );
  const samples =
    bits === 8 ? i8x16.narrow(rounded, ZERO) : i16x8.shiftLeft(rounded, i32.constant(6));
  kernel.repeat(count, 8, [
    v128.store(target.get, 0, samples),
    words.advance(16),
    target.advance(bits === 8 ? 8 : 16),
  ]);
  return kernel;
}

/** (target, bytes, table, bytes from one element of the target to the next, samples): four at a time. */
function lookUpKernel(elementBytes: 2 | 4): KernelBuilder {
  const kernel = new KernelBuilder(`lookup-${elementBytes}`, 5);
  const [target, bytes, table, stride, count] = kernel.parameters as [
    ...[Local, Local, Local, Local, Local],
  ];
  const scale = i32.constant(elementBytes === 2 ? 1 : 2);
  const [load, store] = elementBytes === 2 ? [i32.load16, i32.store16] : [i32.load, i32.store];
  const one = (index: number): readonly Code[] => [
    store(
      target.get,
      0,
      load(i32.add(table.get, i32.shiftLeft(i32.load8(bytes.get, index), scale))),
    ),
    target.set(i32.add(target.get, stride.get)),
  ];
  kernel.repeat(count, 4, [...[0, 1, 2, 3].flatMap(one), bytes.advance(4)]);
  return kernel;
}

export function sampleKernels(): readonly KernelBuilder[] {
  const transforms = STORED_BITS.flatMap((bits) =>
    [1, 2, 3].map((outputs) => transformKernel(bits, outputs)),
  );
  return [...transforms, roundKernel(8), roundKernel(10), lookUpKernel(2), lookUpKernel(4)];
}
