/** Times of containers: whole numbers of a rational time base, made nanoseconds without a rounding on the way. */

/** numerator / denominator, both positive integers. */
export interface Rational {
  readonly numerator: number;
  readonly denominator: number;
}

/** `value` of time base `from` in time base `to`, rounded to the nearest, halves away from zero. */
export function rescale(value: number, from: Rational, to: Rational): number {
  if (from.numerator === to.numerator && from.denominator === to.denominator) return value;
  const above = BigInt(value) * BigInt(from.numerator) * BigInt(to.denominator);
  const below = BigInt(from.denominator) * BigInt(to.numerator);
  const half = above < 0n ? -below / 2n : below / 2n;
  return Number((above + half) / below);
}

const NANOSECONDS: Rational = Object.freeze({ numerator: 1, denominator: 1_000_000_000 });

/** Nanoseconds, rounded to the nearest. */
export function toNs(value: number, timeBase: Rational): number {
  return rescale(value, timeBase, NANOSECONDS);
}
