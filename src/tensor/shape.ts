/**
 * Shapes, strides and where the tensors of a frame lie.
 *
 * Strides count elements, as in DLPack. Without explicit strides a tensor is C-contiguous: the last
 * dimension is dense.
 *
 * ```text
 * byte 0             64·a               64·b
 * ├─ tensor 0 ─┤ pad ├─ tensor 1 ─┤ pad ├─ tensor 2 ─┤     in the order named
 * ```
 *
 * A variable tensor has the room of its upper bound. Its actual dimensions travel with each frame:
 * without explicit strides the elements are dense in the actual shape, with explicit strides the
 * strides stay and the shape shrinks.
 */
import { alignUp, invariant } from '../core/index.js';
import { DTYPES, type DType, elementByteLength, isDType } from './dtype.js';
import {
  choiceProblem,
  integerProblem,
  type Problem,
  rangeProblem,
  typeProblem,
} from './problem.js';

/**
 * One tensor of a frame, as a publisher states it: rank 0 to 8, each dimension below 2^31, the whole
 * frame below 4 GiB.
 */
export interface TensorSpec {
  readonly dtype: DType;
  /** Exact, or an upper bound a dimension when `variable`. */
  readonly shape: readonly number[];
  /** Each frame carries its own shape, within `shape`. Default false. */
  readonly variable?: boolean;
  /** In elements, one a dimension. Left out: C-contiguous. */
  readonly strides?: readonly number[];
}

export const MAX_RANK = 8;
export const MAX_DIMENSION = 2 ** 31 - 1;
export const MAX_TENSORS = 16;
/** The dimensions of all variable tensors travel in the slot's record, which has room for so many. */
export const MAX_VARIABLE_DIMENSIONS = 22;
/** Node 20 aborts on a view above 4 GiB; a slot is a frame rounded up to 64, and must stay below. */
export const MAX_FRAME_BYTES = 2 ** 32 - 64;
/** A cache line, and what vector loads of the common libraries want. */
export const TENSOR_ALIGNMENT_BYTES = 64;

const TENSOR_NAME = /^[a-zA-Z_][a-zA-Z0-9_]{0,31}$/;

/** Where one tensor lies in a frame, and what its dimensions may be. */
export interface TensorPlacement {
  readonly name: string;
  readonly dtype: DType;
  /** The largest dimensions; the exact ones unless `variable`. */
  readonly shape: readonly number[];
  /** The smallest dimensions; equal to `shape` unless `variable`. */
  readonly minShape: readonly number[];
  /** Explicit strides in elements, if the format has any. */
  readonly strides: readonly number[] | undefined;
  /** Its dimensions travel with each frame. */
  readonly variable: boolean;
  /** From the start of the frame, a multiple of 64. */
  readonly byteOffset: number;
  /** Room for the largest shape. */
  readonly byteLength: number;
}

export interface TensorLayout {
  readonly tensors: readonly TensorPlacement[];
  /**
   * From the first byte of the first tensor to the last of the last, padding between them included.
   */
  readonly byteLength: number;
  /** How many dimensions travel with each frame. */
  readonly variableDimensionCount: number;
}

/** The number of elements; 1 for a scalar (`[]`). */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}

/** C-contiguous strides in elements. An empty dimension counts as 1, as in NumPy. */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--) {
    strides[axis] = strides[axis + 1]! * Math.max(1, shape[axis + 1]!);
  }
  return strides;
}

/** Elements from the first to the last one reached, both included; 0 when a dimension is empty. */
export function extentElements(shape: readonly number[], strides: readonly number[]): number {
  let last = 0;
  for (let axis = 0; axis < shape.length; axis++) {
    const dimension = shape[axis]!;
    if (dimension === 0) return 0;
    last += (dimension - 1) * strides[axis]!;
  }
  return last + 1;
}

/**
 * Whether the elements lie densely, last dimension first. The stride of a dimension of 1 does not
 * matter.
 */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  if (shape.includes(0)) return true;
  const dense = contiguousStrides(shape);
  return shape.every((dimension, axis) => dimension === 1 || strides[axis] === dense[axis]);
}

/** The bytes a tensor needs at its largest. */
export function specByteLength(spec: TensorSpec): number {
  const strides = spec.strides ?? contiguousStrides(spec.shape);
  return extentElements(spec.shape, strides) * elementByteLength(spec.dtype);
}

/** What is wrong with `value` as a {@link TensorSpec}, if anything. */
export function tensorSpecProblem(path: string, value: unknown): Problem | undefined {
  if (typeof value !== 'object' || value === null) {
    return typeProblem(path, value, 'an object with dtype and shape');
  }
  const { dtype, shape, variable, strides } = value as Partial<Record<keyof TensorSpec, unknown>>;
  if (!isDType(dtype)) return choiceProblem(`${path}.dtype`, dtype, DTYPES);
  if (variable !== undefined && typeof variable !== 'boolean') {
    return typeProblem(`${path}.variable`, variable, 'true or false');
  }
  const problem = shapeProblem(`${path}.shape`, shape, variable === true ? 1 : 0);
  if (problem !== undefined) return problem;
  const dimensions = shape as readonly number[];
  const stridesProblem = strideProblem(`${path}.strides`, strides, dimensions);
  if (stridesProblem !== undefined) return stridesProblem;
  // Empty dimensions count as 1 here, so that no stride of a contiguous shape can leave the exact
  // integers.
  const atLeastOne = dimensions.map((dimension) => Math.max(1, dimension));
  const reach = strides === undefined ? 0 : extentElements(atLeastOne, strides as number[]);
  const byteLength = Math.max(elementCount(atLeastOne), reach) * elementByteLength(dtype);
  if (byteLength <= MAX_FRAME_BYTES) return undefined;
  return rangeProblem(path, byteLength, `at most ${MAX_FRAME_BYTES} bytes`);
}

