/** Whether a channel carries what a subscriber asked for. */
import { contiguousStrides, type TensorSpec } from '../tensor/index.js';
import type { ColorSpace } from './color.js';
import { describeFormat } from './describe.js';
import { FORMAT_FIELDS } from './format-rules.js';
import type { Format, FormatPattern } from './format-types.js';

type Fields = Readonly<Record<string, unknown>>;

/**
 * The first difference between a format and a pattern, as `field is FOUND, wanted WANTED`;
 * undefined when they match.
 *
 * Fields the pattern leaves out may vary. Colour is compared only when the pattern states it, not
 * when it guessed. Of tensors, each one the pattern names must be there; more may be. A tensor of
 * fixed shape must be that; a `variable` one takes every shape within its bounds. One without
 * strides must be C-contiguous: its reader does not expect gaps. Schemas are not compared.
 */
export function formatMismatch(format: Format, pattern: FormatPattern): string | undefined {
  if (format.kind !== pattern.kind) {
    return `kind is ${format.kind} (${describeFormat(format)}), wanted ${pattern.kind}`;
  }
  const { required, optional } = FORMAT_FIELDS[format.kind];
  for (const field of [...required, ...optional]) {
    const wanted = (pattern as unknown as Fields)[field];
    if (wanted === undefined || field === 'schema') continue;
    const found = (format as unknown as Fields)[field];
    const mismatch = fieldMismatch(field, found, wanted);
    if (mismatch !== undefined) return mismatch;
  }
  return undefined;
}

function fieldMismatch(field: string, found: unknown, wanted: unknown): string | undefined {
  if (field === 'color') {
    return colorMismatch(found as ColorSpace | undefined, wanted as ColorSpace);
  }
  if (field === 'tensors') {
    return tensorsMismatch(
      found as Readonly<Record<string, TensorSpec>>,
      wanted as Readonly<Record<string, TensorSpec>>,
    );
  }
  return difference(field, found, wanted);
}

function difference(field: string, found: unknown, wanted: unknown): string | undefined {
  if (found === wanted) return undefined;
  const stated = found === undefined ? 'not stated' : String(found);
  return `${field} is ${stated}, wanted ${String(wanted)}`;
}

function colorMismatch(found: ColorSpace | undefined, wanted: ColorSpace): string | undefined {
  if (wanted.guessed) return undefined;
  for (const field of ['matrix', 'primaries', 'transfer', 'range'] as const) {
    const mismatch = difference(`color.${field}`, found?.[field], wanted[field]);
    if (mismatch !== undefined) return mismatch;
  }
  return undefined;
}

function tensorsMismatch(
  found: Readonly<Record<string, TensorSpec>>,
  wanted: Readonly<Record<string, TensorSpec>>,
): string | undefined {
  for (const name of Object.keys(wanted)) {
    const path = `tensors.${name}`;
    if (!Object.hasOwn(found, name)) {
      const names = Object.keys(found).join(', ');
      return `${path} is missing (there are ${names}), wanted ${describeShape(wanted[name]!)}`;
    }
    const mismatch = specMismatch(path, found[name]!, wanted[name]!);
    if (mismatch !== undefined) return mismatch;
  }
  return undefined;
}

function specMismatch(path: string, found: TensorSpec, wanted: TensorSpec): string | undefined {
  const shapes = shapesMatch(found, wanted) && found.dtype === wanted.dtype;
  if (!shapes) return `${path} is ${describeShape(found)}, wanted ${describeShape(wanted)}`;
  const stridesWanted = wanted.strides ?? contiguousStrides(found.shape);
  const stridesFound = found.strides ?? contiguousStrides(found.shape);
  // A contiguous tensor of variable shape has other strides with every shape: no list of strides
  // equals them.
  const sameRule =
    found.variable !== true || (found.strides === undefined) === (wanted.strides === undefined);
  const same =
    sameRule &&
    found.shape.every((size, axis) => size <= 1 || stridesFound[axis] === stridesWanted[axis]);
  if (same) return undefined;
  return `${path}.strides is ${stridesText(found)}, wanted ${stridesText(wanted)}`;
}

function shapesMatch(found: TensorSpec, wanted: TensorSpec): boolean {
  if (found.shape.length !== wanted.shape.length) return false;
  if (wanted.variable === true)
    return found.shape.every((size, axis) => size <= wanted.shape[axis]!);
  return found.variable !== true && found.shape.every((size, axis) => size === wanted.shape[axis]);
}

function stridesText(spec: TensorSpec): string {
  return spec.strides === undefined ? 'contiguous' : `[${spec.strides.join(',')}]`;
}

function describeShape(spec: TensorSpec): string {
  return describeFormat({ kind: 'tensor', tensors: { data: spec } });
}
