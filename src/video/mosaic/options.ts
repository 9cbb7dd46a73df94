/** How to open a mosaic. */
import { assertInteger, assertKnownKeys, assertOneOf, isChannelPattern } from '../../core/index.js';
import { type PixelFormat, video, type VideoFormat } from '../../format/index.js';
import type { ResizeFilter } from '../../pixels/index.js';
import { checkInputs, DERIVED_OPTIONS, type DerivedOptions } from '../inputs/derived-options.js';
import { checkOverlay, OVERLAY_OPTIONS, type OverlayOptions } from '../overlay/options.js';
import { MAX_TILES } from './tile-layout.js';

/** How to open a mosaic. */
export interface MosaicOptions extends DerivedOptions, OverlayOptions {
  /** Of the mosaic, in pixels. Default 1920 × 1080. */
  readonly width?: number;
  readonly height?: number;
  /** Default 'nv12'. */
  readonly pixelFormat?: PixelFormat;
  /** Pictures a second, whatever the inputs do: 1 to 240. Default 25. */
  readonly framesPerSecond?: number;
  /** Default: as many as rows, or one more. */
  readonly columns?: number;
  /** The name of its channel in each picture. Default true. */
  readonly labels?: boolean;
  /** After so long without a new frame an input is shown as dead. Default 2000. */
  readonly staleMs?: number;
  /** After so long a dead input of a pattern leaves the mosaic; those that are named stay. Default 30 000. */
  readonly leaveMs?: number;
  /** Default 'bilinear', which costs the processor a quarter of 'area' where cameras are much larger than their cells. */
  readonly filter?: ResizeFilter;
}

/** Of a picture, so that each of the most cells has some pixels. */
const MIN_SIDE = 64;
const KNOWN = [
  'width',
  'height',
  'pixelFormat',
  'framesPerSecond',
  'columns',
  'labels',
  'staleMs',
  'leaveMs',
  'filter',
  ...OVERLAY_OPTIONS,
  ...DERIVED_OPTIONS,
] as const;

const MAX_SECONDS_MS = 2 ** 31 - 1;

/** Options with their defaults, checked. */
export interface MosaicPlan extends Required<OverlayOptions> {
  readonly format: VideoFormat;
  readonly framesPerSecond: number;
  readonly columns: number | undefined;
  readonly labels: boolean;
  readonly staleMs: number;
  readonly leaveMs: number;
  readonly filter: ResizeFilter;
  /** Inputs that have a cell from the start. */
  readonly named: readonly string[];
}

/** Throws `TypeError` or `RangeError` for what no mosaic can be opened with. */
export function checkMosaic(
  output: string,
  inputs: readonly string[],
  options: MosaicOptions,
): MosaicPlan {
  assertKnownKeys('openMosaic()', options, KNOWN);
  checkInputs('openMosaic()', output, inputs, MAX_TILES);
  const { width = 1920, height = 1080, pixelFormat = 'nv12', framesPerSecond = 25 } = options;
  const { columns, labels = true, staleMs = 2000, leaveMs = 30_000, filter = 'bilinear' } = options;
  const overlay = checkOverlay(options);
  assertInteger('framesPerSecond', framesPerSecond, 1, 240);
  if (columns !== undefined) assertInteger('columns', columns, 1, MAX_TILES);
  assertInteger('staleMs', staleMs, 1, MAX_SECONDS_MS);
  assertInteger('leaveMs', leaveMs, 1, MAX_SECONDS_MS);
  assertOneOf('filter', filter, ['auto', 'bilinear', 'area']);
  const format = video({ width, height, pixelFormat });
  if (width < MIN_SIDE || height < MIN_SIDE) {
    throw new RangeError(`width and height must be ${MIN_SIDE} or more, got ${width}x${height}`);
  }
  const named = [...new Set(inputs.filter((input) => !isChannelPattern(input)))];
  return { format, framesPerSecond, columns, labels, ...overlay, staleMs, leaveMs, filter, named };
}
