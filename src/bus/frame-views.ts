/** What loaned and received frames have in common: their bytes as planes and tensors. Views, made when asked for. */
import type { ReadonlyBytes } from '../core/index.js';
import {
  frameAsTensor,
  frameTensors,
  type FrameFormat,
  type TensorsOf,
  videoPlanes,
  type VideoPlane,
} from '../format/index.js';
import type { Shapes, TensorView } from '../tensor/index.js';

/** One plane of a picture, in place. */
export interface Plane extends VideoPlane {
  /** All rows, `pitchBytes` apart. */
  readonly bytes: Uint8Array;
}

/** One plane of a received picture: as {@link Plane}, to be read only. */
export interface ReadonlyPlane extends VideoPlane {
  /** All rows, `pitchBytes` apart. Read-only memory. */
  readonly bytes: ReadonlyBytes;
}

/** Planes of a picture over a slot's bytes; none for other formats. */
export function framePlanes(format: FrameFormat, slot: Uint8Array): readonly Plane[] {
  if (format.kind !== 'video') return [];
  return videoPlanes(format).map((plane) =>
    Object.freeze({
      ...plane,
      bytes: slot.subarray(plane.byteOffset, plane.byteOffset + plane.byteLength),
    }),
  );
}

export function tensorsOf<F extends FrameFormat>(
  format: F,
  slot: Uint8Array,
  shapes?: Shapes,
): TensorsOf<F> {
  return frameTensors(format, { bytes: slot }, shapes);
}

export function asTensor(format: FrameFormat, slot: Uint8Array, shapes?: Shapes): TensorView {
  return frameAsTensor(format, { bytes: slot }, shapes);
}
