/**
 * What it takes to make one picture out of another: everything that is the same for all frames of
 * two formats. The processor (`PictureConverter`) and the kernel of a GPU carry out the same plan.
 *
 * ```text
 *   planes of the source       a pass, for each pixel of the target         planes of the target
 *   ┌───┐ rows, then columns    ┌───────────────────────┐ rounded or by table ┌───┐
 *   │ y │ ────────────────────▶ │ 3 words of 16 bits    │ ──────────────────▶ │ r │
 *   │ u │ ────────────────────▶ │ × transform + offset  │ ──────────────────▶ │ g │
 *   │ v │ ────────────────────▶ │ = up to 4 words       │ ──────────────────▶ │ b │
 *   └───┘                       └───────────────────────┘                     └───┘
 * ```
 *
 * A target of 4:2:0 takes two passes, for luma and for chroma at half the resolution. The sums:
 * a column of rows is Σ sample × weight, rounded to 16 bits (samples of 8 bits are 8.8 then); a word
 * is Σ column × weight, rounded to 16 bits; then the transform, and rounding to the sample. All in 32 bits.
 */
import { assertInteger, assertKnownKeys, assertOneOf } from '../core/index.js';
import { type PixelFormat, video, type VideoFormat } from '../format/index.js';
import {
  colorFamily,
  colorTransform,
  isSameColor,
  TRANSFORM_BITS,
  wordsOfColor,
} from './color-transform.js';
import { type Fit, FITS, type Placement, placePicture, type Size } from './letterbox.js';
import { alphaOf, type ComponentPlace, componentsOf } from './picture-components.js';
import { RESIZE_FILTERS, resampleTaps, type ResizeFilter, type Taps } from './resample-taps.js';
import { channelCount, type TensorTarget, type ValueTable, valueTable } from './tensor-target.js';

/** How a picture becomes another one. */
export interface ConversionOptions {
  /** Default 'letterbox': keep the shape, fill up with `padding`. */
  readonly fit?: Fit;
  /** Red, green and blue of what is not covered, 0 to 255. Default [114, 114, 114]. */
  readonly padding?: readonly [number, number, number];
  /** Default 'auto': bilinear down to half the size, by area below. */
  readonly filter?: ResizeFilter;
  /** Darkens: 1 (default) is the picture itself, 0 black. */
  readonly gain?: number;
}

/** A part of a larger picture, in its pixels. Where chroma is 4:2:0, x and y must be even. */
export interface Region extends Size {
  readonly x: number;
  readonly y: number;
}

export interface PassInput {
  readonly place: ComponentPlace;
  readonly columns: Taps;
  readonly rows: Taps;
}

/** How a word of 16 bits is stored: the upper 8 or 10 bits, all of it, or what a table says of 8. */
export type Precision = 8 | 10 | 16 | 'table';

export interface PassOutput {
  readonly place: ComponentPlace;
  readonly precision: Precision;
  readonly table?: ValueTable | undefined;
  /** The word outside of the picture. */
  readonly padding: number;
}

/** One resolution of the target. Sizes are in pixels of that resolution. */
export interface Pass {
  /** All that is written, in the planes of the target. */
  readonly region: Region;
  /** Where the picture is, in the region; the rest is padding. */
  readonly picture: Region;
  readonly inputs: readonly PassInput[];
  readonly outputs: readonly PassOutput[];
  /** Four numbers an output: by input, and the offset. Undefined: output i is input i. */
  readonly transform: Int32Array | undefined;
}

export interface ConversionPlan {
  readonly source: VideoFormat;
  /** Where the picture lands in the target, or in its region. */
  readonly placement: Placement;
  readonly passes: readonly Pass[];
}

const DEFAULT_PADDING = [114, 114, 114] as const;
const ALPHA_WORD = 255 * 256;

/** Throws `TypeError` or `RangeError` for options that mean nothing. */
export function checkConversionOptions(attempt: string, options: ConversionOptions): void {
  const { fit, padding, filter, gain = 1 } = options;
  assertKnownKeys(attempt, options, ['fit', 'padding', 'filter', 'gain']);
  if (fit !== undefined) assertOneOf('fit', fit, FITS);
  if (filter !== undefined) assertOneOf('filter', filter, RESIZE_FILTERS);
  if (padding !== undefined) {
    if (!Array.isArray(padding) || padding.length !== 3) {
      throw new TypeError('padding must be red, green and blue, from 0 to 255');
    }
    for (const value of padding) assertInteger('padding', value, 0, 255);
  }
  if (!(gain >= 0 && gain <= 1)) throw new RangeError(`gain must be from 0 to 1, got ${gain}`);
}

