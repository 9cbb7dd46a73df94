/**
 * The rows of one plane of the source: copied in when they are needed, filtered down the columns, and taken apart into
 * a row a component.
 */
import type { VideoPlane } from '../../format/index.js';
import type { SourcePlane } from '../picture-planes.js';
import type { Taps } from '../resample-taps.js';
import { splitName, spreadName } from './interleave-kernels.js';
import { blendName, type SampleBytes, WHOLE } from './row-kernels.js';
import type { ScratchLayout } from './scratch-layout.js';
import type { Kernel, VectorMachine } from './vector-machine.js';

/** Rows that a kernel takes at once. */
const ROWS_AT_ONCE = 4;
/** Rows that are copied in at once, at most, and what should stay in the processor's first cache. */
const MOST_ROWS = 32;
const BLOCK_BYTES = 32768;
const BLOCK_ROWS = 16;
/** Rows with gaps between them are copied with the gaps, up to so many times their length. */
const MOST_PITCH = 1.5;

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
  /** Bytes become words when they are taken apart. */
  readonly #isSpread: boolean;
  /** Rows of the source, as they stand there where their pitch is not much more than their length. */
  readonly #block: number;
  readonly #blockRows: number;
  readonly #height: number;
  #pitch = 0;
  /** Which rows are in the block: from the first to the end (excluded). */
  #first = 0;
  #end = 0;
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
    { width, height, channels, bytesPerSample, rowBytes }: VideoPlane,
    taps: Taps,
    isDirect: boolean,
  ) {
    this.#machine = machine;
    this.#taps = taps;
    this.#bytesPerSample = bytesPerSample;
    this.#rowSamples = width * channels;
    this.#rowBytes = rowBytes;
    this.#isDirect = isDirect;
    this.#isSpread = !isDirect && channels > 1 && bytesPerSample === 1 && taps.taps === 1;
    this.#channels = channels;
    this.#height = height;
    this.#blockRows = rowsOfBlock(taps, rowBytes);
    this.#block = layout.room(this.#blockRows * rowBytes * MOST_PITCH);
    this.#words = layout.room(this.#rowSamples * 2);
    this.#sums = taps.taps > ROWS_AT_ONCE ? layout.room(this.#rowSamples * 4) : 0;
    this.#widen = machine.kernel('widen');
    this.#blends = taps.taps > 1 ? blendKernels(machine, bytesPerSample, taps.taps) : [];
    if (channels === 1) return;
    const elementBytes = isDirect ? 1 : 2;
    const name = this.#isSpread ? spreadName(channels) : splitName(channels, elementBytes);
    this.#split = machine.kernel(name);
    for (let part = 0; part < Math.min(channels, 3); part++) {
      this.parts.push(layout.room(width * elementBytes));
    }
  }

  /** A frame begins. */
  begin(source: SourcePlane): void {
    this.#source = source;
    this.#pitch =
      source.pitchBytes <= this.#rowBytes * MOST_PITCH ? source.pitchBytes : this.#rowBytes;
    this.#end = 0;
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
    const row = this.#load(top, 1);
    if (this.#isDirect || this.#isSpread || this.#bytesPerSample === 2) return row;
    this.#widen(this.#words, row, this.#rowSamples);
    return this.#words;
  }

  #blend(y: number, top: number): void {
    const { taps, weights } = this.#taps;
    const at = y * taps;
    if (taps > 2) {
      this.#blends.forEach((kernel, chunk) => {
        const tap = chunk * ROWS_AT_ONCE;
        this.#blendFour(kernel, top + tap, at + tap, taps - tap);
      });
      return;
    }
    const a = this.#load(top, 2);
    const pair = weights[at]! | (weights[at + 1]! << 16);
    this.#blends[0]!(this.#words, this.#sums, a, a + this.#pitch, pair, this.#rowSamples);
  }

  /** Up to four rows; those that are more than `rows` have no weight, and the first is read in their place. */
  #blendFour(kernel: Kernel, top: number, at: number, rows: number): void {
    const { weights } = this.#taps;
    const pitch = this.#pitch;
    const a = this.#load(top, Math.min(rows, ROWS_AT_ONCE));
    const b = rows > 1 ? a + pitch : a;
    const c = rows > 2 ? a + 2 * pitch : a;
    const d = rows > 3 ? a + 3 * pitch : a;
    const upper = weights[at]! | (rows > 1 ? weights[at + 1]! << 16 : 0);
    const third = rows > 2 ? weights[at + 2]! : 0;
    const lower = third | (rows > 3 ? weights[at + 3]! << 16 : 0);
    kernel(this.#words, this.#sums, a, b, c, d, upper, lower, this.#rowSamples);
  }

  /** Where row `row` of the source is; it is copied in with those that follow unless `rows` of them are there. */
  #load(row: number, rows: number): number {
    if (row < this.#first || row + rows > this.#end) {
      this.#first = row;
      this.#end = Math.min(row + this.#blockRows, this.#height);
      this.#fill();
    }
    return this.#block + (row - this.#first) * this.#pitch;
  }

  #fill(): void {
    const { bytes, pitchBytes } = this.#source;
    const memory = this.#machine.bytes;
    const [first, end, rowBytes] = [this.#first, this.#end, this.#rowBytes];
    if (this.#pitch === pitchBytes) {
      const block = bytes.subarray(first * pitchBytes, (end - 1) * pitchBytes + rowBytes);
      memory.set(block as Uint8Array, this.#block);
      return;
    }
    for (let row = first; row < end; row++) {
      const start = row * pitchBytes;
      const samples = bytes.subarray(start, start + rowBytes) as Uint8Array;
      memory.set(samples, this.#block + (row - first) * rowBytes);
    }
  }
}

/** As many rows as are wanted together; more, where nearly all rows are wanted. */
function rowsOfBlock({ taps, outputs, first }: Taps, rowBytes: number): number {
  const together = Math.min(taps, MOST_ROWS);
  const step = (first[outputs - 1]! - first[0]!) / Math.max(1, outputs - 1);
  if (step > 1.5 * taps) return together;
  return Math.max(together, Math.min(BLOCK_ROWS, Math.floor(BLOCK_BYTES / rowBytes)));
}

/** Kernels for so many rows, four at a time. */
function blendKernels(machine: VectorMachine, bytes: SampleBytes, taps: number): Kernel[] {
  if (taps === 2) return [machine.kernel(blendName(bytes, 2, WHOLE))];
  const chunks = Math.ceil(taps / ROWS_AT_ONCE);
  return Array.from({ length: chunks }, (_, chunk) => {
    const from = chunk === 0 ? 'bias' : 'sums';
    const to = chunk === chunks - 1 ? 'words' : 'sums';
    return machine.kernel(blendName(bytes, 4, { from, to }));
  });
}
