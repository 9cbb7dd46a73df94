/** Bytes that a bad line or disk has changed. */
import { Random } from './random.js';

/** One bit in each of `count` bytes behind `from`, the same ones each time. */
export function flipBits(bytes: Uint8Array, count: number, from: number): Uint8Array {
  const random = new Random(20_26);
  const damaged = bytes.slice();
  for (let flip = 0; flip < count; flip += 1) {
    damaged[from + random.below(damaged.length - from)]! ^= 1 << random.below(8);
  }
  return damaged;
}
