/**
 * Rawvideo, as ffmpeg writes and reads it: rows without padding. Slots pad rows to 64 bytes, so pictures of most
 * sizes are as tight as rawvideo, and the others have their rows moved.
 */
import type { ReadonlyBytes } from '../core/index.js';
import type { VideoFormat } from './format-types.js';
import { videoPlanes } from './geometry.js';

/** A run of bytes that lies together in a slot and in rawvideo. */
export interface RowRun {
  readonly slotOffset: number;
  readonly rawOffset: number;
  readonly byteLength: number;
}

/** Bytes of a picture without padding. */
export function rawByteLength(format: VideoFormat): number {
  return videoPlanes(format).reduce((sum, { rowBytes, height }) => sum + rowBytes * height, 0);
}

/** The whole picture, in the order of memory; one run when slot and rawvideo agree. */
export function rowRuns(format: VideoFormat): readonly RowRun[] {
  const runs: RowRun[] = [];
  let rawOffset = 0;
  for (const { byteOffset, rowBytes, pitchBytes, height } of videoPlanes(format)) {
    for (let row = 0; row < height; row++) {
      const slotOffset = byteOffset + row * pitchBytes;
      const last = runs.at(-1);
      if (last !== undefined && last.slotOffset + last.byteLength === slotOffset) {
        runs[runs.length - 1] = { ...last, byteLength: last.byteLength + rowBytes };
      } else {
        runs.push({ slotOffset, rawOffset, byteLength: rowBytes });
      }
      rawOffset += rowBytes;
    }
  }
  return runs;
}

export function copyToSlot(runs: readonly RowRun[], raw: Uint8Array, slot: Uint8Array): void {
  for (const { slotOffset, rawOffset, byteLength } of runs) {
    slot.set(raw.subarray(rawOffset, rawOffset + byteLength), slotOffset);
  }
}

export function copyFromSlot(runs: readonly RowRun[], slot: ReadonlyBytes, raw: Uint8Array): void {
  for (const { slotOffset, rawOffset, byteLength } of runs) {
    raw.set(slot.subarray(slotOffset, slotOffset + byteLength), rawOffset);
  }
}