/**
 * Plans a picture of `target`'s format, or of a region of it. Throws `TypeError`, `RangeError`, and
 * `UNSUPPORTED` for colours that cannot be converted.
 */
export function planPicture(
  source: VideoFormat,
  target: VideoFormat,
  options: ConversionOptions = {},
  region: Region = { x: 0, y: 0, width: target.width, height: target.height },
): ConversionPlan {
  checkConversionOptions('planPicture()', options);
  checkRegion(target, region);
  const placement = placePicture(source, region, options.fit ?? 'letterbox', hasChroma(target));
  const padding = paddingWords(placement, region, target, options);
  return {
    source,
    placement,
    passes: passesOf({ source, target, placement, options }, region, padding),
  };
}

/**
 * Plans a region of one colour, red, green and blue from 0 to 255. Its source is a picture of one gray pixel that is not
 * looked at.
 */
export function planFill(
  target: VideoFormat,
  color: readonly [number, number, number],
  region: Region,
): ConversionPlan {
  checkRegion(target, region);
  const source = video({ width: 1, height: 1, pixelFormat: 'gray8' });
  const placement = placePicture(source, region, 'stretch', hasChroma(target));
  const common = { source, target, placement, options: {} };
  const nothing = { x: 0, y: 0, width: 0, height: 0 };
  const passes = passesOf(common, region, wordsOfColor(color, target)).map((pass) => {
    return { ...pass, picture: nothing, inputs: [] };
  });
  return { source, placement, passes };
}

/** `padding`: the words of what is not covered. */
function passesOf(
  common: Common,
  region: Region,
  padding: readonly [number, number, number],
): readonly Pass[] {
  const { pixelFormat } = common.target;
  const precision = precisionOf(pixelFormat);
  const outputs = componentsOf(pixelFormat).map((place, index): PassOutput => {
    return { place, precision, padding: padding[index]! };
  });
  const full = outputs.filter(({ place }) => !place.isChroma);
  const alpha = alphaOf(pixelFormat);
  if (alpha !== undefined) full.push({ place: alpha, precision: 8, padding: ALPHA_WORD });
  const luma = makePass(common, region, full, 0);
  const half = outputs.filter(({ place }) => place.isChroma);
  return half.length === 0 ? [luma] : [luma, makePass(common, region, half, full.length)];
}

function hasChroma({ pixelFormat }: VideoFormat): boolean {
  return componentsOf(pixelFormat).some(({ isChroma }) => isChroma);
}

/** Plans one picture of a tensor. Throws as `planPicture`. */
export function planTensor(
  source: VideoFormat,
  target: TensorTarget,
  options: ConversionOptions = {},
): ConversionPlan {
  checkConversionOptions('planTensor()', options);
  const { width, height, colors, layout } = target;
  const color = { matrix: 'rgb', primaries: 'bt709', transfer: 'srgb', range: 'full' } as const;
  const pixelFormat = colors === 'gray' ? 'gray8' : 'rgb24';
  const format = video({ width, height, pixelFormat, color: { ...color, guessed: false } });
  const placement = placePicture(source, target, options.fit ?? 'letterbox');
  const padding = wordsOfColor(options.padding ?? DEFAULT_PADDING, format);
  const channels = channelCount(target);
  const outputs = Array.from({ length: channels }, (_, component): PassOutput => {
    const channel = colors === 'bgr' ? 2 - component : component;
    const [offset, step] = layout === 'chw' ? [channel * width * height, 1] : [channel, channels];
    const table = valueTable(target, channel);
    const bytesPerSample = 1;
    const place = { plane: 0, offset, step, bytesPerSample, isChroma: false } as const;
    const precision = table === undefined ? 8 : 'table';
    return { place, precision, table, padding: padding[component]! };
  });
  const region = { x: 0, y: 0, width, height };
  const common = { source, target: format, placement, options };
  return { source, placement, passes: [makePass(common, region, outputs, 0)] };
}

/** Only where there is some: without it, colours need not be understood. */
function paddingWords(
  { width, height }: Placement,
  region: Size,
  target: VideoFormat,
  { padding = DEFAULT_PADDING }: ConversionOptions,
): readonly [number, number, number] {
  const isCovered = width === region.width && height === region.height;
  return isCovered ? [0, 0, 0] : wordsOfColor(padding, target);
}

