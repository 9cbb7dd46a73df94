/**
 * The dimensions that travel with a frame.
 *
 * The slot's record has one flat list of u32: the dimensions of the variable tensors, in the order
 * of the layout, each tensor with as many as its rank. Tensors of fixed shape take no room in it.
 */
import { printable, SluiceError } from '../core/index.js';
import { argumentError, integerProblem } from './problem.js';
import type { TensorLayout, TensorPlacement } from './shape.js';

/**
 * The actual shapes of a publish: of the only tensor, or by name. What is left out has its largest
 * shape.
 */
export type ShapeOption = readonly number[] | Readonly<Record<string, readonly number[]>>;

/** The actual shape of every tensor of a frame. */
export type Shapes = Readonly<Record<string, readonly number[]>>;

/**
 * The flat dimensions for the slot's record.
 * @param into at least `layout.variableDimensionCount` long; written and returned, so that a
 * publisher can reuse it.
 * @throws TypeError for a name the format does not have; RangeError for a dimension out of bounds.
 */
export function resolveDimensions(
  layout: TensorLayout,
  shape: ShapeOption | undefined,
  into: Uint32Array = new Uint32Array(layout.variableDimensionCount),
): Uint32Array {
  if (into.length < layout.variableDimensionCount) {
    throw new RangeError(
      `into must have ${layout.variableDimensionCount} elements, has ${into.length}`,
    );
  }
  const byName = shape === undefined ? undefined : shapesByName(layout, shape);
  let at = 0;
  for (const tensor of layout.tensors) {
    const actual = byName?.[tensor.name];
    if (actual !== undefined) checkActual(tensor, actual);
    if (!tensor.variable) continue;
    const dimensions = actual ?? tensor.shape;
    for (let axis = 0; axis < dimensions.length; axis++) into[at++] = dimensions[axis]!;
  }
  return into;
}

function shapesByName(layout: TensorLayout, shape: ShapeOption): Shapes {
  if (typeof shape !== 'object' || shape === null) {
    throw new TypeError(`publish(): shape must be an array or an object, got ${typeof shape}`);
  }
  const names = layout.tensors.map((tensor) => tensor.name);
  if (Array.isArray(shape)) {
    if (names.length === 1) return { [names[0]!]: shape as readonly number[] };
    const found =
      names.length === 0 ? 'the format has no tensor' : `name one of ${names.join(', ')}`;
    throw new TypeError(`publish(): shape as an array is for a format of one tensor; ${found}`);
  }
  for (const name of Object.keys(shape)) {
    if (names.includes(name)) continue;
    throw new TypeError(
      `publish(): shape names '${printable(name, 40)}'; the tensors are ${names.join(', ')}`,
    );
  }
  return shape as Shapes;
}

function checkActual(tensor: TensorPlacement, actual: readonly number[]): void {
  const path = `shape.${tensor.name}`;
  if (!Array.isArray(actual)) throw new TypeError(`publish(): ${path} must be an array`);
  const rank = tensor.shape.length;
  if (actual.length !== rank) {
    throw new RangeError(`publish(): ${path} must have ${rank} dimensions, has ${actual.length}`);
  }
  for (let axis = 0; axis < rank; axis++) {
    const [min, max] = [tensor.minShape[axis]!, tensor.shape[axis]!];
    const problem = integerProblem(`${path}[${axis}]`, actual[axis], min, max);
    if (problem !== undefined) throw argumentError('publish()', problem);
  }
}

/**
 * The actual shape of every tensor, from the flat dimensions of a slot's record. They come from
 * another process.
 * @param dimensions the record's list; what stands after the last dimension is ignored.
 * @throws SluiceError PROTOCOL when there are too few, or one is out of the format's bounds.
 */
export function shapesFromDimensions(layout: TensorLayout, dimensions: ArrayLike<number>): Shapes {
  if (dimensions.length < layout.variableDimensionCount) {
    throw new SluiceError(
      'PROTOCOL',
      `a frame announced ${dimensions.length} dimensions, ` +
        `its format needs ${layout.variableDimensionCount}`,
    );
  }
  const shapes = Object.create(null) as Record<string, readonly number[]>;
  let at = 0;
  for (const tensor of layout.tensors) {
    if (!tensor.variable) {
      shapes[tensor.name] = tensor.shape;
      continue;
    }
    shapes[tensor.name] = Object.freeze(
      tensor.shape.map((max, axis) => {
        const dimension = dimensions[at++]!;
        const min = tensor.minShape[axis]!;
        if (Number.isInteger(dimension) && dimension >= min && dimension <= max) return dimension;
        throw new SluiceError(
          'PROTOCOL',
          `a frame announced ${tensor.name} with dimension ${axis} = ${dimension}, ` +
            `its format allows ${min} to ${max}`,
          { details: { tensor: tensor.name, axis, found: dimension, min, max } },
        );
      }),
    );
  }
  return Object.freeze(shapes);
}
