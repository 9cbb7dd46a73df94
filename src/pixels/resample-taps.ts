/**
 * Which samples of a row or column make up each sample of a resized one, and by what weight.
 *
 * Both axes work alike, and one after the other: rows are combined first. Weights are integers that add up to
 * 2^14 exactly, so that the processor and a GPU get the same numbers. Samples lie in the middle of
 * their cells, and chroma of 4:2:0 in the middle of its four pixels, as swscale takes it.
 */

/** The sum of the weights of an output. */
export const TAP_BITS = 14;
const ONE = 2 ** TAP_BITS;

/** `bilinear`: between the two nearest. `area`: all that is covered, for strong reduction. */
export type ResizeFilter = 'bilinear' | 'area' | 'auto';
export const RESIZE_FILTERS = Object.freeze(['auto', 'bilinear', 'area'] as const);

/** `taps` consecutive samples an output, starting with `first[output]`. All of them exist. */
export interface Taps {
  readonly outputs: number;
  readonly taps: number;
  readonly first: Int32Array;
  /** `taps` a output. */
  readonly weights: Uint16Array;
  /** Output i is sample i. */
  readonly identity: boolean;
  /** Two outputs a sample, as chroma of 4:2:0 has: weights of a quarter and three. */
  readonly doubles: boolean;
}

/**
 * @param size samples there are
 * @param outputs samples wanted
 * @param step samples from one output to the next
 */
export function resampleTaps(
  size: number,
  outputs: number,
  step: number,
  filter: ResizeFilter,
): Taps {
  if (step === 1) return identityTaps(size, outputs);
  const byArea = filter === 'area' ? step > 1 : filter === 'auto' && step > 2;
  const wanted = byArea ? Math.ceil(step) + 1 : 2;
  const taps = Math.min(wanted, size);
  const first = new Int32Array(outputs);
  const weights = new Uint16Array(outputs * taps);
  const shares = new Float64Array(taps);
  for (let output = 0; output < outputs; output++) {
    const start = byArea
      ? areaShares(size, output * step, step, shares)
      : bilinearShares(size, (output + 0.5) * step - 0.5, shares);
    first[output] = start;
    roundShares(shares, weights.subarray(output * taps, (output + 1) * taps));
  }
  if (byArea) return trimmed({ outputs, taps, first, weights, identity: false, doubles: false });
  const doubles = step === 0.5 && taps === 2 && outputs > 2 * size - 2 && outputs <= 2 * size;
  return { outputs, taps, first, weights, identity: false, doubles };
}

/** Without the last tap where no output has a use for it: whole steps need one fewer. */
function trimmed(whole: Taps): Taps {
  const { outputs, taps, first, weights } = whole;
  const isUsed = first.some((_, output) => weights[output * taps + taps - 1] !== 0);
  if (isUsed || taps === 1) return whole;
  const fewer = taps - 1;
  const kept = weights.filter((_, index) => index % taps < fewer);
  return { ...whole, outputs, taps: fewer, weights: kept };
}

/** There may be one output more than samples, where chroma of an odd size was rounded up. */
function identityTaps(size: number, outputs: number): Taps {
  const first = Int32Array.from({ length: outputs }, (_, output) => Math.min(output, size - 1));
  const weights = new Uint16Array(outputs).fill(ONE);
  return { outputs, taps: 1, first, weights, identity: outputs <= size, doubles: false };
}

/** Fills `shares` and returns the first sample they belong to. */
function bilinearShares(size: number, position: number, shares: Float64Array): number {
  const clamped = Math.min(Math.max(position, 0), size - 1);
  const start = Math.max(0, Math.min(Math.floor(clamped), size - shares.length));
  for (let tap = 0; tap < shares.length; tap++) {
    shares[tap] = Math.max(0, 1 - Math.abs(clamped - start - tap));
  }
  return start;
}

function areaShares(size: number, from: number, step: number, shares: Float64Array): number {
  const end = Math.min(from + step, size);
  const begin = Math.min(from, end - Math.min(step, 1));
  const start = Math.max(0, Math.min(Math.floor(begin), size - shares.length));
  for (let tap = 0; tap < shares.length; tap++) {
    const sample = start + tap;
    shares[tap] = Math.max(0, Math.min(end, sample + 1) - Math.max(begin, sample));
  }
  return start;
}

/** To integers whose sum is exact: what rounding leaves over goes to the largest. */
function roundShares(shares: Float64Array, weights: Uint16Array): void {
  const sum = shares.reduce((total, share) => total + share, 0);
  let left = ONE;
  let largest = 0;
  for (let tap = 0; tap < shares.length; tap++) {
    weights[tap] = Math.round((shares[tap]! / sum) * ONE);
    left -= weights[tap]!;
    if (weights[tap]! > weights[largest]!) largest = tap;
  }
  weights[largest]! += left;
}
