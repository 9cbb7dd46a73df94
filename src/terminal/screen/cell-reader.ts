import {
  BLANK_GLYPH_WORD,
  CELL,
  CELL_WORDS,
  type CellGrid,
  DEFAULT_COLOR,
  glyphs,
  glyphWord,
  type Link,
  links,
  mayStandAlone,
  paletteColor,
  printableCluster,
  rgbColor,
  STYLE,
  styleWord,
  UNDERLINE,
} from '../cells/index.js';
import { NumberShare } from './number-share.js';
import {
  clusterAt,
  extendedAt,
  linkNumber,
  underlineWord,
  wordsOfLine,
  type XtermExtended,
  type XtermLine,
} from './xterm-core.js';

/** Words of xterm's cells. */
const SOURCE_WORDS = 3;
const CODE_POINT = 0x1f_ffff;
const COMBINED = 0x20_0000;
const WIDTH_SHIFT = 22;
const COLOR_BITS = 0x3ff_ffff;
const COLOR_KIND_SHIFT = 24;
const FLAGS_SHIFT = 26;
const UNDERLINED = 4;
const EXTENDED = 4;
const UNDERLINE_STYLE_SHIFT = 26;
/** SGR 59 leaves this: the colour of no colour. */
const NO_UNDERLINE_COLOR = 0x3ff_ffff;

const REPLACEMENT = 0xfffd;

/** Style flags by the upper six bits of xterm's foreground word: inverse, bold, underline, blink, invisible, struck. */
const foregroundStyles = Uint8Array.from({ length: 64 }, (_, bits) => {
  const inverse = (bits & 1) !== 0 ? STYLE.inverse : 0;
  const bold = (bits & 2) !== 0 ? STYLE.bold : 0;
  const blink = (bits & 8) !== 0 ? STYLE.blink : 0;
  const invisible = (bits & 16) !== 0 ? STYLE.invisible : 0;
  return inverse | bold | blink | invisible | ((bits & 32) !== 0 ? STYLE.strikethrough : 0);
});

/** The same for its background word: italic, dim, extended, protected, overline. */
const backgroundStyles = Uint8Array.from({ length: 64 }, (_, bits) => {
  const italic = (bits & 1) !== 0 ? STYLE.italic : 0;
  const dim = (bits & 2) !== 0 ? STYLE.dim : 0;
  return italic | dim | ((bits & 16) !== 0 ? STYLE.overline : 0);
});

function colorOf(word: number): number {
  const bits = word & COLOR_BITS;
  switch (bits >>> COLOR_KIND_SHIFT) {
    case 0:
      return DEFAULT_COLOR;
    case 3:
      return rgbColor(bits);
    default:
      return paletteColor(bits);
  }
}

/** Different clusters and links that a picture may have of the tables of the process. */
const MAX_PICTURE_CLUSTERS = 2048;
const MAX_PICTURE_LINKS = 512;

/** Makes cells of xterm's lines. */
export class CellReader {
  readonly #clusters = new NumberShare<string>(glyphs, MAX_PICTURE_CLUSTERS);
  readonly #links = new NumberShare<Link>(links, MAX_PICTURE_LINKS);
  readonly #linkOf: (number: number) => Link | undefined;

  /** `linkOf`: the link that was set as `number`, if it is still known. */
  constructor(linkOf: (number: number) => Link | undefined) {
    this.#linkOf = linkOf;
  }

  /** Whether something was left out because the picture had too much of it. */
  get exceeded(): boolean {
    return this.#clusters.exceeded || this.#links.exceeded;
  }

  renew(): void {
    this.#clusters.renew();
    this.#links.renew();
  }

  /** Writes `columns` cells of `line` to `grid`, the first at `column`; blank ones where the line is shorter. */
  read(line: XtermLine, grid: CellGrid, row: number, column: number, columns: number): void {
    const { words } = grid;
    const source = wordsOfLine(line);
    const count = Math.min(columns, line.length);
    let target = grid.at(column, row);
    let wide = false;
    for (let x = 0; x < count; x += 1) {
      const content = source[x * SOURCE_WORDS] as number;
      const width = (content >>> WIDTH_SHIFT) & 3;
      // A half without the other is blank, whatever left it behind.
      if (wide && width !== 0) words[target - CELL_WORDS] = BLANK_GLYPH_WORD;
      const cut = width === 2 && x + 1 >= count;
      const lone = width === 0 && !wide;
      wide = width === 2;
      const foreground = source[x * SOURCE_WORDS + 1] as number;
      const background = source[x * SOURCE_WORDS + 2] as number;
      words[target] = cut || lone ? BLANK_GLYPH_WORD : this.#glyph(line, x, content, width);
      words[target + CELL.foreground] = foreground === 0 ? 0 : colorOf(foreground);
      words[target + CELL.background] = background === 0 ? 0 : colorOf(background);
      const flags = foreground >>> FLAGS_SHIFT;
      const style =
        (foregroundStyles[flags] as number) |
        (backgroundStyles[background >>> FLAGS_SHIFT] as number);
      const extended =
        ((background >>> FLAGS_SHIFT) & EXTENDED) === 0 ? undefined : extendedAt(line, x);
      if ((flags & UNDERLINED) === 0 && extended === undefined) {
        words[target + CELL.style] = style;
        words[target + CELL.underlineColor] = 0;
        words[target + CELL.link] = 0;
      } else {
        this.#readExtended(words, target, style, (flags & UNDERLINED) !== 0, extended);
      }
      target += CELL_WORDS;
    }
    if (count < columns) grid.clear(column + count, row, columns - count, 1);
  }

  #glyph(line: XtermLine, x: number, content: number, width: number): number {
    if (width === 0) return 0;
    if ((content & COMBINED) !== 0) return this.#cluster(clusterAt(line, x), width);
    const codePoint = content & CODE_POINT;
    if (codePoint >= 0x20 && codePoint < 0x7f) return glyphWord(codePoint, width);
    if (codePoint === 0) return BLANK_GLYPH_WORD;
    return glyphWord(mayStandAlone(codePoint) ? codePoint : REPLACEMENT, width);
  }

  #cluster(text: string, width: number): number {
    const shown = printableCluster(text);
    const first = shown.codePointAt(0) ?? REPLACEMENT;
    const isSingle = shown.length === (first > 0xffff ? 2 : 1);
    const id = isSingle ? first : (this.#clusters.idOf(shown, shown) ?? first);
    return glyphWord(id, width);
  }

  #readExtended(
    words: Uint32Array,
    target: number,
    flags: number,
    underlined: boolean,
    extended: XtermExtended | undefined,
  ): void {
    const packed = extended === undefined ? 0 : underlineWord(extended);
    const style = (packed >>> UNDERLINE_STYLE_SHIFT) & 7;
    const underline = underlined ? style || UNDERLINE.single : UNDERLINE.none;
    words[target + CELL.style] = styleWord(flags, underline);
    const color = packed & COLOR_BITS;
    words[target + CELL.underlineColor] =
      underlined && color !== NO_UNDERLINE_COLOR ? colorOf(color) : 0;
    words[target + CELL.link] = this.#link(extended === undefined ? 0 : linkNumber(extended));
  }

  #link(number: number): number {
    if (number === 0) return 0;
    const link = this.#linkOf(number);
    if (link === undefined) return 0;
    return this.#links.idOf(`${link.group} ${link.uri}`, link) ?? 0;
  }
}
