/** One component of a picture, resized: rows of 16-bit words. */
import type { PassInput } from './conversion-plan.js';
import { type PlaneRows, wordShift } from './plane-rows.js';
import { TAP_BITS, type Taps } from './resample-taps.js';

export class RowResampler {
  readonly #input: PassInput;
  readonly #plane: PlaneRows;
  readonly #result: Uint16Array;
  /** Few columns of many are wanted: filtering whole rows first would be wasted. */
  readonly #isSparse: boolean;

  constructor(input: PassInput, plane: PlaneRows) {
    const { columns, rows, place } = input;
    this.#input = input;
    this.#plane = plane;
    this.#result = new Uint16Array(columns.outputs);
    const length = plane.words.length / place.step;
    this.#isSparse = columns.taps === 2 && rows.taps === 2 && columns.outputs * 2 < length;
  }

  /** Row `y` of the resized component; valid until the next call. */
  row(y: number): Uint16Array {
    const plane = this.#plane;
    if (this.#isSparse) {
      const { columns, rows, place } = this.#input;
      const isMean = columns.halves && rows.halves && place.bytesPerSample === 1;
      if (isMean) meanOfFour(plane, rows.first[y]!, this.#input, this.#result);
      else filterSparse(plane, y, this.#input, this.#result);
      return this.#result;
    }
    plane.select(y);
    const { columns, place } = this.#input;
    const { words } = plane;
    if (columns.identity && words.length === this.#result.length) return words;
    this.#columns(words, place.offset, place.step, columns);
    return this.#result;
  }

  #columns(words: Uint16Array, start: number, step: number, columns: Taps): void {
    const target = this.#result;
    if (columns.taps === 1) pickColumns(words, start, step, columns, target);
    else if (columns.taps === 3) filterThree(words, start, step, columns, target);
    else if (columns.taps !== 2) filterMany(words, start, step, columns, target);
    else if (columns.doubles) doubleColumns(words, start, step, target);
    else filterTwo(words, start, step, columns, target);
  }
}

const HALF = 1 << (TAP_BITS - 1);

function pickColumns(
  words: Uint16Array,
  start: number,
  step: number,
  { first }: Taps,
  target: Uint16Array,
): void {
  for (let x = 0; x < target.length; x++) target[x] = words[start + first[x]! * step]!;
}

function filterTwo(
  words: Uint16Array,
  start: number,
  step: number,
  { first, weights }: Taps,
  target: Uint16Array,
): void {
  for (let x = 0; x < target.length; x++) {
    const at = start + first[x]! * step;
    const sum =
      Math.imul(words[at]!, weights[2 * x]!) + Math.imul(words[at + step]!, weights[2 * x + 1]!);
    target[x] = (sum + HALF) >> TAP_BITS;
  }
}

/** As `filterTwo` for twice the columns: three quarters of the nearer sample, one of the other. */
function doubleColumns(words: Uint16Array, start: number, step: number, target: Uint16Array): void {
  const pairs = (target.length - 1) >> 1;
  let at = start;
  let sample = words[at]!;
  target[0] = sample;
  for (let pair = 0; pair < pairs; pair++) {
    at += step;
    const next = words[at]!;
    target[2 * pair + 1] = (3 * sample + next + 2) >> 2;
    target[2 * pair + 2] = (sample + 3 * next + 2) >> 2;
    sample = next;
  }
  if (target.length % 2 === 0) target[target.length - 1] = sample;
}

/** What a reduction by two or three by area takes. */
function filterThree(
  words: Uint16Array,
  start: number,
  step: number,
  { first, weights }: Taps,
  target: Uint16Array,
): void {
  let weight = 0;
  for (let x = 0; x < target.length; x++) {
    const at = start + first[x]! * step;
    const sum =
      Math.imul(words[at]!, weights[weight]!) +
      Math.imul(words[at + step]!, weights[weight + 1]!) +
      Math.imul(words[at + 2 * step]!, weights[weight + 2]!);
    target[x] = (sum + HALF) >> TAP_BITS;
    weight += 3;
  }
}

function filterMany(
  words: Uint16Array,
  start: number,
  step: number,
  { taps, first, weights }: Taps,
  target: Uint16Array,
): void {
  let weight = 0;
  for (let x = 0; x < target.length; x++) {
    let at = start + first[x]! * step;
    let sum = HALF;
    for (const end = weight + taps; weight < end; weight++) {
      sum = (sum + Math.imul(words[at]!, weights[weight]!)) | 0;
      at += step;
    }
    target[x] = sum >> TAP_BITS;
  }
}

/** What `filterSparse` comes to when all weights are one half and samples have 8 bits: nothing is rounded. */
function meanOfFour(
  { samples, pitch }: PlaneRows,
  row: number,
  { place, columns }: PassInput,
  target: Uint16Array,
): void {
  const { first } = columns;
  const { offset, step } = place;
  const top = row * pitch + offset;
  for (let x = 0; x < target.length; x++) {
    const at = top + first[x]! * step;
    const next = at + step;
    const sum = samples[at]! + samples[next]! + samples[at + pitch]! + samples[next + pitch]!;
    target[x] = sum << 6;
  }
}

/** Rows, then columns, as the others do, of the samples that are needed. */
function filterSparse(
  { samples, pitch, bytesPerSample }: PlaneRows,
  y: number,
  { place, columns, rows }: PassInput,
  target: Uint16Array,
): void {
  const { first, weights } = columns;
  const { offset, step } = place;
  const top = rows.first[y]! * pitch + offset;
  const upper = rows.weights[2 * y]!;
  const lower = rows.weights[2 * y + 1]!;
  const shift = wordShift(bytesPerSample);
  const half = (1 << shift) >> 1;
  for (let x = 0; x < target.length; x++) {
    const at = top + first[x]! * step;
    const next = at + step;
    const left = Math.imul(samples[at]!, upper) + Math.imul(samples[at + pitch]!, lower);
    const right = Math.imul(samples[next]!, upper) + Math.imul(samples[next + pitch]!, lower);
    const sum =
      Math.imul((left + half) >> shift, weights[2 * x]!) +
      Math.imul((right + half) >> shift, weights[2 * x + 1]!);
    target[x] = (sum + HALF) >> TAP_BITS;
  }
}
