/**
 * Writes src/video/overlay/label-font.ts and kernels/letters.h from the font 7x13 of X.Org's font-misc-misc, which is in the public domain:
 * node scripts/write-font.mjs 7x13-ISO8859-1.pcf.gz (in Debian's package xfonts-base).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { root } from './command.mjs';

const [FIRST, LAST] = [0x20, 0x7e];
const [METRICS, BITMAPS, ENCODINGS] = [1 << 2, 1 << 3, 1 << 5];
const BIG_ENDIAN_BYTES = 1 << 2;
const BIG_ENDIAN_BITS = 1 << 3;
const COMPRESSED_METRICS = 0x100;

const data = gunzipSync(readFileSync(process.argv[2]));
const view = new DataView(data.buffer, data.byteOffset, data.byteLength);

/** The table of a type: reads numbers in its own byte order, from its start on. */
function table(type) {
  for (let at = 8; at < 8 + 16 * view.getUint32(4, true); at += 16) {
    if (view.getUint32(at, true) !== type) continue;
    const [format, start] = [view.getUint32(at + 4, true), view.getUint32(at + 12, true)];
    const little = (format & BIG_ENDIAN_BYTES) === 0;
    return {
      format,
      start,
      u16: (offset) => view.getUint16(start + offset, little),
      u32: (offset) => view.getUint32(start + offset, little),
    };
  }
  throw new Error(`the font has no table ${type}`);
}

const [metrics, bitmaps, encodings] = [METRICS, BITMAPS, ENCODINGS].map(table);
if ((metrics.format & COMPRESSED_METRICS) === 0) throw new Error('metrics of another kind');
if ((bitmaps.format & BIG_ENDIAN_BITS) === 0) throw new Error('bits in another order');

/** Of a glyph: bytes, as PCF keeps them less 0x80. */
const metric = (glyph, index) => data[metrics.start + 6 + glyph * 5 + index] - 0x80;
const padding = 1 << (bitmaps.format & 3);
const glyphs = bitmaps.u32(4);
const bitmapStart = bitmaps.start + 8 + glyphs * 4 + 16;

function rowsOf(code) {
  const glyph = encodings.u16(14 + (code - encodings.u16(4)) * 2);
  const width = metric(glyph, 1) - metric(glyph, 0);
  const height = metric(glyph, 3) + metric(glyph, 4);
  const pitch = Math.ceil(Math.ceil(width / 8) / padding) * padding;
  const offset = bitmapStart + bitmaps.u32(8 + glyph * 4);
  return Array.from({ length: height }, (_, row) => data[offset + row * pitch]);
}

const letters = [];
for (let code = FIRST; code <= LAST; code++) letters.push(rowsOf(code));
const digits = (row) => row.toString(16).padStart(2, '0');
const asText = letters.map((rows) => `  '${rows.map(digits).join('')}',`);
const asBytes = letters.map((rows) => `    {${rows.map((row) => `0x${digits(row)}`).join(', ')}},`);
const text = `/**
 * The letters of labels: 7x13 of X.Org's font-misc-misc, in the public domain. Written by scripts/write-font.mjs.
 */

/** In pixels. */
export const LETTER_WIDTH = 7;
export const LETTER_HEIGHT = 13;

/** From the space on: a byte a row in hexadecimal, its highest bit to the left. */
export const LETTERS: readonly string[] = Object.freeze([
${asText.join('\n')}
]);
`;
const header = `/*
 * The letters of labels, from the space on, a byte a row: those of src/video/overlay/label-font.ts, which says where they
 * are from. Written by scripts/write-font.mjs.
 */
OVERLAY_TABLE unsigned char LETTERS[95][13] = {
${asBytes.join('\n')}
};
`;
writeFileSync(join(root, 'src/video/overlay/label-font.ts'), text);
writeFileSync(join(root, 'kernels/letters.h'), header);
