/** Frames as tensors: views over a slot's bytes by the frame's format. Nothing here copies. */
import {
  type DeviceBytes,
  resolveDimensions,
  type ShapeOption,
  type Shapes,
  shapesFromDimensions,
  type TensorLayout,
  tensorLayout,
  type TensorPlacement,
  TensorView,
} from '../tensor/index.js';
import type { AudioFormat, FrameFormat, TensorsOf, VideoFormat } from './format-types.js';
import { frameByteLength, videoPlanes } from './geometry.js';

const NO_TENSORS: TensorLayout = Object.freeze({
  tensors: Object.freeze([]),
  byteLength: 0,
  variableDimensionCount: 0,
});

/**
 * Formats are frozen, so the layout of one never changes: it is worked out once, not once a frame.
 */
const layouts = new WeakMap<FrameFormat, TensorLayout>();

/**
 * Where the tensors of a frame lie: those of a tensor format; for audio one called `samples`, whose
 * first dimension travels with each frame and whose second is the channels; none for video.
 */
export function frameLayout(format: FrameFormat): TensorLayout {
  const known = layouts.get(format);
  if (known !== undefined) return known;
  const layout = createLayout(format);
  if (Object.isFrozen(format)) layouts.set(format, layout);
  return layout;
}

function createLayout(format: FrameFormat): TensorLayout {
  if (format.kind === 'video') return NO_TENSORS;
  if (format.kind === 'tensor') return tensorLayout(format);
  return audioLayout(format);
}

function audioLayout(format: AudioFormat): TensorLayout {
  const byteLength = frameByteLength(format);
  const samples: TensorPlacement = Object.freeze({
    name: 'samples',
    dtype: format.dtype,
    shape: Object.freeze([format.maxSamples, format.channels]),
    minShape: Object.freeze([0, format.channels]),
    strides: undefined,
    variable: true,
    byteOffset: 0,
    byteLength,
  });
  return Object.freeze({
    tensors: Object.freeze([samples]),
    byteLength,
    variableDimensionCount: samples.shape.length,
  });
}

/**
 * The flat dimensions that travel in the slot's record for one publish; empty for formats of fixed
 * shape.
 * @param shape of the only tensor, or by name; what is left out has its largest shape.
 * @param into at least `frameLayout(format).variableDimensionCount` long: written and returned.
 * @throws TypeError for a name the format does not have; RangeError for a dimension out of bounds.
 */
export function resolveShapes(
  format: FrameFormat,
  shape?: ShapeOption,
  into?: Uint32Array,
): Uint32Array {
  return resolveDimensions(frameLayout(format), shape, into);
}

/**
 * The actual shape of every tensor, from the dimensions in a slot's record. They come from another
 * process.
 * @throws SluiceError PROTOCOL when there are too few, or one is out of the format's bounds.
 */
export function shapesFromRecord(format: FrameFormat, dimensions: ArrayLike<number>): Shapes {
  return shapesFromDimensions(frameLayout(format), dimensions);
}

export interface FrameMemory {
  /** The slot, at least as long as the frame, starting at a multiple of 64 bytes. */
  readonly bytes: Uint8Array | DeviceBytes;
  /** The address of host `bytes`, for native code. */
  readonly address?: bigint | undefined;
}

/**
 * The named tensors of a frame. Without `shapes` they have their largest shape: a loan before it is
 * published.
 */
export function frameTensors<F extends FrameFormat>(
  format: F,
  memory: FrameMemory,
  shapes?: Shapes,
): TensorsOf<F> {
  const views = Object.create(null) as Record<string, TensorView>;
  for (const { name, dtype, shape, strides, byteOffset } of frameLayout(format).tensors) {
    const actual = shapes?.[name] ?? shape;
    views[name] = new TensorView({ dtype, shape: actual, strides, byteOffset, ...memory });
  }
  return Object.freeze(views) as unknown as TensorsOf<F>;
}

/**
 * The frame as one tensor: a packed picture as `[H, W, C]` (gray as `[H, W]`) whose row stride is
 * the pitch, audio as `[samples, channels]`, a tensor format's only tensor.
 * @throws TypeError for nv12, p010 and i420, whose planes differ in size, and for several tensors.
 */
export function frameAsTensor(
  format: FrameFormat,
  memory: FrameMemory,
  shapes?: Shapes,
): TensorView {
  if (format.kind === 'video') {
    const planes = videoPlanes(format);
    if (planes.length === 1) return planeAsTensor(format, 0, memory);
    const names = planes.map((plane) => plane.name).join(', ');
    throw new TypeError(
      `asTensor(): an ${format.pixelFormat} picture is no single tensor, ` +
        `it has the planes ${names}; ` +
        'use frame.planes, or publish a packed pixel format such as rgb24',
    );
  }
  const views = Object.values<TensorView>(frameTensors(format, memory, shapes));
  if (views.length === 1) return views[0]!;
  const names = frameLayout(format).tensors.map((placement) => placement.name);
  throw new TypeError(
    `asTensor(): the frame has ${names.length} tensors: ` +
      `use frame.tensors with one of ${names.join(', ')}`,
  );
}

/**
 * One plane of a picture: `[H, W]`, or `[H, W, C]` where a pixel has several samples (uv has 2).
 */
export function planeAsTensor(
  format: VideoFormat,
  planeIndex: number,
  memory: FrameMemory,
): TensorView {
  const plane = videoPlanes(format)[planeIndex];
  if (plane === undefined) {
    throw new RangeError(`an ${format.pixelFormat} picture has no plane ${planeIndex}`);
  }
  const { width, height, channels, bytesPerSample, byteOffset } = plane;
  const rowStride = plane.pitchBytes / bytesPerSample;
  return new TensorView({
    dtype: bytesPerSample === 1 ? 'u8' : 'u16',
    shape: channels === 1 ? [height, width] : [height, width, channels],
    strides: channels === 1 ? [rowStride, 1] : [rowStride, channels, 1],
    byteOffset,
    ...memory,
  });
}
