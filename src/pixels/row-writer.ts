/** One row of a pass: words through the transform into the samples of the target. No allocation. */
import { TRANSFORM_BITS } from './color-transform.js';
import type { PassOutput } from './conversion-plan.js';
import type { ValueTable } from './tensor-target.js';

/** Samples of a plane, to be written. Those of 8 bits are clamped by the array. */
export type WritableSamples = Uint8ClampedArray | Uint16Array | Float32Array;

/** Three words each of a row; what a pass has fewer of is zeros. */
export type Words = readonly [Uint16Array, Uint16Array, Uint16Array];

/** Where the outputs of a pass go in this row: the array, and the sample of the first pixel. */
export interface RowTarget {
  readonly samples: WritableSamples;
  readonly start: number;
}

const BYTE_SHIFT = TRANSFORM_BITS + 8;

/** Sample of a word that is clamped already: what the padding is written as. */
export function sampleOf({ precision, table }: PassOutput, word: number): number {
  if (precision === 16) return Math.min(65535, Math.max(0, word));
  if (precision === 10) return Math.min(1023, Math.max(0, (word + 32) >> 6)) << 6;
  const byte = Math.min(255, Math.max(0, (word + 128) >> 8));
  return table === undefined ? byte : table[byte]!;
}

/** How large a sample of an output is. */
export function elementBytesOf({ precision, table }: PassOutput): 1 | 2 | 4 {
  if (table !== undefined) return table instanceof Float32Array ? 4 : 2;
  return precision === 8 ? 1 : 2;
}

/** An output whose words are those of an input. */
export function writeWords(
  words: Uint16Array,
  output: PassOutput,
  { samples, start }: RowTarget,
): void {
  const { step } = output.place;
  const { precision, table } = output;
  let at = start;
  if (precision === 8) {
    for (let x = 0; x < words.length; x++, at += step) samples[at] = (words[x]! + 128) >> 8;
  } else if (precision === 10) {
    for (let x = 0; x < words.length; x++, at += step) {
      samples[at] = Math.min(1023, (words[x]! + 32) >> 6) << 6;
    }
  } else if (table === undefined) {
    for (let x = 0; x < words.length; x++, at += step) samples[at] = words[x]!;
  } else {
    for (let x = 0; x < words.length; x++, at += step) {
      samples[at] = table[Math.min(255, (words[x]! + 128) >> 8)]!;
    }
  }
}

/** One output of all inputs. `row`: where its four numbers are in `transform`. */
export function writeOne(
  words: Words,
  transform: Int32Array,
  row: number,
  output: PassOutput,
  target: RowTarget,
): void {
  if (output.precision === 8) writeByte(words, transform, row, output.place.step, target);
  else writeSample(words, transform, row, output, target);
}

function writeByte(
  [a, b, c]: Words,
  transform: Int32Array,
  row: number,
  step: number,
  { samples, start }: RowTarget,
): void {
  const fa = transform[row]!;
  const fb = transform[row + 1]!;
  const fc = transform[row + 2]!;
  const offset = byteOffset(transform[row + 3]!);
  let at = start;
  for (let x = 0; x < a.length; x++) {
    const sum = Math.imul(a[x]!, fa) + Math.imul(b[x]!, fb) + Math.imul(c[x]!, fc) + offset;
    samples[at] = sum >> BYTE_SHIFT;
    at += step;
  }
}

function writeSample(
  [a, b, c]: Words,
  transform: Int32Array,
  row: number,
  { place, precision, table }: PassOutput,
  { samples, start }: RowTarget,
): void {
  const fa = transform[row]!;
  const fb = transform[row + 1]!;
  const fc = transform[row + 2]!;
  const shift = precision === 'table' ? BYTE_SHIFT : TRANSFORM_BITS;
  const offset = (transform[row + 3]! + (1 << (shift - 1))) | 0;
  let at = start;
  for (let x = 0; x < a.length; x++, at += place.step) {
    const word =
      (Math.imul(a[x]!, fa) + Math.imul(b[x]!, fb) + Math.imul(c[x]!, fc) + offset) >> shift;
    if (precision === 16) samples[at] = word < 0 ? 0 : word > 65535 ? 65535 : word;
    else if (precision === 10) {
      const sample = (word + 32) >> 6;
      samples[at] = (sample < 0 ? 0 : sample > 1023 ? 1023 : sample) << 6;
    } else samples[at] = table![word < 0 ? 0 : word > 255 ? 255 : word]!;
  }
}

