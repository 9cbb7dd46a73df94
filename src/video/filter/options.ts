/** How to open a filter. */
import { assertInteger, assertKnownKeys, assertOneOf, isChannelPattern } from '../../core/index.js';
import { isDType } from '../../tensor/index.js';
import {
  PIXEL_FORMATS,
  tensors,
  type TensorFormat,
  video,
  type VideoFormat,
} from '../../format/index.js';
import {
  checkConversionOptions,
  checkNormalization,
  type Fit,
  type ResizeFilter,
  TENSOR_COLORS,
  TENSOR_DTYPES,
  TENSOR_LAYOUTS,
  tensorSpec,
  type TensorTarget,
} from '../../pixels/index.js';
import { checkOverlay, OVERLAY_OPTIONS, type OverlayOptions } from '../overlay/options.js';
import { checkInputs, DERIVED_OPTIONS, type DerivedOptions } from '../inputs/derived-options.js';

/** What pictures become: a tensor as detectors take it, or a picture of another format. */
export type FilterTarget = TensorTarget | VideoFormat;

/** How to open a filter. Detections are drawn over pictures only. */
export interface FilterOptions extends DerivedOptions, OverlayOptions {
  readonly to: FilterTarget;
  /** Default 'letterbox': keep the shape, fill up with `padding`. */
  readonly fit?: Fit;
  /** Red, green and blue, 0 to 255. Default [114, 114, 114]. */
  readonly padding?: readonly [number, number, number];
  /** Default 'auto': bilinear down to half the size, by area below. */
  readonly filter?: ResizeFilter;
  /**
   * Tensors: so many pictures in one, at most, [N, …]. Default: as many as there are inputs when there are several, none
   * for one; needed for patterns.
   */
  readonly batch?: number;
  /** Batches: how long to wait for inputs that have no new frame, from the first one that has. Default 40. */
  readonly maxWaitMs?: number;
}

const KNOWN = [
  ...(['to', 'fit', 'padding', 'filter', 'batch', 'maxWaitMs'] as const),
  ...OVERLAY_OPTIONS,
  ...DERIVED_OPTIONS,
] as const;

const MAX_INPUTS = 64;
const MAX_BATCH = 256;
const MAX_WAIT_MS = 10_000;
export const DEFAULT_WAIT_MS = 40;

/** A filter that makes sense: what is published, and how many pictures a frame. */
export interface FilterPlan {
  readonly format: TensorFormat<'data'> | VideoFormat;
  /** Undefined: one picture a frame, and no dimension for it. */
  readonly batch: number | undefined;
  readonly overlay: Required<OverlayOptions>;
}

export function isTensorTarget(target: FilterTarget): target is TensorTarget {
  return 'layout' in target;
}

/** Throws `TypeError` or `RangeError` for what no filter can be opened with. */
export function checkFilter(
  output: string,
  inputs: readonly string[],
  options: FilterOptions,
): FilterPlan {
  assertKnownKeys('openFilter()', options, KNOWN);
  checkInputs('openFilter()', output, inputs, MAX_INPUTS);
  const { to, fit, padding, filter, maxWaitMs = DEFAULT_WAIT_MS } = options;
  checkConversionOptions('openFilter()', {
    ...(fit === undefined ? {} : { fit }),
    ...(padding === undefined ? {} : { padding }),
    ...(filter === undefined ? {} : { filter }),
  });
  if (typeof maxWaitMs !== 'number' || !(maxWaitMs >= 0 && maxWaitMs <= MAX_WAIT_MS)) {
    throw new RangeError(`maxWaitMs must be from 0 to ${MAX_WAIT_MS}, got ${String(maxWaitMs)}`);
  }
  if (typeof to !== 'object' || to === null) {
    throw new TypeError('openFilter() needs `to`: a tensor or a picture');
  }
  const overlay = checkOverlay(options);
  if (!isTensorTarget(to)) return { ...checkPicture(to, inputs, options), overlay };
  if (overlay.detections.length > 0) {
    throw new TypeError('detections are drawn over a picture: `to` must be one, not a tensor');
  }
  return { ...checkTensors(to, inputs, options), overlay };
}

function checkTensors(
  to: TensorTarget,
  inputs: readonly string[],
  options: FilterOptions,
): Omit<FilterPlan, 'overlay'> {
  const known = ['width', 'height', 'colors', 'layout', 'dtype', 'mean', 'std'];
  assertKnownKeys('openFilter(): to', to, known);
  assertInteger('to.width', to.width, 1, 16384);
  assertInteger('to.height', to.height, 1, 16384);
  assertOneOf('to.colors', to.colors, TENSOR_COLORS);
  assertOneOf('to.layout', to.layout, TENSOR_LAYOUTS);
  if (!isDType(to.dtype)) assertOneOf('to.dtype', to.dtype, TENSOR_DTYPES);
  assertOneOf<string>('to.dtype', to.dtype, TENSOR_DTYPES);
  checkNormalization(to);
  const batch = batchOf(inputs, options);
  const spec = tensorSpec(to, batch);
  const data = batch === undefined ? spec : { ...spec, variable: true };
  return { format: tensors({ data }), batch };
}

function batchOf(inputs: readonly string[], { batch }: FilterOptions): number | undefined {
  if (batch !== undefined) {
    assertInteger('batch', batch, 1, MAX_BATCH);
    return batch;
  }
  const pattern = inputs.find(isChannelPattern);
  if (pattern !== undefined) {
    throw new RangeError(
      `'${pattern}' may match any number of channels; batch says how many pictures fit into one frame`,
    );
  }
  return inputs.length > 1 ? inputs.length : undefined;
}

function checkPicture(
  to: VideoFormat,
  inputs: readonly string[],
  { batch, maxWaitMs }: FilterOptions,
): Omit<FilterPlan, 'overlay'> {
  assertOneOf('to.pixelFormat', to.pixelFormat, PIXEL_FORMATS);
  if (batch !== undefined || maxWaitMs !== undefined) {
    throw new TypeError('batch and maxWaitMs are for tensors: a picture is made of one picture');
  }
  if (inputs.length > 1 || isChannelPattern(inputs[0]!)) {
    throw new TypeError('a picture is made of one input; a mosaic is made of several');
  }
  const { width, height, pixelFormat, color } = to;
  const format = video({ width, height, pixelFormat, ...(color === undefined ? {} : { color }) });
  return { format, batch: undefined };
}
