/** nv12 to i420 of the same size and colour: only the place of the chroma samples differs. What most y4m taps do. */
import type { ReadonlyBytes } from '../../core/index.js';
import { type VideoFormat, type VideoPlane, videoPlanes } from '../../format/index.js';

/** Whether pictures of the one are those of the other but for that. */
export function differsInChromaPlanes(source: VideoFormat, target: VideoFormat): boolean {
  const isSame = source.width === target.width && source.height === target.height;
  return isSame && source.pixelFormat === 'nv12' && target.pixelFormat === 'i420';
}

/** From a slot of nv12 to planes of i420 without padding. */
export function splitChroma(source: VideoFormat, slot: ReadonlyBytes, into: Uint8Array): void {
  const [luma, chroma] = videoPlanes(source) as [VideoPlane, VideoPlane];
  for (let row = 0; row < luma.height; row++) {
    const start = row * luma.pitchBytes;
    into.set(slot.subarray(start, start + luma.rowBytes), row * luma.rowBytes);
  }
  const { width, height, pitchBytes, byteOffset } = chroma;
  let u = luma.rowBytes * luma.height;
  let v = u + width * height;
  for (let row = 0; row < height; row++) {
    const start = byteOffset + row * pitchBytes;
    const pairs = slot.subarray(start, start + 2 * width);
    for (let at = 0; at < pairs.length; at += 2) {
      into[u++] = pairs[at] as number;
      into[v++] = pairs[at + 1] as number;
    }
  }
}
