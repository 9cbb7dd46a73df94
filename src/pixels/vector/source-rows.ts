/** The rows of one plane of the source: filtered down the columns, and taken apart into a row a component. */
import type { VideoPlane } from '../../format/index.js';
import type { SourcePlane } from '../picture-planes.js';
import type { Taps } from '../resample-taps.js';
import { splitName, spreadName } from './interleave-kernels.js';
import { RowBlock } from './row-block.js';
import { blendName, type SampleBytes, WHOLE } from './row-kernels.js';
import type { ScratchLayout } from './scratch-layout.js';
import type { Kernel, VectorMachine } from './vector-machine.js';

/** Rows that a kernel takes at once. */
const ROWS_AT_ONCE = 4;

export class SourceRows {
  /** Where row `select` was asked for is, by component. */
  readonly parts: number[] = [];
  readonly #taps: Taps;
  readonly #block: RowBlock;
  readonly #rowSamples: number;
  readonly #channels: number;
  readonly #words: number;
  readonly #sums: number;
  readonly #widen: Kernel | undefined;
  readonly #blends: readonly Kernel[];
  readonly #split: Kernel | undefined;

  /** @param isDirect bytes stay bytes: nothing is filtered */
  constructor(
    machine: VectorMachine,
    layout: ScratchLayout,
    plane: VideoPlane,
    taps: Taps,
    isDirect: boolean,
  ) {
    const { width, channels, bytesPerSample } = plane;
    this.#taps = taps;
    this.#block = new RowBlock(machine, layout, plane, taps);
    this.#rowSamples = width * channels;
    this.#channels = channels;
    this.#words = layout.room(this.#rowSamples * 2);
    this.#sums = taps.taps > ROWS_AT_ONCE ? layout.room(this.#rowSamples * 4) : 0;
    this.#blends = taps.taps > 1 ? blendKernels(machine, bytesPerSample, taps.taps) : [];
    const becomesWords = !isDirect && bytesPerSample === 1 && taps.taps === 1;
    if (becomesWords && channels === 1) this.#widen = machine.kernel('widen');
    if (channels === 1) return;
    const elementBytes = isDirect ? 1 : 2;
    const name = becomesWords ? spreadName(channels) : splitName(channels, elementBytes);
    this.#split = machine.kernel(name);
    for (let part = 0; part < Math.min(channels, 3); part++) {
      this.parts.push(layout.room(width * elementBytes));
    }
  }

  /** A frame begins. */
  begin(source: SourcePlane): void {
    this.#block.begin(source);
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
    const row = this.#block.load(top, 1);
    if (this.#widen === undefined) return row;
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
    const a = this.#block.load(top, 2);
    const pair = weights[at]! | (weights[at + 1]! << 16);
    this.#blends[0]!(this.#words, this.#sums, a, a + this.#block.pitch, pair, this.#rowSamples);
  }

  /** Up to four rows; those that are more than `rows` have no weight, and the first is read in their place. */
  #blendFour(kernel: Kernel, top: number, at: number, rows: number): void {
    const { weights } = this.#taps;
    const { pitch } = this.#block;
    const a = this.#block.load(top, Math.min(rows, ROWS_AT_ONCE));
    const b = rows > 1 ? a + pitch : a;
    const c = rows > 2 ? a + 2 * pitch : a;
    const d = rows > 3 ? a + 3 * pitch : a;
    const upper = weights[at]! | (rows > 1 ? weights[at + 1]! << 16 : 0);
    const third = rows > 2 ? weights[at + 2]! : 0;
    const lower = third | (rows > 3 ? weights[at + 3]! << 16 : 0);
    kernel(this.#words, this.#sums, a, b, c, d, upper, lower, this.#rowSamples);
  }
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
