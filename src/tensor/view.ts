/** A tensor over memory that somebody else owns: nothing here copies. */
import type { ReadonlyTypedArray } from '../core/index.js';
import { type DeviceBytes, hostBytes, isDeviceBytes } from './device-bytes.js';
import { DL_DEVICE_CPU, type DLPackDescriptor, dlpackDType } from './dlpack.js';
import { type DType, elementByteLength, type TensorData, viewTensorData } from './dtype.js';
import { argumentError, integerProblem } from './problem.js';
import { contiguousStrides, extentElements, isContiguous } from './shape.js';

export interface TensorViewOptions<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  /** In elements; C-contiguous when left out. */
  readonly strides?: readonly number[] | undefined;
  /** The memory of the frame. */
  readonly bytes: Uint8Array | DeviceBytes;
  /** From the start of `bytes` to the first element; 0 when left out. */
  readonly byteOffset?: number;
  /** The address of host `bytes`, for native code; `pointer` is 0n without it. */
  readonly address?: bigint | undefined;
}

/**
 * A tensor in a frame. It is a view: valid until the frame is released, after that `data` shows a
 * newer frame. A received one must not be written: the memory of a subscriber is mapped read-only.
 */
export class TensorView<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  /** In elements. */
  readonly strides: readonly number[];
  /** From the start of the frame to the first element, in bytes. */
  readonly byteOffset: number;
  readonly #bytes: Uint8Array | DeviceBytes;
  readonly #address: bigint | undefined;
  #data: TensorData<D> | undefined;

  /**
   * @throws RangeError when the elements leave `bytes` or the first one is not aligned to its size.
   */
  constructor(options: TensorViewOptions<D>) {
    this.dtype = options.dtype;
    this.shape = options.shape;
    this.strides = options.strides ?? contiguousStrides(options.shape);
    this.byteOffset = options.byteOffset ?? 0;
    this.#bytes = options.bytes;
    this.#address = isDeviceBytes(options.bytes) ? options.bytes.address : options.address;
    const size = elementByteLength(this.dtype);
    const end = this.byteOffset + this.#extent * size;
    if (end > this.#bytes.byteLength) {
      throw new RangeError(
        `a ${this.dtype} tensor [${this.shape.join(',')}] ends at byte ${end} ` +
          `of a frame of ${this.#bytes.byteLength}`,
      );
    }
    // Memory of a GPU is aligned by its allocation: what counts is the place in it.
    const base = isDeviceBytes(this.#bytes) ? 0 : this.#bytes.byteOffset;
    if ((base + this.byteOffset) % size !== 0) {
      throw new RangeError(
        `a ${this.dtype} tensor must start at a multiple of ${size} bytes, ` +
          `got ${base + this.byteOffset}`,
      );
    }
  }

  /**
   * The elements from the first to the last one, as a typed array over the frame's memory. Element
   * `[i, j]` stands at `i * strides[0] + j * strides[1]`. f16 and bf16 are shown as their bits;
   * `toFloat32()` converts.
   * @throws SluiceError DEVICE_MEMORY when the frame is in the memory of a GPU: use `pointer`.
   */
  get data(): TensorData<D> {
    if (this.#data !== undefined) return this.#data;
    const { buffer, byteOffset } = hostBytes(this.#bytes, 'tensor.data');
    const start = byteOffset + this.byteOffset;
    this.#data = viewTensorData(this.dtype, buffer, start, this.#extent);
    return this.#data;
  }

  /** The address of the first element, a GPU's for its memory; 0n when it is not known. */
  get pointer(): bigint {
    return this.#address === undefined ? 0n : this.#address + BigInt(this.byteOffset);
  }

  /** Whether `data` holds the elements densely, last dimension first, and nothing else. */
  get contiguous(): boolean {
    return isContiguous(this.shape, this.strides);
  }

  /** Indices `start` to `end` (excluded) along `axis`: same memory, same rank. */
  asSlice(axis: number, start: number, end: number): TensorView<D> {
    const size = this.#dimension('asSlice()', axis);
    check('asSlice()', 'start', start, 0, size);
    check('asSlice()', 'end', end, start, size);
    return this.#view(
      this.shape.map((dimension, at) => (at === axis ? end - start : dimension)),
      this.strides,
      // An empty slice at the end must not start outside the frame.
      end === start ? 0 : start * this.strides[axis]!,
    );
  }

  /**
   * One index along `axis`: same memory, one dimension fewer. Row 3 is `asIndex(0, 3)`, column 3
   * `asIndex(1, 3)`.
   */
  asIndex(axis: number, index: number): TensorView<D> {
    const size = this.#dimension('asIndex()', axis);
    check('asIndex()', 'index', index, 0, size - 1);
    const without = (_: number, at: number): boolean => at !== axis;
    return this.#view(
      this.shape.filter(without),
      this.strides.filter(without),
      index * this.strides[axis]!,
    );
  }

  /** The tensor as DLPack describes it; a plain object over the same memory. */
  asDLPack(): DLPackDescriptor {
    return {
      device: isDeviceBytes(this.#bytes) ? this.#bytes.device : [DL_DEVICE_CPU, 0],
      dtype: dlpackDType(this.dtype),
      shape: this.shape,
      stridesElements: this.strides,
      byteOffset: this.byteOffset,
      data: this.#bytes,
    };
  }

  get #extent(): number {
    return extentElements(this.shape, this.strides);
  }

  #dimension(attempt: string, axis: number): number {
    check(attempt, 'axis', axis, 0, this.shape.length - 1);
    return this.shape[axis]!;
  }

  #view(shape: readonly number[], strides: readonly number[], skip: number): TensorView<D> {
    return new TensorView({
      dtype: this.dtype,
      shape,
      strides,
      bytes: this.#bytes,
      byteOffset: this.byteOffset + skip * elementByteLength(this.dtype),
      address: this.#address,
    });
  }
}

function check(attempt: string, name: string, value: unknown, min: number, max: number): void {
  const problem = integerProblem(name, value, min, max);
  if (problem !== undefined) throw argumentError(attempt, problem);
}

/** A {@link TensorView} of a received frame: the same, without anything that stores. */
export interface ReadonlyTensorView<D extends DType = DType> extends Omit<
  TensorView<D>,
  'data' | 'asSlice' | 'asIndex'
> {
  readonly data: ReadonlyTypedArray<TensorData<D>>;
  asSlice(axis: number, start: number, end: number): ReadonlyTensorView<D>;
  asIndex(axis: number, index: number): ReadonlyTensorView<D>;
}
