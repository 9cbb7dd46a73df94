/**
 * The rows of one plane of the source: copied in when they are needed, filtered down the columns, and taken apart into
 * a row a component.
 */
import type { VideoPlane } from '../../format/index.js';
import type { SourcePlane } from '../picture-planes.js';
import type { Taps } from '../resample-taps.js';
import { splitName } from './interleave-kernels.js';
import { blendName, type SampleBytes, WHOLE } from './row-kernels.js';
import type { ScratchLayout } from './scratch-layout.js';
import type { Kernel, VectorMachine } from './vector-machine.js';

/** Rows of the source that are kept: what a kernel takes at once, the last of which the next may want again. */
const KEPT_ROWS = 4;

export class SourceRows {
  /** Where row `select` was asked for is, by component. */
  readonly parts: number[] = [];
  readonly #machine: VectorMachine;
  readonly #taps: Taps;
  readonly #bytesPerSample: SampleBytes;
  readonly #rowSamples: number;
  readonly #rowBytes: number;
  /** Bytes stay bytes: nothing is filtered. */
  readonly #isDirect: boolean;
  readonly #kept: readonly number[];
  /** Which rows these are. */
  readonly #rows = new Int32Array(KEPT_ROWS);
  readonly #words: number;
  readonly #sums: number;
  readonly #channels: number;
  readonly #widen: Kernel;
  readonly #blends: readonly Kernel[];
  readonly #split: Kernel | undefined;
  #source!: SourcePlane;

  constructor(
    machine: VectorMachine,
    layout: ScratchLayout,
    { width, channels, bytesPerSample, rowBytes }: VideoPlane,
    taps: Taps,
    isDirect: boolean,
  ) {
    this.#machine = machine;
    this.#taps = taps;
    this.#bytesPerSample = bytesPerSample;
    this.#rowSamples = width * channels;
    this.#rowBytes = rowBytes;
    this.#isDirect = isDirect;
    this.#channels = channels;
    this.#kept = Array.from({ length: KEPT_ROWS }, () => layout.room(rowBytes));
    this.#words = layout.room(this.#rowSamples * 2);
    this.#sums = taps.taps > KEPT_ROWS ? layout.room(this.#rowSamples * 4) : 0;
    this.#widen = machine.kernel('widen');
    this.#blends = taps.taps > 1 ? blendKernels(machine, bytesPerSample, taps.taps) : [];
    if (channels === 1) return;
    const elementBytes = isDirect ? 1 : 2;
    this.#split = machine.kernel(splitName(channels, elementBytes));
    for (let part = 0; part < Math.min(channels, 3); part++) {
      this.parts.push(layout.room(width * elementBytes));
    }
  }

  /** A frame begins. */
  begin(source: SourcePlane): void {
    this.#source = source;
    this.#rows.fill(-1);
  }

  /** Makes row `y` of the target the current one. */
  select(y: number): void {
    const row = this.#filtered(y);
    const split = this.#split;
    if (split === undefined) {
      this.parts[0] = row;
      return;
    }
    const [first, second, third] = this.parts as [number, number, number];
    const pixels = this.#rowSamples / this.#channels;
    if (this.#channels === 2) split(first, second, row, pixels);
    else split(first, second, third, row, pixels);
  }

  /** Where the row is, of all components. */
  #filtered(y: number): number {
    const { taps, first } = this.#taps;
    const top = first[y]!;
    if (taps > 1) {
      this.#blend(y, top);
      return this.#words;
    }
    const row = this.#load(top);
    if (this.#isDirect || this.#bytesPerSample === 2) return row;
    this.#widen(this.#words, row, this.#rowSamples);
    return this.#words;
  }

  #blend(y: number, top: number): void {
    const { taps, weights } = this.#taps;
    const at = y * taps;
    if (taps > 2) {
      this.#blends.forEach((kernel, chunk) => {
        const tap = chunk * KEPT_ROWS;
        this.#blendFour(kernel, top + tap, at + tap, taps - tap);
      });
      return;
    }
    const [upper, lower] = [weights[at]!, weights[at + 1]!];
    const a = this.#load(upper === 0 ? top + 1 : top);
    const b = lower === 0 ? a : this.#load(top + 1);
    this.#blends[0]!(this.#words, this.#sums, a, b, upper | (lower << 16), this.#rowSamples);
  }

  #blendFour(kernel: Kernel, top: number, at: number, rows: number): void {
    const { weights } = this.#taps;
    const w0 = weights[at]!;
    const w1 = rows > 1 ? weights[at + 1]! : 0;
    const w2 = rows > 2 ? weights[at + 2]! : 0;
    const w3 = rows > 3 ? weights[at + 3]! : 0;
    const a = this.#load(top);
    // A row without weight need not be there: another one is read in its place.
    const b = w1 === 0 ? a : this.#load(top + 1);
    const c = w2 === 0 ? a : this.#load(top + 2);
    const d = w3 === 0 ? a : this.#load(top + 3);
    const [upper, lower] = [w0 | (w1 << 16), w2 | (w3 << 16)];
    kernel(this.#words, this.#sums, a, b, c, d, upper, lower, this.#rowSamples);
  }

  /** Where row `row` of the source is; it is copied in unless it is there. */
  #load(row: number): number {
    const slot = row % KEPT_ROWS;
    const address = this.#kept[slot]!;
    if (this.#rows[slot] === row) return address;
    this.#rows[slot] = row;
    const { bytes, pitchBytes } = this.#source;
    const start = row * pitchBytes;
    const samples = bytes.subarray(start, start + this.#rowBytes) as Uint8Array;
    this.#machine.bytes.set(samples, address);
    return address;
  }
}

/** Kernels for so many rows, four at a time. */
function blendKernels(machine: VectorMachine, bytes: SampleBytes, taps: number): Kernel[] {
  if (taps === 2) return [machine.kernel(blendName(bytes, 2, WHOLE))];
  const chunks = Math.ceil(taps / KEPT_ROWS);
  return Array.from({ length: chunks }, (_, chunk) => {
    const from = chunk === 0 ? 'bias' : 'sums';
    const to = chunk === chunks - 1 ? 'words' : 'sums';
    return machine.kernel(blendName(bytes, 4, { from, to }));
  });
}
