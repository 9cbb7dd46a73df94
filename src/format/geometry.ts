/**
 * Where the planes of a picture lie in a frame.
 *
 * ```text
 * nv12, p010                      i420                        packed and gray
 * ┌─────────────┬───┐ 0           ┌─────────────┬───┐ 0       ┌─────────────┬───┐ 0
 * │ y           │pad│             │ y           │pad│         │ pixels      │pad│
 * │ height rows │   │             │ height rows │   │         │ height rows │   │
 * ├─────────────┼───┤ pitch *     ├──────┬───┬──┴───┘ y end   └─────────────┴───┘
 * │ u v u v     │pad│ roundUp2(   │ u    │pad│                       pitch
 * │ height / 2  │   │   height)   ├──────┼───┤ u end
 * └─────────────┴───┘             │ v    │pad│
 *         pitch                   └──────┴───┘ chromaPitch
 * ```
 *
 * A pitch is the bytes of a row rounded up to 64. In nv12 and p010 both planes have one pitch, and
 * uv starts where NVDEC puts it: after an even number of rows. In i420 chromaPitch is half the
 * pitch, rounded up to 64. Chroma has ceil(width / 2) × ceil(height / 2) samples. So a picture is
 * as tight as FFmpeg's rawvideo when its width is a multiple of 64 (of 128 for i420, of 32 for p010
 * and gray16, of 16 for rgba and bgra) and, for nv12 and p010, its height is even.
 */
import { alignUp } from '../core/index.js';
import { tensorLayout } from '../tensor/index.js';
import type { FrameFormat, PixelFormat, VideoFormat } from './format-types.js';

/** Rows start at multiples of a cache line; copy engines and vector loads want no more. */
export const PITCH_ALIGNMENT_BYTES = 64;

/** Where one plane of a picture lies and how its rows stand. */
export interface VideoPlane {
  readonly name: 'y' | 'uv' | 'u' | 'v' | 'rgb' | 'bgr' | 'rgba' | 'bgra' | 'gray';
  /** Pixels of this plane: half of the picture's, rounded up, for chroma. */
  readonly width: number;
  readonly height: number;
  /** Samples a pixel: 2 for uv, 3 for rgb, 4 for rgba, else 1. */
  readonly channels: number;
  readonly bytesPerSample: 1 | 2;
  /** The bytes of a row that hold pixels; the rest up to the pitch is padding. */
  readonly rowBytes: number;
  /** From one row to the next. */
  readonly pitchBytes: number;
  /** From the start of the frame. */
  readonly byteOffset: number;
  /** pitchBytes × height. */
  readonly byteLength: number;
}

interface Packed {
  readonly name: VideoPlane['name'];
  readonly channels: number;
  readonly bytesPerSample: 1 | 2;
}

const PACKED: Readonly<Record<Exclude<PixelFormat, 'nv12' | 'p010' | 'i420'>, Packed>> = {
  rgb24: { name: 'rgb', channels: 3, bytesPerSample: 1 },
  bgr24: { name: 'bgr', channels: 3, bytesPerSample: 1 },
  rgba: { name: 'rgba', channels: 4, bytesPerSample: 1 },
  bgra: { name: 'bgra', channels: 4, bytesPerSample: 1 },
  gray8: { name: 'gray', channels: 1, bytesPerSample: 1 },
  gray16: { name: 'gray', channels: 1, bytesPerSample: 2 },
};

/** Of formats that cannot change: every frame asks for the planes of its format. */
const known = new WeakMap<VideoFormat, readonly VideoPlane[]>();

/** The planes of a picture, in the order of memory. */
export function videoPlanes(format: VideoFormat): readonly VideoPlane[] {
  const before = known.get(format);
  if (before !== undefined) return before;
  const planes = Object.freeze(makePlanes(format));
  if (Object.isFrozen(format)) known.set(format, planes);
  return planes;
}

function makePlanes(format: VideoFormat): readonly VideoPlane[] {
  const { width, height, pixelFormat } = format;
  switch (pixelFormat) {
    case 'nv12':
      return semiPlanar(width, height, 1);
    case 'p010':
      return semiPlanar(width, height, 2);
    case 'i420':
      return planar(width, height);
    default:
      return [plane(PACKED[pixelFormat], width, height, 0)];
  }
}

function plane(
  what: Packed,
  width: number,
  height: number,
  byteOffset: number,
  pitch?: number,
): VideoPlane {
  const rowBytes = width * what.channels * what.bytesPerSample;
  const pitchBytes = pitch ?? alignUp(rowBytes, PITCH_ALIGNMENT_BYTES);
  const byteLength = pitchBytes * height;
  return Object.freeze({ ...what, width, height, rowBytes, pitchBytes, byteOffset, byteLength });
}

function semiPlanar(width: number, height: number, bytesPerSample: 1 | 2): readonly VideoPlane[] {
  const y = plane({ name: 'y', channels: 1, bytesPerSample }, width, height, 0);
  const uvOffset = y.pitchBytes * alignUp(height, 2);
  const [halfWidth, halfHeight] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const uv = { name: 'uv', channels: 2, bytesPerSample } as const;
  return [y, plane(uv, halfWidth, halfHeight, uvOffset, y.pitchBytes)];
}

function planar(width: number, height: number): readonly VideoPlane[] {
  const y = plane({ name: 'y', channels: 1, bytesPerSample: 1 }, width, height, 0);
  const pitch = alignUp(y.pitchBytes / 2, PITCH_ALIGNMENT_BYTES);
  const [halfWidth, halfHeight] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const chroma = { channels: 1, bytesPerSample: 1 } as const;
  const u = plane({ name: 'u', ...chroma }, halfWidth, halfHeight, y.byteLength, pitch);
  const vOffset = u.byteOffset + u.byteLength;
  return [y, u, plane({ name: 'v', ...chroma }, halfWidth, halfHeight, vOffset, pitch)];
}

/**
 * The bytes of a slot that a frame of this format needs at its largest; at least 1, at most
 * MAX_FRAME_BYTES.
 */
export function frameByteLength(format: FrameFormat): number {
  switch (format.kind) {
    case 'video': {
      const last = videoPlanes(format).at(-1)!;
      return last.byteOffset + last.byteLength;
    }
    case 'tensor':
      // Tensors may all be empty, but memory of no bytes cannot be mapped.
      return Math.max(1, tensorLayout(format).byteLength);
    case 'audio':
      return format.maxSamples * format.channels * (format.dtype === 'i16' ? 2 : 4);
  }
}

/** The bytes of the picture without padding: what FFmpeg's rawvideo has. */
export function tightByteLength(format: VideoFormat): number {
  return videoPlanes(format).reduce((sum, { rowBytes, height }) => sum + rowBytes * height, 0);
}

/** Whether the frame has no padding: rawvideo can be read into it and written from it as it is. */
export function isTightlyPacked(format: VideoFormat): boolean {
  return tightByteLength(format) === frameByteLength(format);
}
