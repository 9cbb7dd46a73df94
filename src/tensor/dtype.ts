/** Element types of tensors, their size and the typed array that shows them. */

/** Every element type. Memory is little-endian; `bool` is one byte, 0 or 1. */
export const DTYPES = Object.freeze([
  'bool',
  'u8',
  'u16',
  'u32',
  'u64',
  'i8',
  'i16',
  'i32',
  'i64',
  'f16',
  'bf16',
  'f32',
  'f64',
] as const);

/**
 * Element type of a tensor: `u8` is one unsigned byte, `f16` and `bf16` are shown as their 16 bits
 * (`toFloat32()` converts), `i64` and `u64` as BigInt arrays.
 */
export type DType = (typeof DTYPES)[number];

/** JavaScript has no 16-bit floats on Node 20: their bits are shown, `toFloat32()` converts. */
export interface DataByDType {
  bool: Uint8Array;
  u8: Uint8Array;
  u16: Uint16Array;
  u32: Uint32Array;
  u64: BigUint64Array;
  i8: Int8Array;
  i16: Int16Array;
  i32: Int32Array;
  i64: BigInt64Array;
  f16: Uint16Array;
  bf16: Uint16Array;
  f32: Float32Array;
  f64: Float64Array;
}

/** The typed array of an element type. */
export type TensorData<D extends DType = DType> = DataByDType[D];

interface DataConstructor<D extends DType> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TensorData<D>;
}

const CONSTRUCTORS: { readonly [D in DType]: DataConstructor<D> } = Object.freeze({
  bool: Uint8Array,
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  u64: BigUint64Array,
  i8: Int8Array,
  i16: Int16Array,
  i32: Int32Array,
  i64: BigInt64Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  f32: Float32Array,
  f64: Float64Array,
});

export function isDType(value: unknown): value is DType {
  return (DTYPES as readonly unknown[]).includes(value);
}

/** Bytes of one element: 1, 2, 4 or 8. */
export function elementByteLength(dtype: DType): number {
  return CONSTRUCTORS[dtype].BYTES_PER_ELEMENT;
}

/**
 * The typed array over `elementCount` elements at `byteOffset` of `buffer`: a view, no copy.
 * @throws RangeError when `byteOffset` is no multiple of the element size or the buffer is too
 * short.
 */
export function viewTensorData<D extends DType>(
  dtype: D,
  buffer: ArrayBufferLike,
  byteOffset: number,
  elementCount: number,
): TensorData<D> {
  return new CONSTRUCTORS[dtype](buffer, byteOffset, elementCount);
}
