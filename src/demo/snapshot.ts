/** Pictures as PNG files with what was found in them. */
import { writeFileSync } from 'node:fs';
import { PNG } from 'pngjs';
import type { ReadonlyPlane } from '../bus/index.js';
import { video, type VideoFormat } from '../format/index.js';
import { PictureConverter, planPicture } from '../pixels/index.js';
import { type Detections, drawDetections } from '../video/index.js';

function toRgba(
  planes: readonly ReadonlyPlane[],
  format: VideoFormat,
  found: Detections,
): Uint8Array {
  const target = video({ width: format.width, height: format.height, pixelFormat: 'rgba' });
  const pitchBytes = format.width * 4;
  const rgba = new Uint8Array(pitchBytes * format.height);
  const made = [{ bytes: rgba, pitchBytes }];
  new PictureConverter(planPicture(format, target)).run(planes, made);
  drawDetections(found, target, made);
  return rgba;
}

/** Writes the picture with what was found in it. The conversion copies; the frame is read in place. */
export function writeSnapshot(
  path: string,
  format: VideoFormat,
  planes: readonly ReadonlyPlane[],
  found: Detections,
): void {
  const { width, height } = format;
  const rgba = toRgba(planes, format, found);
  const png = new PNG({ width, height });
  png.data = Buffer.from(rgba.buffer);
  writeFileSync(path, PNG.sync.write(png));
}
