/** The words of a row, filtered along it: Σ word × weight, for eight columns of the result at a time. */
import { TAP_BITS } from '../resample-taps.js';
import { type Code, i16x8, i32, i32x4, v128 } from '../wasm/instructions.js';
import { KernelBuilder, type Local } from '../wasm/module-encoder.js';
import { rowBias, UPPER_BITS, WORDS_HIGH, WORDS_LOW } from './row-kernels.js';

/** Taps of a column are filtered in fours. */
export const CHUNK_TAPS = 4;

/** Numbers of two vectors: those at even places, and at odd. */
const EVEN_NUMBERS = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];
const ODD_NUMBERS = [4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31];

const BIAS = i32x4.splat(i32.constant(rowBias(2)));
const SHIFT = i32.constant(TAP_BITS);
const ONE = i32.constant(1);
const ZERO = i32x4.splat(i32.constant(0));

/** The address of a column's first word: offsets from the beginning of the row stand in a table. */
function firstWord(words: Local, offsets: Local, column: number): Code {
  return i32.add(words.get, i32.load(offsets.get, column * 4));
}

function signedWords(vector: Code): Code {
  return v128.xor(vector, v128.constant(UPPER_BITS));
}

/** (result, words, offsets, weights, columns): two taps a column. */
function pairsKernel(): KernelBuilder {
  const kernel = new KernelBuilder('pairs', 5);
  const [result, words, offsets, weights, count] = kernel.parameters as [
    ...[Local, Local, Local, Local, Local],
  ];
  const four = (half: number): Code => {
    const at = (column: number): Code => firstWord(words, offsets, half * 4 + column);
    let pairs = v128.loadLow32(at(0));
    for (const lane of [1, 2, 3]) pairs = v128.lane32(pairs, lane, at(lane));
    const sum = i32x4.dot(signedWords(pairs), v128.load(weights.get, half * 16));
    return i32x4.shiftRight(i32x4.add(sum, BIAS), SHIFT);
  };
  kernel.repeat(count, 8, [
    v128.store(result.get, 0, i16x8.narrow(four(0), four(1))),
    result.advance(16),
    offsets.advance(32),
    weights.advance(32),
  ]);
  return kernel;
}

/** Four columns at once, whose first words are at `addresses`: two of them in each vector. */
function fourByFour(addresses: readonly Local[], weights: Local): readonly [Code, Code] {
  const two = (first: number): Code => {
    const [a, b] = [addresses[first]!, addresses[first + 1]!];
    const words = signedWords(v128.lane64(v128.loadLow64(a.get), 1, b.get));
    return i32x4.dot(words, v128.load(weights.get, first * 8));
  };
  return [two(0), two(2)];
}

/** Four sums of two numbers each as words. Kernels store eight: the next four columns overwrite the rest. */
function wordsOfFour(low: Code, high: Code): Code {
  const sum = i32x4.add(
    v128.shuffle(low, high, EVEN_NUMBERS),
    v128.shuffle(low, high, ODD_NUMBERS),
  );
  return i16x8.narrow(i32x4.shiftRight(i32x4.add(sum, BIAS), SHIFT), ZERO);
}

/** (result, words, offsets, weights, columns): four taps a column. The weights of four columns stand together. */
function foursKernel(): KernelBuilder {
  const kernel = new KernelBuilder('fours', 5);
  const [result, words, offsets, weights, count] = kernel.parameters as [
    ...[Local, Local, Local, Local, Local],
  ];
  const addresses = [0, 1, 2, 3].map(() => kernel.number());
  const [low, high] = [kernel.vector(), kernel.vector()];
  const [first, second] = fourByFour(addresses, weights);
  kernel.repeat(count, 4, [
    ...addresses.map((address, column) => address.set(firstWord(words, offsets, column))),
    low.set(first),
    high.set(second),
    v128.store(result.get, 0, wordsOfFour(low.get, high.get)),
    ...[result.advance(8), offsets.advance(16), weights.advance(32)],
  ]);
  return kernel;
}

/** (result, words, offsets, weights, chunks, columns): as `foursKernel` for `chunks` times four taps. */
function chunksKernel(): KernelBuilder {
  const kernel = new KernelBuilder('chunks', 6);
  const [result, words, offsets, weights, chunks, count] = kernel.parameters as [
    ...[Local, Local, Local, Local, Local, Local],
  ];
  const addresses = [0, 1, 2, 3].map(() => kernel.number());
  const left = kernel.number();
  const [low, high] = [kernel.vector(), kernel.vector()];
  const [first, second] = fourByFour(addresses, weights);
  const chunk = kernel.repeated(left, 1, [
    low.set(i32x4.add(low.get, first)),
    high.set(i32x4.add(high.get, second)),
    weights.advance(32),
    ...addresses.map((address) => address.advance(2 * CHUNK_TAPS)),
  ]);
  kernel.repeat(count, 4, [
    ...addresses.map((address, column) => address.set(firstWord(words, offsets, column))),
    ...[low.set(ZERO), high.set(ZERO), left.set(chunks.get), chunk],
    v128.store(result.get, 0, wordsOfFour(low.get, high.get)),
    ...[result.advance(8), offsets.advance(16)],
  ]);
  return kernel;
}

/**
 * (result, words, columns): twice the columns, three quarters of the nearer word and one of the other.
 * (3a + b + 2) >> 2 is the mean of a and ⌊(a + b) / 2⌋, rounded up.
 */
function doubleKernel(): KernelBuilder {
  const kernel = new KernelBuilder('double', 3);
  const [result, words, count] = kernel.parameters as [Local, Local, Local];
  const [a, b, mean] = [kernel.vector(), kernel.vector(), kernel.vector()];
  const [left, last] = [kernel.number(), kernel.number()];
  const ones = i16x8.splat(i32.constant(1));
  kernel.add(
    // The last column of an even number is the last word: written when the others are through. Of an odd number it goes
    // behind the end.
    last.set(
      i32.load16(i32.add(words.get, i32.and(i32.subtract(count.get, ONE), i32.constant(-2)))),
    ),
    i32.store16(result.get, 0, i32.load16(words.get)),
    left.set(i32.subtract(count.get, ONE)),
  );
  const end = kernel.number();
  kernel.add(end.set(i32.add(result.get, i32.shiftLeft(i32.or(left.get, ONE), ONE))));
  kernel.repeat(left, 16, [
    a.set(v128.load(words.get)),
    b.set(v128.load(words.get, 2)),
    mean.set(i16x8.subtract(i16x8.average(a.get, b.get), v128.and(v128.xor(a.get, b.get), ones))),
    a.set(i16x8.average(a.get, mean.get)),
    b.set(i16x8.average(b.get, mean.get)),
    v128.store(result.get, 2, v128.shuffle(a.get, b.get, WORDS_LOW)),
    v128.store(result.get, 18, v128.shuffle(a.get, b.get, WORDS_HIGH)),
    words.advance(16),
    result.advance(32),
  ]);
  kernel.add(i32.store16(end.get, 0, last.get));
  return kernel;
}

export function columnKernels(): readonly KernelBuilder[] {
  return [pairsKernel(), foursKernel(), chunksKernel(), doubleKernel()];
}
