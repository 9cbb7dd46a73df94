/** How to open a mosaic. */
import {
  assertChannelPattern,
  assertInteger,
  assertKnownKeys,
  assertOneOf,
  isChannelPattern,
} from '../../core/index.js';
import { type PixelFormat, video, type VideoFormat } from '../../format/index.js';
import type { ResizeFilter } from '../../pixels/index.js';
import { checkInputs, DERIVED_OPTIONS, type DerivedOptions } from '../inputs/derived-options.js';
import { MAX_TILES } from './tile-layout.js';

/** How to open a mosaic. */
export interface MosaicOptions extends DerivedOptions {
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
  /**
   * Channels of detections, or patterns, such as 'detect/*': what they found in the inputs is drawn over them. Default
   * none.
   */
  readonly detections?: readonly string[];
  /**
   * Detections of another frame than the one that is shown: how far apart the two may be, in time of capture. From half
   * of it on they fade. Default 1000.
   */
  readonly maxDetectionAgeMs?: number;
  /** After so long without a new frame an input is shown as dead. Default 2000. */
  readonly staleMs?: number;
  /** After so long a dead input of a pattern leaves the mosaic; those that are named stay. Default 30 000. */
  readonly leaveMs?: number;
  /** Default 'bilinear', which costs the processor a quarter of 'area' where cameras are much larger than their cells. */
  readonly filter?: ResizeFilter;
}

const KNOWN = [
  'width',
  'height',
  'pixelFormat',
  'framesPerSecond',
  'columns',
  'labels',
  'detections',
  'maxDetectionAgeMs',
  'staleMs',
  'leaveMs',
  'filter',
  ...DERIVED_OPTIONS,
] as const;

const MAX_SECONDS_MS = 2 ** 31 - 1;

/** Options with their defaults, checked. */
export interface MosaicPlan {
  readonly format: VideoFormat;
  readonly framesPerSecond: number;
  readonly columns: number | undefined;
  readonly labels: boolean;
  readonly detections: readonly string[];
  readonly maxDetectionAgeMs: number;
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
  const { detections = [], maxDetectionAgeMs = 1000 } = options;
  if (!Array.isArray(detections) || detections.length > MAX_TILES) {
    throw new RangeError(`detections must be at most ${MAX_TILES} channels or patterns`);
  }
  for (const channel of detections) assertChannelPattern(channel);
  assertInteger('maxDetectionAgeMs', maxDetectionAgeMs, 1, MAX_SECONDS_MS);
  assertInteger('framesPerSecond', framesPerSecond, 1, 240);
  if (columns !== undefined) assertInteger('columns', columns, 1, MAX_TILES);
  assertInteger('staleMs', staleMs, 1, MAX_SECONDS_MS);
  assertInteger('leaveMs', leaveMs, 1, MAX_SECONDS_MS);
  assertOneOf('filter', filter, ['auto', 'bilinear', 'area']);
  const format = video({ width, height, pixelFormat });
  const named = [...new Set(inputs.filter((input) => !isChannelPattern(input)))];
  const times = { maxDetectionAgeMs, staleMs, leaveMs };
  return { format, framesPerSecond, columns, labels, detections, ...times, filter, named };
}
