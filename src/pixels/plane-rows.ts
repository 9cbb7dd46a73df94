/** A plane of the source, filtered from row to row: all samples of a row at once, whatever they mean. */
import type { ReadonlyTypedArray } from '../core/index.js';
import { TAP_BITS, type Taps } from './resample-taps.js';

/** Samples of a plane, to be read. */
export type Samples = ReadonlyTypedArray<Uint8Array> | ReadonlyTypedArray<Uint16Array>;

/** From Σ sample × weight to a word of 16 bits: samples of 8 bits become 8.8, those of 16 stay. */
export function wordShift(bytesPerSample: 1 | 2): number {
  return bytesPerSample === 1 ? TAP_BITS - 8 : TAP_BITS;
}

export class PlaneRows {
  readonly taps: Taps;
  readonly bytesPerSample: 1 | 2;
  /** The row that `select` made. */
  readonly words: Uint16Array;
  readonly #sums: Int32Array;
  samples!: Samples;
  pitch = 0;
  #row = -1;

  /** @param length samples of a row */
  constructor(taps: Taps, length: number, bytesPerSample: 1 | 2) {
    this.taps = taps;
    this.bytesPerSample = bytesPerSample;
    this.words = new Uint16Array(length);
    this.#sums = new Int32Array(taps.taps > 2 ? length : 0);
  }

  /** A frame begins. `pitch`: samples from one row to the next. */
  begin(samples: Samples, pitch: number): void {
    this.samples = samples;
    this.pitch = pitch;
    this.#row = -1;
  }

  /** Makes row `y` of the target the current one. */
  select(y: number): void {
    if (this.#row === y) return;
    this.#row = y;
    const { taps, first, weights } = this.taps;
    const top = first[y]! * this.pitch;
    const at = y * taps;
    if (taps === 1)
      widenRow(this.samples, top, TAP_BITS - wordShift(this.bytesPerSample), this.words);
    else if (taps === 2) this.#blend(top, weights[at]!, weights[at + 1]!);
    else this.#sum(top, at);
  }

  #blend(top: number, weight: number, next: number): void {
    const shift = wordShift(this.bytesPerSample);
    blendRows(this.samples, top, top + this.pitch, weight, next, shift, this.words);
  }

  #sum(top: number, at: number): void {
    const { taps, weights } = this.taps;
    const sums = this.#sums;
    const shift = wordShift(this.bytesPerSample);
    sums.fill((1 << shift) >> 1);
    for (let tap = 0; tap < taps; tap += 4) {
      addRows(
        this.samples,
        top + tap * this.pitch,
        this.pitch,
        weights,
        at + tap,
        taps - tap,
        sums,
      );
    }
    shiftRow(sums, shift, this.words);
  }
}

function widenRow(samples: Samples, start: number, shift: number, target: Uint16Array): void {
  for (let x = 0; x < target.length; x++) target[x] = samples[start + x]! << shift;
}

function blendRows(
  samples: Samples,
  upper: number,
  lower: number,
  upperWeight: number,
  lowerWeight: number,
  shift: number,
  target: Uint16Array,
): void {
  const half = (1 << shift) >> 1;
  for (let x = 0; x < target.length; x++) {
    const sum =
      Math.imul(samples[upper + x]!, upperWeight) + Math.imul(samples[lower + x]!, lowerWeight);
    target[x] = (sum + half) >> shift;
  }
}

/** Up to four rows at once: the sums are read and written once for them. */
function addRows(
  samples: Samples,
  start: number,
  pitch: number,
  weights: Uint16Array,
  at: number,
  taps: number,
  sums: Int32Array,
): void {
  const first = weights[at]!;
  const second = taps > 1 ? weights[at + 1]! : 0;
  const third = taps > 2 ? weights[at + 2]! : 0;
  const fourth = taps > 3 ? weights[at + 3]! : 0;
  // A row without weight need not be there: another one is read in its place.
  const [b, c, d] = [second, third, fourth].map((weight, row) =>
    weight === 0 ? start : start + (row + 1) * pitch,
  ) as [number, number, number];
  for (let x = 0; x < sums.length; x++) {
    const sum =
      Math.imul(samples[start + x]!, first) +
      Math.imul(samples[b + x]!, second) +
      Math.imul(samples[c + x]!, third) +
      Math.imul(samples[d + x]!, fourth);
    sums[x] = (sums[x]! + sum) | 0;
  }
}

function shiftRow(sums: Int32Array, shift: number, target: Uint16Array): void {
  for (let x = 0; x < target.length; x++) target[x] = sums[x]! >> shift;
}
