/**
 * The arguments of a kernel as cuLaunchKernel takes them: a list of addresses, each of one value.
 *
 *     pointers   8 bytes an argument: the address of its value
 *     values     16-byte steps, so that every scalar and vector is aligned
 */
import { describe, highWord, lowWord } from '../core/index.js';
import { addressOf } from '../ffi/index.js';

/**
 * One argument. A bigint is a pointer or any 64-bit integer, a number an int; everything else says its type.
 * `bytes` is a struct passed by value, laid out as in C.
 */
export type KernelArgument =
  | bigint
  | number
  | { readonly i32: number }
  | { readonly u32: number }
  | { readonly u64: bigint | number }
  | { readonly f32: number }
  | { readonly f64: number }
  | { readonly bytes: Uint8Array };

const STEP_BYTES = 16;
const POINTER_BYTES = 8;

/** 32,764 bytes is what a launch carries at most. */
const MAX_VALUE_BYTES = 32768;

/** Kept by a kernel from launch to launch: `pack` allocates only where the arguments outgrow it. */
export class ArgumentList {
  #pointers = new DataView(new ArrayBuffer(8 * POINTER_BYTES));
  #values = new DataView(new ArrayBuffer(8 * STEP_BYTES));
  #pointerBytes = new Uint8Array(this.#pointers.buffer);
  #valueBytes = new Uint8Array(this.#values.buffer);
  #valueAddress = Number(addressOf(this.#valueBytes));
  /** Sizes of the values packed last, in bytes. */
  readonly #sizes: number[] = [];

  /** Lays `values` out, and returns what cuLaunchKernel takes. Valid until the next call. */
  pack(values: readonly KernelArgument[]): Uint8Array {
    this.#reserve(values);
    let offset = 0;
    for (let index = 0; index < values.length; index += 1) {
      const address = this.#valueAddress + offset;
      this.#pointers.setUint32(index * POINTER_BYTES, lowWord(address), true);
      this.#pointers.setInt32(index * POINTER_BYTES + 4, highWord(address), true);
      const byteLength = this.#write(values[index]!, offset, index);
      this.#sizes[index] = byteLength;
      offset += steps(byteLength);
    }
    return this.#pointerBytes;
  }

  /** `TypeError` unless the values packed last have the sizes that the kernel declares. */
  assertSizes(name: string, declared: readonly number[], count: number): void {
    let equal = declared.length === count;
    for (let index = 0; equal && index < count; index += 1) {
      equal = declared[index] === this.#sizes[index];
    }
    if (equal) return;
    const given = this.#sizes.slice(0, count);
    throw new TypeError(
      `kernel '${name}' takes ${sizeList(declared)}, got ${sizeList(given)}; ` +
        'a bigint is 8 bytes, a number 4, and { u32 }, { f32 }, { u64 }, { f64 }, { bytes } say their type',
    );
  }

  #reserve(values: readonly KernelArgument[]): void {
    let valueBytes = 0;
    for (let index = 0; index < values.length; index += 1) {
      valueBytes += steps(byteLengthOf(values[index]!));
    }
    if (valueBytes > MAX_VALUE_BYTES) {
      throw new RangeError(`the arguments of a kernel have ${valueBytes} bytes, too many`);
    }
    if (values.length * POINTER_BYTES > this.#pointers.byteLength) {
      this.#pointers = new DataView(new ArrayBuffer(2 * values.length * POINTER_BYTES));
      this.#pointerBytes = new Uint8Array(this.#pointers.buffer);
    }
    if (valueBytes > this.#values.byteLength) {
      this.#values = new DataView(new ArrayBuffer(2 * valueBytes));
      this.#valueBytes = new Uint8Array(this.#values.buffer);
      this.#valueAddress = Number(addressOf(this.#valueBytes));
    }
  }

  /** Writes one value and returns its size in bytes. */
  #write(value: KernelArgument, offset: number, index: number): number {
    if (typeof value === 'bigint') {
      this.#values.setBigUint64(offset, checkedU64(value, index), true);
      return 8;
    }
    if (typeof value === 'number') {
      this.#values.setInt32(offset, checkedInteger(value, -0x80000000, 0x7fffffff, index), true);
      return 4;
    }
    if (typeof value !== 'object' || value === null) throw unknownArgument(value, index);
    if ('u32' in value) {
      this.#values.setUint32(offset, checkedInteger(value.u32, 0, 0xffffffff, index), true);
      return 4;
    }
    if ('i32' in value) {
      const number = checkedInteger(value.i32, -0x80000000, 0x7fffffff, index);
      this.#values.setInt32(offset, number, true);
      return 4;
    }
    if ('u64' in value) {
      this.#writeU64(value.u64, offset, index);
      return 8;
    }
    if ('f32' in value) {
      this.#values.setFloat32(offset, checkedNumber(value.f32, index), true);
      return 4;
    }
    if ('f64' in value) {
      this.#values.setFloat64(offset, checkedNumber(value.f64, index), true);
      return 8;
    }
    if (!('bytes' in value) || !(value.bytes instanceof Uint8Array)) {
      throw unknownArgument(value, index);
    }
    this.#valueBytes.set(value.bytes, offset);
    return value.bytes.byteLength;
  }

  #writeU64(value: bigint | number, offset: number, index: number): void {
    if (typeof value === 'bigint') {
      this.#values.setBigUint64(offset, checkedU64(value, index), true);
      return;
    }
    const number = checkedInteger(value, 0, Number.MAX_SAFE_INTEGER, index);
    this.#values.setUint32(offset, lowWord(number), true);
    this.#values.setInt32(offset + 4, highWord(number), true);
  }
}

function steps(byteLength: number): number {
  return Math.max(STEP_BYTES, Math.ceil(byteLength / STEP_BYTES) * STEP_BYTES);
}

function byteLengthOf(value: KernelArgument): number {
  if (typeof value !== 'object' || value === null || !('bytes' in value)) return STEP_BYTES;
  return value.bytes instanceof Uint8Array ? value.bytes.byteLength : STEP_BYTES;
}

function checkedU64(value: bigint, index: number): bigint {
  if (value >= 0n && value <= 0xffff_ffff_ffff_ffffn) return value;
  throw new RangeError(`argument ${index} of a kernel must fit 64 bits unsigned, got ${value}`);
}

function checkedNumber(value: unknown, index: number): number {
  if (typeof value === 'number') return value;
  throw new TypeError(`argument ${index} of a kernel must be a number, got ${describe(value)}`);
}

function checkedInteger(value: unknown, min: number, max: number, index: number): number {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) {
    return value as number;
  }
  throw new TypeError(
    `argument ${index} of a kernel must be an integer from ${min} to ${max}, got ${describe(value)}; ` +
      'say the type where it is none: { f32: 0.5 }, { f64: 0.5 }, { u32: 1 }, { u64: 1 }',
  );
}

function unknownArgument(value: unknown, index: number): TypeError {
  return new TypeError(
    `argument ${index} of a kernel must be a bigint, a number or one of { i32 }, { u32 }, { u64 }, { f32 }, ` +
      `{ f64 }, { bytes }, got ${describe(value)}`,
  );
}

function sizeList(sizes: readonly number[]): string {
  if (sizes.length === 0) return 'no arguments';
  return `${sizes.length} ${sizes.length === 1 ? 'argument' : 'arguments'} of ${sizes.join(', ')} bytes`;
}
