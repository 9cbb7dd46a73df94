/** The rows of the target that are written together: those of one output, or of several whose samples lie in turn. */
import type { Pass, PassOutput, Region } from '../conversion-plan.js';
import type { TargetPlane } from '../picture-planes.js';
import { elementBytesOf, sampleOf } from '../output-sample.js';
import type { ScratchLayout } from './scratch-layout.js';
import type { VectorMachine } from './vector-machine.js';

export class TargetRows {
  /** Of the first pixel of the picture, in the memory of the kernels. */
  readonly address: number;
  /** Samples from one pixel to the next. */
  readonly step: number;
  readonly elementBytes: 1 | 2 | 4;
  /** Indices of the outputs, in the order of their samples. */
  readonly members: readonly number[];
  readonly #machine: VectorMachine;
  readonly #plane: number;
  readonly #region: Region;
  readonly #offsetBytes: number;
  readonly #leftBytes: number;
  readonly #pictureBytes: number;
  /** A row of nothing but padding. */
  readonly #padding: Uint8Array;
  readonly #right: Uint8Array;
  #target!: TargetPlane;

  constructor(
    machine: VectorMachine,
    layout: ScratchLayout,
    { region, picture, outputs }: Pass,
    members: readonly number[],
  ) {
    this.#machine = machine;
    this.members = members;
    const first = outputs[members[0]!]!;
    this.step = first.place.step;
    this.elementBytes = elementBytesOf(first);
    this.#plane = first.place.plane;
    this.#region = region;
    const pixelBytes = this.step * this.elementBytes;
    this.#offsetBytes = first.place.offset * this.elementBytes + region.x * pixelBytes;
    this.#leftBytes = picture.x * pixelBytes;
    this.#pictureBytes = picture.width * pixelBytes;
    this.#padding = paddingRow(
      members.map((index) => outputs[index]!),
      region.width,
    );
    this.#right = this.#padding.subarray(this.#leftBytes + this.#pictureBytes);
    const row =
      picture.width < region.width
        ? layout.constant(this.#padding)
        : layout.room(this.#padding.length);
    this.address = row + this.#leftBytes;
  }

  /** A frame begins. */
  begin(target: readonly TargetPlane[]): void {
    this.#target = target[this.#plane]!;
  }

  /** Rows `y` to `end` (excluded) of the region are padding. */
  pad(y: number, end: number): void {
    const { bytes, pitchBytes } = this.#target;
    const isWhole = pitchBytes === this.#padding.length;
    for (let row = y; row < end;) {
      // Rows without a gap between them are written as many at once as are written already.
      const above = isWhole ? Math.min(row - y, end - row) : 0;
      const start = this.#start(row);
      if (above === 0) bytes.set(this.#padding, start);
      else bytes.copyWithin(start, this.#start(y), this.#start(y + above));
      row += Math.max(1, above);
    }
  }

  /** Row `y` of the region, whose picture is at `from` in the memory of the kernels. */
  store(y: number, from: number): void {
    const { bytes } = this.#machine;
    const [left, length] = [this.#leftBytes, this.#pictureBytes];
    if (length === this.#padding.length) {
      this.#target.bytes.set(bytes.subarray(from, from + length), this.#start(y));
      return;
    }
    const { address } = this;
    if (from !== address) bytes.copyWithin(address, from, from + length);
    // Kernels write behind the end of a row.
    bytes.set(this.#right, address + length);
    const row = address - left;
    this.#target.bytes.set(bytes.subarray(row, row + this.#padding.length), this.#start(y));
  }

  #start(y: number): number {
    return this.#offsetBytes + (this.#region.y + y) * this.#target.pitchBytes;
  }
}

function paddingRow(outputs: readonly PassOutput[], width: number): Uint8Array {
  const elementBytes = elementBytesOf(outputs[0]!);
  const bytes = new Uint8Array(width * outputs.length * elementBytes);
  const isFloat = outputs[0]!.table instanceof Float32Array;
  const Row = isFloat ? Float32Array : elementBytes === 2 ? Uint16Array : Uint8Array;
  const row = new Row(bytes.buffer);
  outputs.forEach((output, index) => {
    const sample = sampleOf(output, output.padding);
    for (let at = index; at < row.length; at += outputs.length) row[at] = sample;
  });
  return bytes;
}
