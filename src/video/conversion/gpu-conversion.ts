/**
 * A plan as the kernel takes it: the structures of kernels/pixels-layout.h, packed once. Of a frame only the addresses
 * change.
 *
 * ```text
 * PixelConversion 904   passes[2] 448 each · passCount · reserved
 * PixelPass       448   inputs[3] 72 each · outputs[4] 32 each · transform[16] · 10 words
 * PixelInput       72   samples u64 · pitch step bytesPerSample reserved · columns · rows
 * PixelTaps        24   first u64 · weights u64 · taps outputs
 * PixelOutput      32   samples u64 · table u64 · pitch step kind padding
 * ```
 */
import { addressOf } from '../../ffi/index.js';
import {
  copyToDevice,
  DeviceBuffer,
  type GpuDevice,
  type Kernel,
  onOwnStream,
  type StreamLike,
} from '../../gpu/index.js';
import {
  type ConversionPlan,
  elementBytesOf,
  type Pass,
  type PassInput,
  type PassOutput,
  sampleOf,
  type Taps,
} from '../../pixels/index.js';
import { pixelsKernel } from './shipped-kernel.js';

export const CONVERSION_BYTES = 904;
const PASS_BYTES = 448;
const INPUT_BYTES = 72;
const OUTPUT_BYTES = 32;
const OUTPUTS_OFFSET = 3 * INPUT_BYTES;
const TRANSFORM_OFFSET = OUTPUTS_OFFSET + 4 * OUTPUT_BYTES;
const NUMBERS_OFFSET = TRANSFORM_OFFSET + 64;
const BLOCK = [32, 8] as const;
const TABLE_ALIGNMENT = 16;

/** Where a plane begins in the memory of the GPU. */
export interface DevicePlane {
  readonly pointer: bigint;
  readonly pitchBytes: number;
}

/** Runs a plan on a GPU, one launch a frame. To be closed once its work is done. */
export class GpuConversion implements Disposable {
  readonly plan: ConversionPlan;
  readonly #kernel: Kernel;
  readonly #tables: DeviceBuffer;
  readonly #bytes = new Uint8Array(CONVERSION_BYTES);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #grid: readonly [number, number, number];
  readonly #args = [{ bytes: this.#bytes }];