function shapeProblem(path: string, shape: unknown, min: number): Problem | undefined {
  if (!Array.isArray(shape)) return typeProblem(path, shape, 'an array of dimensions');
  if (shape.length > MAX_RANK) {
    return rangeProblem(`${path}.length`, shape.length, `at most ${MAX_RANK}`);
  }
  for (let axis = 0; axis < shape.length; axis++) {
    const problem = integerProblem(`${path}[${axis}]`, shape[axis], min, MAX_DIMENSION);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/**
 * A stride of 0 is refused where it would repeat an element: a format describes memory, readers may
 * broadcast.
 */
function strideProblem(
  path: string,
  strides: unknown,
  shape: readonly number[],
): Problem | undefined {
  if (strides === undefined) return undefined;
  if (!Array.isArray(strides)) return typeProblem(path, strides, 'an array of strides in elements');
  if (strides.length !== shape.length) {
    return rangeProblem(`${path}.length`, strides.length, `${shape.length}, one a dimension`);
  }
  for (let axis = 0; axis < shape.length; axis++) {
    const min = shape[axis]! > 1 ? 1 : 0;
    const problem = integerProblem(`${path}[${axis}]`, strides[axis], min, MAX_FRAME_BYTES);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/**
 * What is wrong with `value` as the named tensors of a frame, if anything: each one, and all
 * together.
 */
export function tensorsProblem(path: string, value: unknown): Problem | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return typeProblem(path, value, 'an object of named tensors');
  }
  const names = Object.keys(value);
  if (names.length < 1 || names.length > MAX_TENSORS) {
    return rangeProblem(`number of ${path}`, names.length, `from 1 to ${MAX_TENSORS}`);
  }
  let variableDimensions = 0;
  let byteLength = 0;
  for (const name of names) {
    if (!TENSOR_NAME.test(name)) {
      return rangeProblem(`a name in ${path}`, name, 'at most 32 of a-z A-Z 0-9 _, no digit first');
    }
    const spec: unknown = (value as Record<string, unknown>)[name];
    const problem = tensorSpecProblem(`${path}.${name}`, spec);
    if (problem !== undefined) return problem;
    const good = spec as TensorSpec;
    byteLength = alignUp(byteLength, TENSOR_ALIGNMENT_BYTES) + specByteLength(good);
    if (good.variable === true) variableDimensions += good.shape.length;
  }
  if (variableDimensions > MAX_VARIABLE_DIMENSIONS) {
    const needed = `at most ${MAX_VARIABLE_DIMENSIONS} over all variable tensors`;
    return rangeProblem(`number of dimensions of ${path}`, variableDimensions, needed);
  }
  if (byteLength <= MAX_FRAME_BYTES) return undefined;
  return rangeProblem(path, byteLength, `at most ${MAX_FRAME_BYTES} bytes together`);
}

/** A copy that cannot change: known fields only, frozen through and through. */
export function freezeSpec(spec: TensorSpec): TensorSpec {
  return Object.freeze({
    dtype: spec.dtype,
    // Adding 0 turns -0 into 0, which JSON does too.
    shape: Object.freeze(spec.shape.map((dimension) => dimension + 0)),
    ...(spec.variable === true && { variable: true }),
    ...(spec.strides && { strides: Object.freeze(spec.strides.map((stride) => stride + 0)) }),
  });
}

/** Where the tensors of a format lie. The format has passed {@link tensorsProblem}. */
export function tensorLayout(format: {
  readonly tensors: Readonly<Record<string, TensorSpec>>;
}): TensorLayout {
  let end = 0;
  let variableDimensionCount = 0;
  const tensors = Object.keys(format.tensors).map((name): TensorPlacement => {
    const spec = format.tensors[name]!;
    const variable = spec.variable === true;
    const byteOffset = alignUp(end, TENSOR_ALIGNMENT_BYTES);
    const byteLength = specByteLength(spec);
    end = byteOffset + byteLength;
    if (variable) variableDimensionCount += spec.shape.length;
    return Object.freeze({
      name,
      dtype: spec.dtype,
      shape: spec.shape,
      minShape: variable ? Object.freeze(spec.shape.map(() => 0)) : spec.shape,
      strides: spec.strides,
      variable,
      byteOffset,
      byteLength,
    });
  });
  invariant(end <= MAX_FRAME_BYTES, `tensors of ${end} bytes passed validation`);
  return Object.freeze({
    tensors: Object.freeze(tensors),
    byteLength: end,
    variableDimensionCount,
  });
}
