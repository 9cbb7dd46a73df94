import {
  CELL,
  CELL_WORDS,
  COLOR_KIND,
  STYLE,
  UNDERLINE,
  colorKind,
  colorValue,
  links,
  underlineOf,
} from '../cells/index.js';
import { type ColorDepth, colorAtDepth } from './color-depth.js';
import type { OutputBytes } from './output-bytes.js';

/** What a pen can show on the terminal in question. */
export interface PenOptions {
  readonly colors: ColorDepth;
  /** SGR 4:3 and 58: else every underline is a plain one. */
  readonly underlineStyles: boolean;
  /** OSC 8. */
  readonly hyperlinks: boolean;
}

/** Flags of a style that make a space visible. */
const SEEN_ON_BLANK = STYLE.inverse | STYLE.strikethrough | STYLE.overline;

/** SGR code that switches a flag on, and the one that switches it off. Bold and dim share theirs. */
const FLAG_CODES = [
  [STYLE.bold, 1, 22],
  [STYLE.dim, 2, 22],
  [STYLE.italic, 3, 23],
  [STYLE.blink, 5, 25],
  [STYLE.inverse, 7, 27],
  [STYLE.invisible, 8, 28],
  [STYLE.strikethrough, 9, 29],
  [STYLE.overline, 53, 55],
] as const;

const MAX_REMEMBERED_COLORS = 4096;

/** Of addresses in one frame: with another long one in each cell a frame would have megabytes. Then text is no link. */
const MAX_LINK_LENGTH = 1 << 18;

/**
 * The attributes with which a terminal writes its next glyph, and the shortest bytes that change them: what differs, or
 * a reset and what is wanted after it. Colours are compared as the terminal shows them, so that two colours that look
 * the same there cost nothing.
 */
export class Pen {
  readonly #options: PenOptions;
  readonly #shownColors = new Map<number, number>();
  #foreground = 0;
  #background = 0;
  #style = 0;
  #underlineColor = 0;
  #link = 0;
  #linkLength = 0;
  /** The words of the cell that the pen was last changed for, which most cells share with the one before. */
  readonly #last = new Uint32Array(CELL_WORDS);
  /** That cell was a space, for which only its background counts; nothing is known where it is undefined. */
  #lastBlank: boolean | undefined;
  /** Parameters of the SGR sequence that is being written. */
  #parameters = 0;

  constructor(options: PenOptions) {
    this.#options = options;
  }

  /** States that the terminal was reset (SGR 0, no link). */
  wasReset(): void {
    this.#foreground = 0;
    this.#background = 0;
    this.#style = 0;
    this.#underlineColor = 0;
    this.#link = 0;
    this.#lastBlank = undefined;
  }