  /** Loads the kernel and copies the tables of the plan to the GPU. Throws `CUDA_ERROR`, `NO_SPACE`. */
  constructor(plan: ConversionPlan, device: GpuDevice) {
    this.plan = plan;
    this.#kernel = pixelsKernel(device);
    const tables = new TableSpace();
    for (const pass of plan.passes) for (const table of tablesOf(pass)) tables.add(table);
    this.#tables = DeviceBuffer.create(tables.byteLength, { device: device.index });
    const bytes = tables.bytes();
    onOwnStream(device, 'copy the tables of a conversion to the GPU', (stream) =>
      copyToDevice(
        stream,
        Number(this.#tables.pointer),
        Number(addressOf(bytes)),
        bytes.byteLength,
      ),
    );
    const base = this.#tables.pointer;
    const placeOf = (table: ArrayBufferView): bigint => base + BigInt(tables.offsetOf(table));
    plan.passes.forEach((pass, index) => this.#pack(pass, index * PASS_BYTES, placeOf));
    this.#view.setUint32(2 * PASS_BYTES, plan.passes.length, true);
    const { region } = plan.passes[0]!;
    const [columns, rows] = BLOCK;
    const [across, down] = [Math.ceil(region.width / columns), Math.ceil(region.height / rows)];
    this.#grid = [across, down, plan.passes.length];
  }

  /** Enqueues the conversion of a picture. Throws `CUDA_ERROR`. */
  run(source: readonly DevicePlane[], target: readonly DevicePlane[], stream: StreamLike): void {
    this.plan.passes.forEach(({ inputs, outputs, region }, index) => {
      const at = index * PASS_BYTES;
      inputs.forEach(({ place }, input) => {
        const { pointer, pitchBytes } = source[place.plane]!;
        const first = pointer + BigInt(place.offset * place.bytesPerSample);
        this.#view.setBigUint64(at + input * INPUT_BYTES, first, true);
        this.#view.setUint32(at + input * INPUT_BYTES + 8, pitchBytes, true);
      });
      outputs.forEach((output, number) => {
        const { pointer, pitchBytes } = target[output.place.plane]!;
        const elements = output.place.offset + region.x * output.place.step;
        const first = pointer + BigInt(elements * elementBytesOf(output) + region.y * pitchBytes);
        const offset = at + OUTPUTS_OFFSET + number * OUTPUT_BYTES;
        this.#view.setBigUint64(offset, first, true);
        this.#view.setUint32(offset + 16, pitchBytes, true);
      });
    });
    this.#kernel.launch({ grid: this.#grid, block: BLOCK, stream, args: this.#args });
  }

  /** Blocks this thread until all work of this process on the GPU is done. Twice is harmless. */
  close(): void {
    this.#tables.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #pack(pass: Pass, at: number, placeOf: (table: ArrayBufferView) => bigint): void {
    pass.inputs.forEach((input, index) =>
      this.#packInput(input, at + index * INPUT_BYTES, placeOf),
    );
    pass.outputs.forEach((output, index) => {
      const offset = at + OUTPUTS_OFFSET + index * OUTPUT_BYTES;
      const table = output.table === undefined ? 0n : placeOf(output.table);
      this.#view.setBigUint64(offset + 8, table, true);
      this.#view.setUint32(offset + 20, output.place.step * elementBytesOf(output), true);
      this.#view.setUint32(offset + 24, kindOf(output), true);
      this.#view.setUint32(offset + 28, paddingBits(output), true);
    });
    pass.transform?.forEach((factor, index) => {
      this.#view.setInt32(at + TRANSFORM_OFFSET + index * 4, factor, true);
    });
    const { region, picture, inputs, outputs } = pass;
    const numbers = [region.width, region.height, picture.x, picture.y, picture.width];
    numbers.push(
      picture.height,
      inputs.length,
      outputs.length,
      pass.transform === undefined ? 0 : 1,
    );
    numbers.forEach((number, index) => {
      this.#view.setUint32(at + NUMBERS_OFFSET + index * 4, number, true);
    });
  }

  #packInput(
    { place, columns, rows }: PassInput,
    at: number,
    placeOf: (table: ArrayBufferView) => bigint,
  ): void {
    this.#view.setUint32(at + 12, place.step * place.bytesPerSample, true);
    this.#view.setUint32(at + 16, place.bytesPerSample, true);
    const pack = ({ first, weights, taps, outputs }: Taps, offset: number): void => {
      this.#view.setBigUint64(offset, placeOf(first), true);
      this.#view.setBigUint64(offset + 8, placeOf(weights), true);
      this.#view.setUint32(offset + 16, taps, true);
      this.#view.setUint32(offset + 20, outputs, true);
    };
    pack(columns, at + 24);
    pack(rows, at + 48);
  }
}

/** Arrays one behind the other, each once. */
class TableSpace {
  readonly #offsets = new Map<ArrayBufferView, number>();
  /** Memory of no bytes cannot be had. */
  byteLength = TABLE_ALIGNMENT;

  add(table: ArrayBufferView): void {
    if (this.#offsets.has(table)) return;
    this.#offsets.set(table, this.byteLength);
    this.byteLength += Math.ceil(table.byteLength / TABLE_ALIGNMENT) * TABLE_ALIGNMENT;
  }

  offsetOf(table: ArrayBufferView): number {
    return this.#offsets.get(table)!;
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.byteLength);
    for (const [table, offset] of this.#offsets) {
      all.set(new Uint8Array(table.buffer, table.byteOffset, table.byteLength), offset);
    }
    return all;
  }
}

function tablesOf({ inputs, outputs }: Pass): readonly ArrayBufferView[] {
  const taps = inputs.flatMap(({ columns, rows }) => [columns, rows]);
  const values = outputs.flatMap(({ table }) => (table === undefined ? [] : [table]));
  return [...taps.flatMap(({ first, weights }) => [first, weights]), ...values];
}

/** `enum PixelKind`. */
function kindOf({ precision, table }: PassOutput): number {
  if (table !== undefined) return table instanceof Float32Array ? 4 : 3;
  return precision === 16 ? 2 : precision === 10 ? 1 : 0;
}

function paddingBits(output: PassOutput): number {
  const sample = sampleOf(output, output.padding);
  if (!(output.table instanceof Float32Array)) return sample;
  return new Uint32Array(Float32Array.of(sample).buffer)[0]!;
}
