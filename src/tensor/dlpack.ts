/**
 * DLPack's description of a tensor as a plain object.
 *
 * The field names and numbers follow `DLTensor` in dlpack.h (version 1). It is not a PyCapsule and
 * no `DLManagedTensor`: those are C objects whose deleter another library calls whenever it likes,
 * from any thread, while a frame in a slot ends when its subscriber releases it. A descriptor is
 * enough for a native library in this process; Python maps the memory itself and builds its own.
 */
import type { DeviceBytes } from './device-bytes.js';
import { type DType, elementByteLength } from './dtype.js';

/** `DLDeviceType`: 1 is kDLCPU. */
export const DL_DEVICE_CPU = 1;

/** A tensor as `DLTensor` has it: where it lies, what its elements are, how far apart. */
export interface DLPackDescriptor {
  /** `[DLDeviceType, device id]`; host memory is `[1, 0]`, GPU memory `[2, index]`. */
  readonly device: readonly [type: number, id: number];
  /** `DLDataType`: code 0 int, 1 uint, 2 float, 4 bfloat, 6 bool. */
  readonly dtype: { readonly code: number; readonly bits: number; readonly lanes: 1 };
  readonly shape: readonly number[];
  readonly stridesElements: readonly number[];
  /** From the start of `data` to the first element. */
  readonly byteOffset: number;
  /** The memory of the frame itself, not a copy: valid until the frame is released. */
  readonly data: Uint8Array | DeviceBytes;
}

const CODES: Readonly<Record<string, number>> = { i: 0, u: 1, f: 2 };

/** `DLDataType` of an element type. */
export function dlpackDType(dtype: DType): DLPackDescriptor['dtype'] {
  const bits = elementByteLength(dtype) * 8;
  if (dtype === 'bf16') return { code: 4, bits, lanes: 1 };
  if (dtype === 'bool') return { code: 6, bits, lanes: 1 };
  return { code: CODES[dtype.charAt(0)]!, bits, lanes: 1 };
}
