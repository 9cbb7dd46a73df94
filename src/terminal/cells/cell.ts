/**
 * One cell of a terminal as six 32-bit words, so that two cells are equal exactly when their words are, and a row is
 * compared and copied as a typed array.
 *
 * ```
 * word 0  glyph       bits 0-23 glyph id, bits 24-25 columns it takes: 0 (right half of a wide glyph), 1 or 2
 * word 1  foreground  bits 24-25 how it is meant: 0 the terminal's own, 1 palette index (bits 0-7), 2 RGB (bits 0-23)
 * word 2  background  the same
 * word 3  style       bits 0-7 the flags of STYLE, bits 8-10 the underline of UNDERLINE
 * word 4  underline   its colour, as word 1; 0: as the foreground
 * word 5  link        id in a LinkTable, 0: none
 * ```
 */
export const CELL_WORDS = 6;

export const CELL = {
  glyph: 0,
  foreground: 1,
  background: 2,
  style: 3,
  underlineColor: 4,
  link: 5,
} as const;

/** SGR attributes that a cell may carry. */
export const STYLE = {
  bold: 1,
  dim: 2,
  italic: 4,
  blink: 8,
  inverse: 16,
  invisible: 32,
  strikethrough: 64,
  overline: 128,
} as const;

/** SGR 4:n. */
export const UNDERLINE = {
  none: 0,
  single: 1,
  double: 2,
  curly: 3,
  dotted: 4,
  dashed: 5,
} as const;

const UNDERLINE_SHIFT = 8;
const UNDERLINE_MASK = 7;
const WIDTH_SHIFT = 24;
const GLYPH_MASK = 0xff_ffff;
const COLOR_KIND_SHIFT = 24;

/** How a colour word is meant. */
export const COLOR_KIND = { default: 0, palette: 1, rgb: 2 } as const;

export const DEFAULT_COLOR = 0;

/** Colour `index` (0-255) of the terminal's palette. */
export function paletteColor(index: number): number {
  return (COLOR_KIND.palette << COLOR_KIND_SHIFT) | (index & 0xff);
}

/** A colour by its 8-bit components, as 0xRRGGBB. */
export function rgbColor(rgb: number): number {
  return (COLOR_KIND.rgb << COLOR_KIND_SHIFT) | (rgb & 0xff_ffff);
}

export function colorKind(color: number): number {
  return color >>> COLOR_KIND_SHIFT;
}

/** Palette index or 0xRRGGBB. */
export function colorValue(color: number): number {
  return color & 0xff_ffff;
}

/** `columns` is 0 for the right half of a wide glyph (whose id is 0 then), 1 or 2. */
export function glyphWord(glyph: number, columns: number): number {
  return (columns << WIDTH_SHIFT) | glyph;
}

export function glyphOf(word: number): number {
  return word & GLYPH_MASK;
}

export function columnsOf(word: number): number {
  return word >>> WIDTH_SHIFT;
}

export function styleWord(flags: number, underline: number): number {
  return flags | (underline << UNDERLINE_SHIFT);
}

export function underlineOf(style: number): number {
  return (style >>> UNDERLINE_SHIFT) & UNDERLINE_MASK;
}

/** A blank: one space in the terminal's own colours. */
export const BLANK_GLYPH_WORD = glyphWord(0x20, 1);
