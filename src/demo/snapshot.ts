/** Pictures as PNG files with boxes drawn in. */
import { writeFileSync } from 'node:fs';
import { PNG } from 'pngjs';
import type { ReadonlyPlane } from '../bus/index.js';
import { video, type VideoFormat } from '../format/index.js';
import { PictureConverter, planPicture } from '../pixels/index.js';
import type { Box } from './motion.js';

function toRgba(planes: readonly ReadonlyPlane[], format: VideoFormat): Uint8Array {
  const target = video({ width: format.width, height: format.height, pixelFormat: 'rgba' });
  const pitchBytes = format.width * 4;
  const rgba = new Uint8Array(pitchBytes * format.height);
  new PictureConverter(planPicture(format, target)).run(planes, [{ bytes: rgba, pitchBytes }]);
  return rgba;
}

function drawBox(rgba: Uint8Array, pictureWidth: number, pictureHeight: number, box: Box): void {
  const right = Math.min(pictureWidth, box.x + box.width) - 1;
  const bottom = Math.min(pictureHeight, box.y + box.height) - 1;
  const paint = (x: number, y: number): void =>
    rgba.set([255, 64, 64, 255], (y * pictureWidth + x) * 4);
  for (let x = box.x; x <= right; x++)
    for (const y of [box.y, box.y + 1, bottom - 1, bottom]) paint(x, y);
  for (let y = box.y; y <= bottom; y++)
    for (const x of [box.x, box.x + 1, right - 1, right]) paint(x, y);
}

/** Writes the picture with its boxes. The conversion copies; the frame is read in place. */
export function writeSnapshot(
  path: string,
  format: VideoFormat,
  planes: readonly ReadonlyPlane[],
  boxes: readonly Box[],
): void {
  const { width, height } = format;
  const rgba = toRgba(planes, format);
  for (const box of boxes) drawBox(rgba, width, height, box);
  const png = new PNG({ width, height });
  png.data = Buffer.from(rgba.buffer);
  writeFileSync(path, PNG.sync.write(png));
}
