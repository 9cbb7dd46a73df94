/**
 * Every second to sixth sample of a row of bytes, as words: by an even step the mean of two by two neighbours, by an odd one
 * the sample itself. What the filters of rows and columns come to then, without a remainder.
 */
import { type Code, i16x8, i32, i32x4, v128 } from '../wasm/instructions.js';
import { KernelBuilder, type Local } from '../wasm/module-encoder.js';

/** Steps there are kernels for. */
export const REDUCTIONS: readonly number[] = Object.freeze([2, 3, 4, 5, 6]);

const COLUMNS = 8;
const LOWER_BYTES = v128.constant(Uint16Array.of(...Array<number>(8).fill(0x00ff)));
const LOWEST_BYTES = v128.constant(Int32Array.of(...Array<number>(4).fill(0xff)));

export function reduceName(channels: number, step: number): string {
  return `reduce${channels}-by-${step}`;
}

const isMean = (step: number): boolean => step % 2 === 0;

/** (words, bytes, pitch, columns): of one channel. */
function reduceKernel(step: number): KernelBuilder {
  const kernel = new KernelBuilder(reduceName(1, step), 4);
  const [words, bytes, pitch, count] = kernel.parameters as [Local, Local, Local, Local];
  const below = kernel.number();
  const pairs = (row: Local): Code => {
    if (step === 2) return v128.load(row.get);
    let eight = v128.splat16(row.get);
    for (let column = 1; column < COLUMNS; column++) {
      eight = v128.lane16(eight, column, row.get, column * step);
    }
    return eight;
  };
  const sum = i16x8.add(i16x8.addPairs(pairs(bytes)), i16x8.addPairs(pairs(below)));
  const made = isMean(step)
    ? i16x8.shiftLeft(sum, i32.constant(6))
    : i16x8.shiftLeft(pairs(bytes), i32.constant(8));
  kernel.add(below.set(i32.add(bytes.get, pitch.get)));
  kernel.repeat(count, COLUMNS, [
    v128.store(words.get, 0, made),
    words.advance(2 * COLUMNS),
    ...[bytes, below].map((row) => row.advance(COLUMNS * step)),
  ]);
  return kernel;
}

/** (words, words of the second channel, bytes, pitch, columns): of two channels in turn. */
function reducePairsKernel(step: number): KernelBuilder {
  const kernel = new KernelBuilder(reduceName(2, step), 5);
  const [first, second, bytes, pitch, count] = kernel.parameters as [
    ...[Local, Local, Local, Local, Local],
  ];
  const below = kernel.number();
  const loaded = [0, 1, 2, 3].map(() => kernel.vector()) as [Local, Local, Local, Local];
  const [above0, above1, below0, below1] = loaded;
  const four = (row: Local, half: number): Code => {
    const offset = half * 8 * step;
    if (step === 2) return v128.load(row.get, offset);
    let lanes = v128.splat32(row.get, offset);
    for (const lane of [1, 2, 3]) {
      lanes = v128.lane32(lanes, lane, row.get, offset + lane * 2 * step);
    }
    return lanes;
  };
  const upperBytes = (vector: Code): Code => i16x8.shiftRight(vector, i32.constant(8));
  const lowerBytes = (vector: Code): Code => v128.and(vector, LOWER_BYTES);
  const means = (channel: (vector: Code) => Code): Code => {
    const half = (a: Local, b: Local): Code =>
      i32x4.addPairs(i16x8.add(channel(a.get), channel(b.get)));
    return i16x8.shiftLeft(
      i16x8.narrow(half(above0, below0), half(above1, below1)),
      i32.constant(6),
    );
  };
  const picked = (channel: (vector: Code) => Code): Code => {
    const half = (a: Local): Code => v128.and(channel(a.get), LOWEST_BYTES);
    return i16x8.shiftLeft(i16x8.narrow(half(above0), half(above1)), i32.constant(8));
  };
  const make = isMean(step) ? means : picked;
  kernel.add(below.set(i32.add(bytes.get, pitch.get)));
  kernel.repeat(count, COLUMNS, [
    ...[above0.set(four(bytes, 0)), above1.set(four(bytes, 1))],
    ...(isMean(step) ? [below0.set(four(below, 0)), below1.set(four(below, 1))] : []),
    v128.store(first.get, 0, make(lowerBytes)),
    v128.store(second.get, 0, make(upperBytes)),
    ...[first, second].map((words) => words.advance(2 * COLUMNS)),
    ...[bytes, below].map((row) => row.advance(2 * COLUMNS * step)),
  ]);
  return kernel;
}

export function reduceKernels(): readonly KernelBuilder[] {
  return REDUCTIONS.flatMap((step) => [reduceKernel(step), reducePairsKernel(step)]);
}