/** Three outputs of 8 bits at once: most of what there is to do. */
export function writeBytes(
  [a, b, c]: Words,
  t: Int32Array,
  step: number,
  targets: readonly RowTarget[],
): void {
  const [first, second, third] = targets as [RowTarget, RowTarget, RowTarget];
  const [to0, to1, to2] = [first.samples, second.samples, third.samples];
  let at0 = first.start;
  let at1 = second.start;
  let at2 = third.start;
  const [t0, t1, t2, t4, t5, t6] = [t[0]!, t[1]!, t[2]!, t[4]!, t[5]!, t[6]!];
  const [t8, t9, t10] = [t[8]!, t[9]!, t[10]!];
  const [o0, o1, o2] = [byteOffset(t[3]!), byteOffset(t[7]!), byteOffset(t[11]!)];
  for (let x = 0; x < a.length; x++) {
    const p = a[x]!;
    const q = b[x]!;
    const r = c[x]!;
    to0[at0] = (Math.imul(p, t0) + Math.imul(q, t1) + Math.imul(r, t2) + o0) >> BYTE_SHIFT;
    to1[at1] = (Math.imul(p, t4) + Math.imul(q, t5) + Math.imul(r, t6) + o1) >> BYTE_SHIFT;
    to2[at2] = (Math.imul(p, t8) + Math.imul(q, t9) + Math.imul(r, t10) + o2) >> BYTE_SHIFT;
    at0 += step;
    at1 += step;
    at2 += step;
  }
}

/** Three outputs by their tables at once. */
export function writeTables(
  [a, b, c]: Words,
  t: Int32Array,
  step: number,
  tables: readonly ValueTable[],
  targets: readonly RowTarget[],
): void {
  const [first, second, third] = targets as [RowTarget, RowTarget, RowTarget];
  const [to0, to1, to2] = [first.samples, second.samples, third.samples];
  let at0 = first.start;
  let at1 = second.start;
  let at2 = third.start;
  const [table0, table1, table2] = tables as [ValueTable, ValueTable, ValueTable];
  const [t0, t1, t2, t4, t5, t6] = [t[0]!, t[1]!, t[2]!, t[4]!, t[5]!, t[6]!];
  const [t8, t9, t10] = [t[8]!, t[9]!, t[10]!];
  const [o0, o1, o2] = [byteOffset(t[3]!), byteOffset(t[7]!), byteOffset(t[11]!)];
  for (let x = 0; x < a.length; x++) {
    const p = a[x]!;
    const q = b[x]!;
    const r = c[x]!;
    const b0 = (Math.imul(p, t0) + Math.imul(q, t1) + Math.imul(r, t2) + o0) >> BYTE_SHIFT;
    const b1 = (Math.imul(p, t4) + Math.imul(q, t5) + Math.imul(r, t6) + o1) >> BYTE_SHIFT;
    const b2 = (Math.imul(p, t8) + Math.imul(q, t9) + Math.imul(r, t10) + o2) >> BYTE_SHIFT;
    to0[at0] = table0[b0 < 0 ? 0 : b0 > 255 ? 255 : b0]!;
    to1[at1] = table1[b1 < 0 ? 0 : b1 > 255 ? 255 : b1]!;
    to2[at2] = table2[b2 < 0 ? 0 : b2 > 255 ? 255 : b2]!;
    at0 += step;
    at1 += step;
    at2 += step;
  }
}

/** Rounded at once to 8 bits. */
function byteOffset(offset: number): number {
  return (offset + (1 << (BYTE_SHIFT - 1))) | 0;
}
