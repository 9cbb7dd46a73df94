/**
 * Rows of a plane, filtered: Σ sample × weight down the columns, sixteen samples of a row at a time.
 *
 * Products are made by `dot`, which multiplies signed words and adds neighbours. Bytes and weights are below 2^15.
 * Samples of 16 bits are not: the upper bit is turned, which takes 2^15 from each, so 2^15 × Σ weights comes back with
 * the rounding. All of a row's weights add up to 2^14.
 */
import { TAP_BITS } from '../resample-taps.js';
import { type Code, i16x8, i32, i32x4, v128 } from '../wasm/instructions.js';
import { KernelBuilder, type Local } from '../wasm/module-encoder.js';

/** Turns unsigned words into signed ones and back. */
export const UPPER_BITS = Uint16Array.of(...Array<number>(8).fill(0x8000));

/** Lanes of two vectors of words in turn: the lower half of both, or the upper half. */
export const WORDS_LOW = [0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23];
export const WORDS_HIGH = [8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31];

/** Samples of a row at a time. */
const STEP = 16;

export type SampleBytes = 1 | 2;

/** What is added before the shift: a half, and what turned bits took away. */
export function rowBias(bytesPerSample: SampleBytes): number {
  return bytesPerSample === 1
    ? 1 << (TAP_BITS - 9)
    : (1 << (TAP_BITS - 1)) + (1 << (15 + TAP_BITS));
}

/** Where the sums of a kernel begin and end: with words when these are all rows there are. */
export interface Chain {
  readonly from: 'bias' | 'sums';
  readonly to: 'sums' | 'words';
}

export const WHOLE: Chain = { from: 'bias', to: 'words' };

export function blendName(bytesPerSample: SampleBytes, rows: 2 | 4, { from, to }: Chain): string {
  return `blend${rows}x${bytesPerSample}-${from}-${to}`;
}

/** (words, sums, row × rows, pairs of weights × rows / 2, samples) */
function blendKernel(bytesPerSample: SampleBytes, rows: 2 | 4, chain: Chain): KernelBuilder {
  const kernel = new KernelBuilder(blendName(bytesPerSample, rows, chain), 2 + rows + rows / 2 + 1);
  const [words, sums, ...rest] = kernel.parameters as [Local, Local, ...Local[]];
  const count = rest.pop() as Local;
  const samples = rest.slice(0, rows);
  const weights = rest.slice(rows);
  const factors = weights.map((pair) => {
    const factor = kernel.vector();
    kernel.add(factor.set(i32x4.splat(pair.get)));
    return factor;
  });
  const loaded = samples.map(() => kernel.vector());
  const shift = i32.constant(bytesPerSample === 1 ? TAP_BITS - 8 : TAP_BITS);
  /** Eight samples, from a place in the rows on. */
  const eight = (first: number): readonly Code[] => {
    const [low, high] = [WORDS_LOW, WORDS_HIGH].map((lanes, half) => {
      const products = factors.map((factor, pair) => {
        const [upper, lower] = [loaded[2 * pair]!, loaded[2 * pair + 1]!];
        return i32x4.dot(v128.shuffle(upper.get, lower.get, lanes), factor.get);
      });
      const start =
        chain.from === 'sums'
          ? v128.load(sums.get, first * 4 + half * 16)
          : i32x4.splat(i32.constant(rowBias(bytesPerSample)));
      return products.reduce((sum, product) => i32x4.add(sum, product), start);
    }) as [Code, Code];
    const made = i16x8.narrow(i32x4.shiftRight(low, shift), i32x4.shiftRight(high, shift));
    return [
      ...samples.map((row, index) => loaded[index]!.set(loadWords(row, first, bytesPerSample))),
      ...(chain.to === 'words'
        ? [v128.store(words.get, first * 2, made)]
        : [v128.store(sums.get, first * 4, low), v128.store(sums.get, first * 4 + 16, high)]),
    ];
  };
  kernel.repeat(count, STEP, [
    ...[...eight(0), ...eight(8)],
    words.advance(STEP * 2),
    ...(isWhole(chain) ? [] : [sums.advance(STEP * 4)]),
    ...samples.map((row) => row.advance(STEP * bytesPerSample)),
  ]);
  return kernel;
}

/** (words, bytes, samples): bytes as words of 16 bits. */
function widenKernel(): KernelBuilder {
  const kernel = new KernelBuilder('widen', 3);
  const [words, bytes, count] = kernel.parameters as [Local, Local, Local];
  const eight = (first: number): Code => {
    const widened = i16x8.shiftLeft(v128.load8x8(bytes.get, first), i32.constant(8));
    return v128.store(words.get, first * 2, widened);
  };
  const moved = [words.advance(STEP * 2), bytes.advance(STEP)];
  kernel.repeat(count, STEP, [eight(0), eight(8), ...moved]);
  return kernel;
}

function isWhole({ from, to }: Chain): boolean {
  return from === 'bias' && to === 'words';
}

function loadWords(row: Local, first: number, bytesPerSample: SampleBytes): Code {
  if (bytesPerSample === 1) return v128.load8x8(row.get, first);
  return v128.xor(v128.load(row.get, first * 2), v128.constant(UPPER_BITS));
}

export function rowKernels(): readonly KernelBuilder[] {
  const chains: readonly Chain[] = [
    WHOLE,
    { from: 'bias', to: 'sums' },
    { from: 'sums', to: 'sums' },
    { from: 'sums', to: 'words' },
  ];
  const blends = ([1, 2] as const).flatMap((bytes) => [
    blendKernel(bytes, 2, WHOLE),
    ...chains.map((chain) => blendKernel(bytes, 4, chain)),
  ]);
  return [widenKernel(), ...blends];
}
