/* oxlint-disable no-underscore-dangle -- the names of the emulator's insides */
/** A terminal of another maker that our bytes are fed to: what it shows is what a user would see, and can click. */
import { createRequire } from 'node:module';
import type { IBufferCell, Terminal as HeadlessTerminal } from '@xterm/headless';
import {
  CELL,
  CELL_WORDS,
  type CellGrid,
  STYLE,
  columnsOf,
  glyphOf,
  glyphs,
  links,
  paletteColor,
  rgbColor,
  underlineOf,
} from '../../../src/terminal/cells/index.js';
import { extendedLook } from './emulated-cell.js';

const { Terminal } = createRequire(import.meta.url)('@xterm/headless') as {
  Terminal: typeof HeadlessTerminal;
};

/** What is used of the emulator beside its public interface. */
interface Insides {
  readonly _core: {
    readonly _oscLinkService: { getLinkData(link: number): { readonly uri: string } | undefined };
  };
}

/** What is seen in one cell, as text: equal exactly where a user would see the same. */
export type SeenCell = string;

export class HostTerminal {
  readonly #terminal: HeadlessTerminal;

  /** `onAnswer`: what the terminal answers to queries. */
  constructor(columns: number, rows: number, onAnswer?: (text: string) => void) {
    this.#terminal = new Terminal({
      cols: columns,
      rows,
      allowProposedApi: true,
      // Without any it fails on a line feed after it became smaller.
      scrollback: 100,
    });
    // What a program in raw mode has: LF only moves down.
    this.#terminal.options.convertEol = false;
    if (onAnswer !== undefined) this.#terminal.onData(onAnswer);
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#terminal.write(bytes, resolve));
  }

  resize(columns: number, rows: number): void {
    this.#terminal.resize(columns, rows);
  }

  get cursor(): { readonly column: number; readonly row: number } {
    const { cursorX, cursorY } = this.#terminal.buffer.active;
    return { column: cursorX, row: cursorY };
  }

  /** What of its modes a program may have left behind. */
  modes(): Readonly<Record<string, string | boolean>> {
    const { modes, buffer } = this.#terminal;
    return {
      alternateScreen: buffer.active.type === 'alternate',
      bracketedPaste: modes.bracketedPasteMode,
      focusEvents: modes.sendFocusMode,
      mouse: modes.mouseTrackingMode,
      wraparound: modes.wraparoundMode,
    };
  }

  text(): string[] {
    const { active } = this.#terminal.buffer;
    return Array.from({ length: this.#terminal.rows }, (_row, row) =>
      (active.getLine(active.baseY + row)?.translateToString(true) ?? '').trimEnd(),
    );
  }

  cells(): SeenCell[][] {
    const { active } = this.#terminal.buffer;
    const { _oscLinkService: service } = (this.#terminal as unknown as Insides)._core;
    const linkOf = (link: number): string => service.getLinkData(link)?.uri ?? '';
    return Array.from({ length: this.#terminal.rows }, (_row, row) => {
      const line = active.getLine(active.baseY + row);
      return Array.from({ length: this.#terminal.cols }, (_column, column) => {
        const cell = line?.getCell(column);
        return cell === undefined ? '' : seenByXterm(cell, linkOf);
      });
    });
  }
}

interface Look {
  readonly foreground: number;
  readonly background: number;
  readonly flags: number;
  readonly underline: number;
  readonly underlineColor: number;
  readonly uri: string;
}

function seen(text: string, columns: number, look: Look): SeenCell {
  const { foreground, background, flags, underline, uri } = look;
  if (columns === 0) return 'right half';
  const visible = STYLE.inverse | STYLE.strikethrough | STYLE.overline;
  const blank = text === ' ' && underline === 0 && (flags & visible) === 0;
  // Of a plain space only the background is seen.
  if (blank) return `blank ${background} ${uri}`;
  const line = underline === 0 ? '' : `${underline} ${look.underlineColor}`;
  return `${text} ${columns} ${foreground} ${background} ${flags} ${line} ${uri}`;
}

function seenByXterm(cell: IBufferCell, linkOf: (link: number) => string): SeenCell {
  const color = (isPalette: boolean, isRgb: boolean, value: number): number =>
    isPalette ? paletteColor(value) : isRgb ? rgbColor(value) : 0;
  const flags =
    (cell.isBold() ? STYLE.bold : 0) |
    (cell.isDim() ? STYLE.dim : 0) |
    (cell.isItalic() ? STYLE.italic : 0) |
    (cell.isBlink() ? STYLE.blink : 0) |
    (cell.isInverse() ? STYLE.inverse : 0) |
    (cell.isInvisible() ? STYLE.invisible : 0) |
    (cell.isStrikethrough() ? STYLE.strikethrough : 0) |
    (cell.isOverline() ? STYLE.overline : 0);
  const { underline, underlineColor, link } = extendedLook(cell);
  return seen(cell.getChars() === '' ? ' ' : cell.getChars(), cell.getWidth(), {
    foreground: color(cell.isFgPalette(), cell.isFgRGB(), cell.getFgColor()),
    background: color(cell.isBgPalette(), cell.isBgRGB(), cell.getBgColor()),
    flags,
    underline,
    underlineColor,
    uri: link === 0 ? '' : linkOf(link),
  });
}

/** What a terminal that shows this grid should look like. */
export function seenOfGrid(grid: CellGrid): SeenCell[][] {
  return Array.from({ length: grid.rows }, (_row, row) =>
    Array.from({ length: grid.columns }, (_column, column) => {
      const at = (row * grid.columns + column) * CELL_WORDS;
      const word = (offset: number): number => grid.words[at + offset] ?? 0;
      const columns = columnsOf(word(CELL.glyph));
      return seen(columns === 0 ? '' : glyphs.textOf(glyphOf(word(CELL.glyph))), columns, {
        foreground: word(CELL.foreground),
        background: word(CELL.background),
        flags: word(CELL.style) & 0xff,
        underline: underlineOf(word(CELL.style)),
        underlineColor: word(CELL.underlineColor),
        uri: word(CELL.link) === 0 ? '' : links.linkOf(word(CELL.link)).uri,
      });
    }),
  );
}
