/** Words as a small picture: white letters on black. */
import { printable } from '../../core/index.js';
import { video, videoPlanes, type VideoFormat } from '../../format/index.js';
import { LETTER_HEIGHT, LETTER_WIDTH, LETTERS } from './label-font.js';

const FIRST_CODE = 0x20;
const UNKNOWN = '?'.charCodeAt(0) - FIRST_CODE;
const MARGIN = 2;
const WHITE = 255;

/** A picture of gray8, as its format has it. */
export interface LabelPicture {
  readonly format: VideoFormat;
  readonly bytes: Uint8Array;
}

/** `scale` times as large as the font; what is wider than `mostWidth` pixels is cut. Undefined when no letter fits. */
export function labelPicture(
  text: string,
  scale: number,
  mostWidth: number,
): LabelPicture | undefined {
  const shown = printable(text, 128);
  const letters = Math.min(
    shown.length,
    Math.floor((mostWidth / scale - 2 * MARGIN) / LETTER_WIDTH),
  );
  if (letters < 1) return undefined;
  const width = (letters * LETTER_WIDTH + 2 * MARGIN) * scale;
  const height = (LETTER_HEIGHT + MARGIN) * scale;
  // Full range: black and white of any target.
  const color = { matrix: 'bt709', primaries: 'bt709', transfer: 'bt709', guessed: false } as const;
  const format = video({ width, height, pixelFormat: 'gray8', color: { ...color, range: 'full' } });
  const { pitchBytes, byteLength } = videoPlanes(format)[0]!;
  const bytes = new Uint8Array(byteLength);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const column = Math.floor(x / scale) - MARGIN;
      const row = Math.floor(y / scale) - MARGIN / 2;
      if (isInk(shown, letters, column, row)) bytes[y * pitchBytes + x] = WHITE;
    }
  }
  return { format, bytes };
}

function isInk(text: string, letters: number, column: number, row: number): boolean {
  const index = Math.floor(column / LETTER_WIDTH);
  if (index < 0 || index >= letters || row < 0 || row >= LETTER_HEIGHT) return false;
  const code = text.charCodeAt(index) - FIRST_CODE;
  const letter = LETTERS[code] ?? LETTERS[UNKNOWN]!;
  const bits = Number.parseInt(letter.slice(row * 2, row * 2 + 2), 16);
  return (bits & (0x80 >> (column - index * LETTER_WIDTH))) !== 0;
}
