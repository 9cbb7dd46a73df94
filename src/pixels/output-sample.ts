/** From words to the samples that a target stores. */
import { TRANSFORM_BITS } from './color-transform.js';
import type { PassOutput } from './conversion-plan.js';

/** Sample of a word: rounded to the precision of the output, cut where it has no more, and looked up. */
export function sampleOf(output: PassOutput, word: number): number {
  return rounded(output, word, 0);
}

/** As `sampleOf` for a sum of a transform, which is rounded once. */
export function sampleOfSum(output: PassOutput, sum: number): number {
  return rounded(output, sum, TRANSFORM_BITS);
}

/** `bits`: behind the point of the value. */
function rounded({ precision, table }: PassOutput, value: number, bits: number): number {
  if (precision === 8 || precision === 'table') {
    const byte = clamp((value + (1 << (bits + 7))) >> (bits + 8), 255);
    return table === undefined ? byte : table[byte]!;
  }
  const word = bits === 0 ? value : (value + (1 << (bits - 1))) >> bits;
  return precision === 16 ? clamp(word, 65535) : clamp((word + 32) >> 6, 1023) << 6;
}

function clamp(value: number, most: number): number {
  return value < 0 ? 0 : value > most ? most : value;
}

/** How large a sample of an output is. */
export function elementBytesOf({ precision, table }: PassOutput): 1 | 2 | 4 {
  if (table !== undefined) return table instanceof Float32Array ? 4 : 2;
  return precision === 8 ? 1 : 2;
}
