/** NV12 pictures as PNG files with boxes drawn in. */
import { writeFileSync } from 'node:fs';
import { PNG } from 'pngjs';
import type { ReadonlyPlane } from '../bus/index.js';
import type { Box } from './motion.js';

/** BT.601 limited range, the guess for pictures below 720 lines. */
function toRgba(y: ReadonlyPlane, uv: ReadonlyPlane): Uint8Array {
  const rgba = new Uint8Array(y.width * y.height * 4);
  for (let row = 0; row < y.height; row++) {
    const luma = row * y.pitchBytes;
    const chroma = (row >> 1) * uv.pitchBytes;
    for (let column = 0; column < y.width; column++) {
      const l = 1.164 * ((y.bytes[luma + column] as number) - 16);
      const u = (uv.bytes[chroma + (column & ~1)] as number) - 128;
      const v = (uv.bytes[chroma + (column | 1)] as number) - 128;
      const at = (row * y.width + column) * 4;
      rgba[at] = clamp(l + 1.596 * v);
      rgba[at + 1] = clamp(l - 0.392 * u - 0.813 * v);
      rgba[at + 2] = clamp(l + 2.017 * u);
      rgba[at + 3] = 255;
    }
  }
  return rgba;
}

function clamp(value: number): number {
  return Math.max(0, Math.min(255, Math.round(value)));
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
  planes: readonly ReadonlyPlane[],
  boxes: readonly Box[],
): void {
  const [y, uv] = planes as [ReadonlyPlane, ReadonlyPlane];
  const rgba = toRgba(y, uv);
  for (const box of boxes) drawBox(rgba, y.width, y.height, box);
  const png = new PNG({ width: y.width, height: y.height });
  png.data = Buffer.from(rgba.buffer);
  writeFileSync(path, PNG.sync.write(png));
}
