/** What loaned and received frames have in common: their bytes as planes and tensors. Views, made when asked for. */
import type { ReadonlyBytes } from '../core/index.js';
import type { SlotMemory } from '../memory/index.js';
import {
  frameAsTensor,
  frameTensors,
  type FrameFormat,
  type TensorsOf,
  videoPlanes,
  type VideoPlane,
} from '../format/index.js';
import {
  DL_DEVICE_CUDA,
  type DeviceBytes,
  hostBytes,
  isDeviceBytes,
  type Shapes,
  subBytes,
  type TensorView,
} from '../tensor/index.js';

/** A slot as frames look at it: bytes, or where they are on a GPU. */
export type SlotBytes = Uint8Array | DeviceBytes;

/** A slot in the memory of a GPU. `device`: how this process numbers it. */
export function deviceBytes(memory: SlotMemory, slot: number, device: number): DeviceBytes {
  const address = memory.slotAddress(slot);
  return Object.freeze({
    byteLength: memory.slotBytes,
    address,
    device: Object.freeze([DL_DEVICE_CUDA, device] as const),
  });
}

/** One plane of a picture, in place. */
export interface Plane extends VideoPlane {
  /** All rows, `pitchBytes` apart. Throws `DEVICE_MEMORY` for a frame in the memory of a GPU. */
  readonly bytes: Uint8Array;
  /** Of the first row for a GPU, in its own memory or in host memory that it can write; 0n where it cannot. */
  readonly pointer: bigint;
}

/** One plane of a received picture: as {@link Plane}, to be read only. */
export interface ReadonlyPlane extends VideoPlane {
  /** All rows, `pitchBytes` apart. Read-only memory. Throws `DEVICE_MEMORY` for a frame in the memory of a GPU. */
  readonly bytes: ReadonlyBytes;
  /** Of the first row in the memory of a GPU, to be read only; 0n for host memory. */
  readonly pointer: bigint;
}

/**
 * Planes of a picture over a slot's bytes; none for other formats. `pointer`: where a GPU finds the slot when it is in
 * host memory.
 */
export function framePlanes(
  format: FrameFormat,
  slot: SlotBytes,
  pointer?: bigint,
): readonly Plane[] {
  if (format.kind !== 'video') return [];
  return videoPlanes(format).map((plane) => {
    const bytes = subBytes(slot, plane.byteOffset, plane.byteLength);
    if (!isDeviceBytes(bytes)) {
      const inSlot = pointer === undefined ? 0n : pointer + BigInt(plane.byteOffset);
      return Object.freeze({ ...plane, bytes, pointer: inSlot });
    }
    return Object.freeze({
      ...plane,
      get bytes(): Uint8Array {
        return hostBytes(bytes, `plane ${plane.name}`);
      },
      pointer: bytes.address,
    });
  });
}

/** Address of a slot in the memory of a GPU; 0n for host memory. */
export function slotPointer(slot: SlotBytes): bigint {
  return isDeviceBytes(slot) ? slot.address : 0n;
}

export function tensorsOf<F extends FrameFormat>(
  format: F,
  slot: SlotBytes,
  shapes?: Shapes,
): TensorsOf<F> {
  return frameTensors(format, { bytes: slot }, shapes);
}

export function asTensor(format: FrameFormat, slot: SlotBytes, shapes?: Shapes): TensorView {
  return frameAsTensor(format, { bytes: slot }, shapes);
}
