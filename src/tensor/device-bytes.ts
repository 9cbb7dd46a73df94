/** Memory that only a device can touch: what stands where host memory has a Uint8Array. */
import { SluiceError } from '../core/index.js';

/** `DLDeviceType`: 2 is kDLCUDA. */
export const DL_DEVICE_CUDA = 2;

/** Bytes in the memory of a GPU. */
export interface DeviceBytes {
  readonly byteLength: number;
  /** Of the first byte, as kernels and CUDA libraries of this process take it. */
  readonly address: bigint;
  /** `[DLDeviceType, device id]`: `[2, 0]` is the GPU that this process calls cuda:0. */
  readonly device: readonly [type: number, id: number];
}

export function isDeviceBytes(bytes: Uint8Array | DeviceBytes): bytes is DeviceBytes {
  return !(bytes instanceof Uint8Array);
}

/**
 * The bytes as the processor can read them.
 * @throws SluiceError DEVICE_MEMORY for memory of a GPU.
 */
export function hostBytes(bytes: Uint8Array | DeviceBytes, attempt: string): Uint8Array {
  if (!isDeviceBytes(bytes)) return bytes;
  throw new SluiceError(
    'DEVICE_MEMORY',
    `${attempt}: the ${bytes.byteLength} bytes are in the memory of cuda:${bytes.device[1]}, ` +
      'where the processor cannot read them',
    { details: { device: bytes.device[1], byteLength: bytes.byteLength } },
  );
}

/** A part of memory: a view, no copy. */
export function subBytes<B extends Uint8Array | DeviceBytes>(
  bytes: B,
  byteOffset: number,
  byteLength: number,
): B {
  if (!isDeviceBytes(bytes)) return bytes.subarray(byteOffset, byteOffset + byteLength) as B;
  return { ...bytes, address: bytes.address + BigInt(byteOffset), byteLength } as B;
}