  /** A space shows nothing but its background: the rest of the pen may stay as it is. */
  blankSuits(words: Uint32Array, at: number): boolean {
    const style = words[at + CELL.style] as number;
    const plain = underlineOf(style) === 0 && (style & SEEN_ON_BLANK) === 0;
    if (!plain || underlineOf(this.#style) !== 0 || (this.#style & SEEN_ON_BLANK) !== 0) {
      return this.suits(words, at);
    }
    return (
      this.#shown(words[at + CELL.background] as number) === this.#background &&
      (this.#options.hyperlinks ? (words[at + CELL.link] as number) : 0) === this.#link
    );
  }

  /** Whether a cell can be written without changing anything. */
  suits(words: Uint32Array, at: number): boolean {
    return (
      this.#styleFor(words[at + CELL.style] as number) === this.#style &&
      this.#shown(words[at + CELL.foreground] as number) === this.#foreground &&
      this.#shown(words[at + CELL.background] as number) === this.#background &&
      this.#underlineFor(words[at + CELL.underlineColor] as number) === this.#underlineColor &&
      (this.#options.hyperlinks ? (words[at + CELL.link] as number) : 0) === this.#link
    );
  }

  /** Takes on the attributes of the cell at word `at`. A space keeps what nobody would see. */
  changeTo(words: Uint32Array, at: number, blank: boolean, out: OutputBytes): void {
    if (this.#isLast(words, at, blank)) return;
    const style = this.#styleFor(words[at + CELL.style] as number);
    const background = this.#shown(words[at + CELL.background] as number);
    const hidden = blank && underlineOf(style) === 0 && (style & SEEN_ON_BLANK) === 0;
    if (hidden && underlineOf(this.#style) === 0 && (this.#style & SEEN_ON_BLANK) === 0) {
      this.#change(this.#foreground, background, this.#style, this.#underlineColor, out);
    } else {
      const foreground = this.#shown(words[at + CELL.foreground] as number);
      const color = this.#underlineFor(words[at + CELL.underlineColor] as number);
      this.#change(foreground, background, style, color, out);
    }
    if (this.#options.hyperlinks) this.#changeLink(words[at + CELL.link] as number, out);
  }

  /** Whether the cell has the attributes of the last one; notes them where it does not. */
  #isLast(words: Uint32Array, at: number, blank: boolean): boolean {
    const last = this.#last;
    const known =
      (this.#lastBlank === false || this.#lastBlank === blank) &&
      last[CELL.foreground] === words[at + CELL.foreground] &&
      last[CELL.background] === words[at + CELL.background] &&
      last[CELL.style] === words[at + CELL.style] &&
      last[CELL.underlineColor] === words[at + CELL.underlineColor] &&
      last[CELL.link] === words[at + CELL.link];
    if (known) return true;
    for (let word = 1; word < CELL_WORDS; word += 1) last[word] = words[at + word] as number;
    this.#lastBlank = blank;
    return false;
  }

  /** Everything plain. */
  reset(out: OutputBytes): void {
    this.#lastBlank = undefined;
    this.#change(0, 0, 0, 0, out);
    this.endLink(out);
  }

  endLink(out: OutputBytes): void {
    this.#lastBlank = undefined;
    this.#changeLink(0, out);
    this.#linkLength = 0;
  }

  #shown(color: number): number {
    if (color === 0 || this.#options.colors === 'truecolor') return color;
    const known = this.#shownColors.get(color);
    if (known !== undefined) return known;
    if (this.#shownColors.size === MAX_REMEMBERED_COLORS) this.#shownColors.clear();
    const shown = colorAtDepth(color, this.#options.colors);
    this.#shownColors.set(color, shown);
    return shown;
  }

  #styleFor(style: number): number {
    const underline = underlineOf(style);
    if (underline <= UNDERLINE.single || this.#options.underlineStyles) return style & 0x7ff;
    return (style & 0xff) | (UNDERLINE.single << 8);
  }

  #underlineFor(color: number): number {
    return this.#options.underlineStyles ? this.#shown(color) : 0;
  }

  #change(
    foreground: number,
    background: number,
    style: number,
    underlineColor: number,
    out: OutputBytes,
  ): void {
    const start = out.length;
    const removes = this.#writeDelta(foreground, background, style, underlineColor, out);
    if (removes) {
      const middle = out.length;
      this.#writeFresh(foreground, background, style, underlineColor, out);
      if (out.length - middle < middle - start) out.moveBack(middle, start);
      else out.truncate(middle);
    }
    this.#foreground = foreground;
    this.#background = background;
    this.#style = style;
    this.#underlineColor = underlineColor;
  }

  /** Writes what differs. Whether anything is taken away, so that a reset may be shorter. */
  #writeDelta(
    foreground: number,
    background: number,
    style: number,
    underlineColor: number,
    out: OutputBytes,
  ): boolean {
    this.#parameters = 0;
    const gone = this.#style & ~style & 0xff;
    let added = style & ~this.#style & 0xff;
    let lastOff = 0;
    for (const [flag, , off] of FLAG_CODES) {
      if ((gone & flag) === 0 || off === lastOff) continue;
      this.#parameter(off, out);
      lastOff = off;
    }
    // SGR 22 takes bold and dim: the one that stays is given again.
    if ((gone & (STYLE.bold | STYLE.dim)) !== 0) added |= style & (STYLE.bold | STYLE.dim);
    this.#flags(added, out);
    const underline = underlineOf(style);
    if (underline !== underlineOf(this.#style)) this.#underline(underline, out);
    if (foreground !== this.#foreground) this.#color(foreground, 30, out);
    if (background !== this.#background) this.#color(background, 40, out);
    if (underlineColor !== this.#underlineColor) this.#underlineColorCode(underlineColor, out);
    if (this.#parameters > 0) out.byte(0x6d);
    return (
      gone !== 0 ||
      (underline === 0 && underlineOf(this.#style) !== 0) ||
      (foreground === 0 && this.#foreground !== 0) ||
      (background === 0 && this.#background !== 0) ||
      (underlineColor === 0 && this.#underlineColor !== 0)
    );
  }

  /** Writes a reset and what is wanted after it: `ESC [ m`, or `ESC [ ; 1 ; ... m`. */
  #writeFresh(
    foreground: number,
    background: number,
    style: number,
    underlineColor: number,
    out: OutputBytes,
  ): void {
    this.#parameters = 0;
    out.ascii('\u001b[');
    this.#parameters = 1;
    this.#flags(style & 0xff, out);
    if (underlineOf(style) !== 0) this.#underline(underlineOf(style), out);
    if (foreground !== 0) this.#color(foreground, 30, out);
    if (background !== 0) this.#color(background, 40, out);
    if (underlineColor !== 0) this.#underlineColorCode(underlineColor, out);
    out.byte(0x6d);
  }

  #flags(flags: number, out: OutputBytes): void {
    if (flags === 0) return;
    for (const [flag, on] of FLAG_CODES) if ((flags & flag) !== 0) this.#parameter(on, out);
  }

  /** Opens the sequence before the first parameter, separates the others. */
  #parameter(code: number, out: OutputBytes): void {
    if (this.#parameters === 0) out.ascii('\u001b[');
    else out.byte(0x3b);
    this.#parameters += 1;
    out.decimal(code);
  }

  #underline(underline: number, out: OutputBytes): void {
    if (underline === UNDERLINE.none) return this.#parameter(24, out);
    this.#parameter(4, out);
    if (underline === UNDERLINE.single) return;
    out.byte(0x3a);
    out.decimal(underline);
  }

  /** `base`: 30 for the foreground, 40 for the background. */
  #color(color: number, base: number, out: OutputBytes): void {
    const value = colorValue(color);
    if (colorKind(color) === COLOR_KIND.default) return this.#parameter(base + 9, out);
    if (colorKind(color) === COLOR_KIND.palette) {
      if (value < 8) return this.#parameter(base + value, out);
      if (value < 16) return this.#parameter(base + 60 + value - 8, out);
      this.#parameter(base + 8, out);
      out.ascii(';5;');
      return out.decimal(value & 0xff);
    }
    this.#parameter(base + 8, out);
    out.ascii(';2;');
    rgbParts(value, ';', out);
  }

  /** With colons, so that a terminal that does not know code 58 leaves all of it out. */
  #underlineColorCode(color: number, out: OutputBytes): void {
    if (colorKind(color) === COLOR_KIND.default) return this.#parameter(59, out);
    this.#parameter(58, out);
    if (colorKind(color) === COLOR_KIND.palette) {
      out.ascii(':5:');
      return out.decimal(colorValue(color) & 0xff);
    }
    out.ascii(':2::');
    rgbParts(colorValue(color), ':', out);
  }

  #changeLink(link: number, out: OutputBytes): void {
    if (link === this.#link) return;
    const uri = link === 0 ? '' : this.#address(link);
    if (uri === '' && this.#link === 0) return;
    this.#link = uri === '' ? 0 : link;
    // The id keeps a link together over line breaks: the table's number, which no agent chose.
    out.ascii(uri === '' ? '\u001b]8;;' : `\u001b]8;id=${link};`);
    out.ascii(uri);
    out.ascii('\u001b\\');
  }

  /** Empty for what is not written. */
  #address(link: number): string {
    const { uri } = links.linkOf(link);
    this.#linkLength += uri.length;
    // Made of what the linker of cells allowed; looked at once more, as this is where it reaches the terminal.
    const isSafe = /^https?:\/\/[\u0021-\u007e]+$/.test(uri);
    return isSafe && this.#linkLength <= MAX_LINK_LENGTH ? uri : '';
  }
}

function rgbParts(value: number, separator: string, out: OutputBytes): void {
  out.decimal(value >>> 16);
  out.ascii(separator);
  out.decimal((value >>> 8) & 0xff);
  out.ascii(separator);
  out.decimal(value & 0xff);
}
