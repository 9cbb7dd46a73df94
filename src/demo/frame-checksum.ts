/** A checksum over a whole picture: the demo's proof that no reader ever saw half of one frame and half of another. */
import type { ReadonlyBytes } from '../core/index.js';

/** 32 bits over `bytes`, whose length and offset are multiples of 4. */
export function frameChecksum(bytes: ReadonlyBytes): number {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
  let sum = 1;
  for (let i = 0; i < words.length; i++) sum = (Math.imul(sum, 31) + (words[i] as number)) | 0;
  return sum;
}

/** The checksum as the user data of a frame. */
export function checksumBytes(bytes: ReadonlyBytes): Uint8Array {
  const data = new Uint8Array(4);
  new DataView(data.buffer).setInt32(0, frameChecksum(bytes), true);
  return data;
}

/** Whether a received picture is the one that was published. */
export function isWhole(bytes: ReadonlyBytes, userData: Uint8Array): boolean {
  if (userData.byteLength !== 4) return false;
  const expected = new DataView(userData.buffer, userData.byteOffset).getInt32(0, true);
  return frameChecksum(bytes) === expected;
}
