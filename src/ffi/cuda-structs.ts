/** Numbers and structs of cuda.h, checked against it by a test. */

/** The enumerators and macros that Sluice passes to the driver. */
export const CUDA_CONSTANTS = Object.freeze({
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: 75,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: 76,
  CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED: 102,
  CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED: 103,
  CU_DEVICE_ATTRIBUTE_MPS_ENABLED: 133,
  CU_STREAM_DEFAULT: 0,
  CU_STREAM_NON_BLOCKING: 1,
  CU_STREAM_WRITE_VALUE_DEFAULT: 0,
  /** Compares cyclically: (int64_t)(*address - value) >= 0. */
  CU_STREAM_WAIT_VALUE_GEQ: 0,
  CU_EVENT_DEFAULT: 0,
  CU_EVENT_DISABLE_TIMING: 2,
  CU_MEMHOSTREGISTER_PORTABLE: 1,
  CU_MEMHOSTREGISTER_DEVICEMAP: 2,
  CU_MEMHOSTREGISTER_READ_ONLY: 8,
  CU_MEM_ALLOCATION_TYPE_PINNED: 1,
  CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR: 1,
  CU_MEM_LOCATION_TYPE_DEVICE: 1,
  CU_MEMORYTYPE_DEVICE: 2,
  CU_MEM_ACCESS_FLAGS_PROT_READ: 1,
  CU_MEM_ACCESS_FLAGS_PROT_READWRITE: 3,
  CU_MEM_ALLOC_GRANULARITY_MINIMUM: 0,
  CU_JIT_ERROR_LOG_BUFFER: 5,
  CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES: 6,
});

/** Sizes and offsets, in bytes. */
export const CUDA_LAYOUT = Object.freeze({
  uuidBytes: 16,
  allocationPropertiesBytes: 32,
  allocationType: 0,
  allocationHandleTypes: 4,
  allocationLocationType: 8,
  allocationLocationId: 12,
  accessDescriptionBytes: 12,
  accessLocationType: 0,
  accessLocationId: 4,
  accessFlags: 8,
  copy2dBytes: 128,
  copy2dFromType: 16,
  copy2dFromDevice: 32,
  copy2dFromPitch: 48,
  copy2dToType: 72,
  copy2dToDevice: 88,
  copy2dToPitch: 104,
  copy2dWidth: 112,
  copy2dHeight: 120,
});

/** The fields of CUmemAllocationProp and CUmemAccessDesc are ints here. */
function packInts(byteLength: number, fields: readonly (readonly [number, number])[]): Uint8Array {
  const struct = new DataView(new ArrayBuffer(byteLength));
  for (const [offset, value] of fields) struct.setInt32(offset, value, true);
  return new Uint8Array(struct.buffer);
}

/** CUmemAllocationProp: pinned memory of `device` that can be exported as a file descriptor. */
export function packAllocationProperties(device: number): Uint8Array {
  return packInts(CUDA_LAYOUT.allocationPropertiesBytes, [
    [CUDA_LAYOUT.allocationType, CUDA_CONSTANTS.CU_MEM_ALLOCATION_TYPE_PINNED],
    [CUDA_LAYOUT.allocationHandleTypes, CUDA_CONSTANTS.CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR],
    [CUDA_LAYOUT.allocationLocationType, CUDA_CONSTANTS.CU_MEM_LOCATION_TYPE_DEVICE],
    [CUDA_LAYOUT.allocationLocationId, device],
  ]);
}

/** CUmemAccessDesc: what the kernels of `device` may do with a mapping. */
export function packAccessDescription(device: number, access: 'read' | 'read-write'): Uint8Array {
  const flags =
    access === 'read'
      ? CUDA_CONSTANTS.CU_MEM_ACCESS_FLAGS_PROT_READ
      : CUDA_CONSTANTS.CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  return packInts(CUDA_LAYOUT.accessDescriptionBytes, [
    [CUDA_LAYOUT.accessLocationType, CUDA_CONSTANTS.CU_MEM_LOCATION_TYPE_DEVICE],
    [CUDA_LAYOUT.accessLocationId, device],
    [CUDA_LAYOUT.accessFlags, flags],
  ]);
}

/** Rows of memory: where they begin, and the bytes from one to the next. */
export interface DeviceRows {
  readonly address: number;
  readonly pitchBytes: number;
}

/** CUDA_MEMCPY2D: `height` rows of `widthBytes` from memory of a device to memory of a device. */
export function packCopy2d(
  from: DeviceRows,
  to: DeviceRows,
  widthBytes: number,
  height: number,
): Uint8Array {
  const copy = Buffer.alloc(CUDA_LAYOUT.copy2dBytes);
  copy.writeInt32LE(CUDA_CONSTANTS.CU_MEMORYTYPE_DEVICE, CUDA_LAYOUT.copy2dFromType);
  copy.writeBigUInt64LE(BigInt(from.address), CUDA_LAYOUT.copy2dFromDevice);
  copy.writeBigUInt64LE(BigInt(from.pitchBytes), CUDA_LAYOUT.copy2dFromPitch);
  copy.writeInt32LE(CUDA_CONSTANTS.CU_MEMORYTYPE_DEVICE, CUDA_LAYOUT.copy2dToType);
  copy.writeBigUInt64LE(BigInt(to.address), CUDA_LAYOUT.copy2dToDevice);
  copy.writeBigUInt64LE(BigInt(to.pitchBytes), CUDA_LAYOUT.copy2dToPitch);
  copy.writeBigUInt64LE(BigInt(widthBytes), CUDA_LAYOUT.copy2dWidth);
  copy.writeBigUInt64LE(BigInt(height), CUDA_LAYOUT.copy2dHeight);
  return copy;
}