function checkRegion(target: VideoFormat, { x, y, width, height }: Region): void {
  assertInteger('region.x', x, 0, target.width - 1);
  assertInteger('region.y', y, 0, target.height - 1);
  assertInteger('region.width', width, 1, target.width - x);
  assertInteger('region.height', height, 1, target.height - y);
  if (hasChroma(target) && (x % 2 === 1 || y % 2 === 1)) {
    throw new RangeError(
      `a region of ${target.pixelFormat} must start at even pixels, got ${x},${y}`,
    );
  }
}

function precisionOf(pixelFormat: PixelFormat): Precision {
  return pixelFormat === 'gray16' ? 16 : pixelFormat === 'p010' ? 10 : 8;
}

interface Common {
  readonly source: VideoFormat;
  readonly target: VideoFormat;
  readonly placement: Placement;
  readonly options: ConversionOptions;
}

/** `first`: the row of the transform that the first output takes. */
function makePass(
  { source, target, placement, options }: Common,
  region: Region,
  outputs: readonly PassOutput[],
  first: number,
): Pass {
  const halves = outputs[0]!.place.isChroma ? 2 : 1;
  const scaled = (area: Region): Region => ({
    x: area.x / halves,
    y: area.y / halves,
    width: Math.ceil(area.width / halves),
    height: Math.ceil(area.height / halves),
  });
  const picture = scaled(placement);
  const components = componentsOf(source.pixelFormat);
  const same = isSameColor(source, target) && (options.gain ?? 1) === 1;
  const alike = same && outputs.length + first <= components.length;
  const used = alike ? components.slice(first, first + outputs.length) : components;
  const inputs = used.map((place): PassInput => {
    const sampled = place.isChroma ? 2 : 1;
    const step = (size: number, placed: number): number => ((size / placed) * halves) / sampled;
    const count = (size: number): number => Math.ceil(size / sampled);
    const taps = (size: number, placed: number, wanted: number): Taps =>
      resampleTaps(count(size), wanted, step(size, placed), filterOf(options, size / placed));
    return {
      place,
      columns: taps(source.width, placement.width, picture.width),
      rows: taps(source.height, placement.height, picture.height),
    };
  });
  if (alike) {
    return { region: scaled(region), picture, inputs, outputs, transform: undefined };
  }
  const transform = passTransform(source, target, options.gain ?? 1, outputs.length, first);
  return needed({ region: scaled(region), picture, inputs, outputs, transform });
}

/** Luma decides for chroma, too: a picture is not reduced by two filters. */
function filterOf({ filter = 'auto' }: ConversionOptions, lumaStep: number): ResizeFilter {
  return filter === 'auto' && lumaStep > 2 ? 'area' : filter;
}

/** The rows of the transform that a pass needs; one more than there are is alpha, which is opaque. */
function passTransform(
  source: VideoFormat,
  target: VideoFormat,
  gain: number,
  outputs: number,
  first: number,
): Int32Array {
  const whole = colorTransform(source, target, gain);
  const rows = new Int32Array(outputs * 4);
  const colors = colorFamily(target.pixelFormat) === 'gray' ? 1 : 3;
  for (let output = 0; output < outputs; output++) {
    const row = first + output;
    if (row < colors) rows.set(whole.subarray(row * 4, row * 4 + 4), output * 4);
    else rows[output * 4 + 3] = ALPHA_WORD << TRANSFORM_BITS;
  }
  return rows;
}

/** Leaves out inputs that no output is made of: gray of YUV needs no chroma. */
function needed(pass: Pass & { readonly transform: Int32Array }): Pass {
  const { inputs, outputs, transform } = pass;
  const factor = (output: number, input: number): number => transform[output * 4 + input]!;
  const kept = inputs
    .map((_, index) => index)
    .filter((input) => outputs.some((_, output) => factor(output, input) !== 0));
  if (kept.length === 0) kept.push(0);
  const rows = new Int32Array(outputs.length * 4);
  for (let output = 0; output < outputs.length; output++) {
    kept.forEach((input, index) => (rows[output * 4 + index] = factor(output, input)));
    rows[output * 4 + 3] = factor(output, 3);
  }
  return { ...pass, inputs: kept.map((input) => inputs[input]!), transform: rows };
}
