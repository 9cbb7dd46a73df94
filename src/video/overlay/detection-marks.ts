/** What was found in a picture as marks over the place where the picture is shown. */
import type { Region } from '../../pixels/index.js';
import type { Detection } from '../detections/detections.js';
import type { ShownDetections } from './recent-detections.js';
import { type Color, type Label, labelSize, letterScale, lettersOf, type Mark } from './mark.js';

/** Those with the highest scores, of each picture. */
const MOST_MARKS = 64;
const BLACK: Color = [0, 0, 0];
/** Bright, so that black letters can be read on them. */
const PALETTE: readonly Color[] = [
  [255, 190, 40],
  [90, 220, 120],
  [90, 200, 255],
  [255, 130, 110],
  [220, 160, 255],
  [240, 240, 90],
  [120, 240, 230],
  [255, 160, 210],
];

/** `picture`: where the picture is, in pixels of the target. */
export function detectionMarks(shown: readonly ShownDetections[], picture: Region): Mark[] {
  const marks: Mark[] = [];
  for (const { value, opacity } of shown) {
    const { width, height } = value.frame;
    const scale = { x: picture.width / width, y: picture.height / height };
    const best = value.detections.toSorted((a, b) => (b.score ?? 1) - (a.score ?? 1));
    // The highest scores last: they lie over the others.
    for (const found of best.slice(0, MOST_MARKS).toReversed()) {
      const mark = markOf(found, scale, picture, opacity);
      if (mark !== undefined) marks.push(mark);
    }
  }
  return marks;
}

function markOf(
  found: Detection,
  scale: { readonly x: number; readonly y: number },
  picture: Region,
  opacity: number,
): Mark | undefined {
  const { box } = found;
  const right = picture.x + picture.width;
  const bottom = picture.y + picture.height;
  const left = evenWithin(picture.x + box.x * scale.x, picture.x, right);
  const top = evenWithin(picture.y + box.y * scale.y, picture.y, bottom);
  const width = evenWithin(picture.x + (box.x + box.width) * scale.x, left, right) - left;
  const height = evenWithin(picture.y + (box.y + box.height) * scale.y, top, bottom) - top;
  if (width < 2 || height < 2) return undefined;
  const letters = letterScale(picture);
  const outline = { x: left, y: top, width, height, thickness: 2 * letters };
  const label = labelOf(textOf(found), letters, outline, picture);
  return { outline, label, ground: colorOf(found.label), ink: BLACK, opacity };
}

/** The nearest even pixel: where chroma has half the resolution, no line is half a sample wide. */
function evenWithin(at: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, Math.round(at / 2) * 2));
}

function textOf({ label, score, trackId }: Detection): string {
  const parts = [label];
  if (score !== undefined) parts.push(score.toFixed(2));
  if (trackId !== undefined) parts.push(`#${trackId}`);
  return parts.join(' ');
}

/** Above the box, or in it where there is no room. */
function labelOf(text: string, scale: number, outline: Region, picture: Region): Label | undefined {
  const letters = lettersOf(text, scale, picture);
  if (letters === undefined) return undefined;
  const { width, height } = labelSize({ letters, scale });
  const above = outline.y - height;
  const y = above >= picture.y ? above : Math.min(outline.y, picture.y + picture.height - height);
  const x = Math.max(picture.x, Math.min(outline.x, picture.x + picture.width - width));
  return { x: x & ~1, y, scale, letters };
}

/** The same label has the same colour everywhere. */
function colorOf(label: string): Color {
  let hash = 0;
  for (let i = 0; i < label.length; i++) hash = (Math.imul(hash, 31) + label.charCodeAt(i)) | 0;
  return PALETTE[(hash >>> 0) % PALETTE.length]!;
}
