/**
 * The picture of a mosaic in memory of its own. Cells are drawn here when they have changed, and each picture of the
 * output is a copy: the slots of the output hold older pictures, one after the other.
 */
import { frameByteLength, type VideoFormat, videoPlanes } from '../../format/index.js';
import type { ConversionTarget } from '../conversion/frame-converter.js';

export class Canvas {
  /** As those of a slot. */
  readonly planes: readonly ConversionTarget[];
  readonly #bytes: Uint8Array;

  constructor(format: VideoFormat) {
    const bytes = new Uint8Array(frameByteLength(format));
    this.#bytes = bytes;
    this.planes = videoPlanes(format).map(({ byteOffset, byteLength, pitchBytes }) => {
      const plane = bytes.subarray(byteOffset, byteOffset + byteLength);
      return { bytes: plane, pitchBytes, pointer: 0n };
    });
  }

  /** Into a slot of its format. */
  copyTo(slot: Uint8Array): void {
    slot.set(this.#bytes);
  }
}
