/** Some rows of a plane of the source in the memory of the kernels, copied in when they are needed. */
import type { VideoPlane } from '../../format/index.js';
import type { SourcePlane } from '../picture-planes.js';
import type { Taps } from '../resample-taps.js';
import type { ScratchLayout } from './scratch-layout.js';
import type { VectorMachine } from './vector-machine.js';

/** Rows that are copied in at once because they are filtered together, at most. */
const MOST_ROWS = 32;
/** What should stay in the processor's first cache. */
const BLOCK_BYTES = 32768;
const BLOCK_ROWS = 16;
/** Rows with gaps between them are copied with the gaps, up to so many times their length. */
const MOST_PITCH = 1.5;

export class RowBlock {
  /** From one row in the block to the next. */
  pitch = 0;
  readonly #machine: VectorMachine;
  readonly #address: number;
  readonly #rows: number;
  readonly #height: number;
  readonly #rowBytes: number;
  #source!: SourcePlane;
  /** Which rows are in the block: from the first to the end (excluded). */
  #first = 0;
  #end = 0;

  /** @param together rows that are filtered together */
  constructor(
    machine: VectorMachine,
    layout: ScratchLayout,
    { height, rowBytes }: VideoPlane,
    taps: Taps,
    together = taps.taps,
  ) {
    this.#machine = machine;
    this.#rows = rowsOfBlock(taps, Math.min(together, MOST_ROWS), rowBytes);
    this.#address = layout.room(this.#rows * rowBytes * MOST_PITCH);
    this.#height = height;
    this.#rowBytes = rowBytes;
  }

  /** A frame begins. */
  begin(source: SourcePlane): void {
    this.#source = source;
    const { pitchBytes } = source;
    this.pitch = pitchBytes <= this.#rowBytes * MOST_PITCH ? pitchBytes : this.#rowBytes;
    this.#end = 0;
  }

  /** Where row `row` of the source is; it is copied in with those that follow unless `rows` of them are there. */
  load(row: number, rows: number): number {
    if (row < this.#first || row + rows > this.#end) {
      this.#first = row;
      this.#end = Math.min(row + this.#rows, this.#height);
      this.#fill();
    }
    return this.#address + (row - this.#first) * this.pitch;
  }

  #fill(): void {
    const { bytes, pitchBytes } = this.#source;
    const memory = this.#machine.bytes;
    const [first, end, rowBytes] = [this.#first, this.#end, this.#rowBytes];
    if (this.pitch === pitchBytes) {
      const block = bytes.subarray(first * pitchBytes, (end - 1) * pitchBytes + rowBytes);
      memory.set(block as Uint8Array, this.#address);
      return;
    }
    for (let row = first; row < end; row++) {
      const start = row * pitchBytes;
      const samples = bytes.subarray(start, start + rowBytes) as Uint8Array;
      memory.set(samples, this.#address + (row - first) * rowBytes);
    }
  }
}

/** As many rows as are wanted together; more, where nearly all rows are wanted. */
function rowsOfBlock({ outputs, first }: Taps, together: number, rowBytes: number): number {
  const step = (first[outputs - 1]! - first[0]!) / Math.max(1, outputs - 1);
  if (step > 1.5 * together) return together;
  return Math.max(together, Math.min(BLOCK_ROWS, Math.floor(BLOCK_BYTES / rowBytes)));
}
