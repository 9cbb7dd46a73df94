/* oxlint-disable no-underscore-dangle -- the names of the emulator's insides */
import xterm from '@xterm/headless';
import { NO_CLUSTER, nextCluster } from '../../../src/terminal/cells/cluster.js';
import {
  CELL,
  CellGrid,
  columnsOf,
  glyphOf,
  glyphs,
  links,
  STYLE,
  underlineOf,
} from '../../../src/terminal/cells/index.js';
import { allowedTarget, MAX_LENGTHS } from '../../../src/terminal/policy/index.js';
import type { AgentScreen } from '../../../src/terminal/screen/index.js';
import { extendedLook } from '../../unit/terminal-output/emulated-cell.js';

/** A size, from the byte of the stream on that it was set at. */
export interface Resize {
  readonly at: number;
  readonly columns: number;
  readonly rows: number;
}

export const HISTORY_LINES = 40;

/** Writes character by character: the one way to cut a stream that does not depend on anything. */
function writeAll(terminal: xterm.Terminal, text: string): Promise<void> {
  for (const character of text) terminal.write(character);
  return new Promise((resolve) => {
    terminal.write('', resolve);
  });
}

interface Extended {
  clone(): Extended;
}

/** What is used of the emulator beside its public interface, which tells neither links nor how lines under text look. */
interface Insides {
  readonly _core: {
    readonly buffers: Readonly<Record<'active' | 'normal', BufferInsides>>;
    readonly _inputHandler: {
      readonly _curAttrData: { extended: Extended };
      _finishHyperlink(): void;
    };
    readonly _oscLinkService: {
      registerLink(link: { readonly id?: string; readonly uri: string }): number;
      addLineToLink(): void;
    };
  };
}

interface BufferInsides {
  readonly y: number;
  readonly ybase: number;
  savedY: number;
}

/** Links by number, from 1 on, as `id` and address. Of all emulators: each link has a number of its own. */
const linksAlone = [''];

/** Links as the emulator keeps them, with the rules of a screen: no target that is not allowed, none brought back. */
function followLinks(terminal: xterm.Terminal): void {
  const { _inputHandler: handler, _oscLinkService: service } = (terminal as unknown as Insides)
    ._core;
  const endLink = (): boolean => {
    handler._finishHyperlink();
    return false;
  };
  service.registerLink = ({ id = '', uri }) =>
    linksAlone.push(`${id.slice(0, MAX_LENGTHS.linkId)} ${uri}`) - 1;
  service.addLineToLink = () => undefined;
  terminal.parser.registerOscHandler(8, (data) => {
    const target = /^[^;]*;(.*)$/s.exec(data)?.[1] ?? '';
    const isShort = data.length <= MAX_LENGTHS.uri + MAX_LENGTHS.linkId;
    return isShort && allowedTarget(target) !== undefined ? false : !endLink();
  });
  terminal.parser.registerEscHandler({ final: '8' }, endLink);
  terminal.parser.registerCsiHandler({ final: 'u' }, endLink);
  terminal.parser.registerCsiHandler({ prefix: '?', final: 'l' }, (modes) =>
    modes.includes(1048) || modes.includes(1049) ? endLink() : false,
  );
}

interface SavedAlone {
  readonly row: number;
  readonly underline: Extended;
}

/** Cursors that were saved: rows of the screen, where the emulator keeps lines, and underlines, which it does not keep. */
function followSavedCursors(terminal: xterm.Terminal): Map<BufferInsides, SavedAlone> {
  const { buffers, _inputHandler: handler } = (terminal as unknown as Insides)._core;
  const all = new Map<BufferInsides, SavedAlone>();
  const save = (): boolean => {
    const underline = handler._curAttrData.extended.clone();
    all.set(buffers.active, { row: buffers.active.y, underline });
    return false;
  };
  const restore = (which: 'active' | 'normal'): boolean => {
    const buffer = buffers[which];
    const saved = all.get(buffer);
    if (saved === undefined) return false;
    buffer.savedY = buffer.ybase + saved.row;
    handler._curAttrData.extended = saved.underline.clone();
    handler._finishHyperlink();
    return false;
  };
  const { parser } = terminal;
  const isSaved = (modes: readonly (number | number[])[]): boolean =>
    modes.includes(1048) || modes.includes(1049);
  parser.registerEscHandler({ final: '7' }, save);
  parser.registerEscHandler({ final: '8' }, () => restore('active'));
  parser.registerCsiHandler({ final: 's' }, save);
  parser.registerCsiHandler({ final: 'u' }, () => restore('active'));
  parser.registerCsiHandler({ prefix: '?', final: 'h' }, (modes) => isSaved(modes) && save());
  parser.registerCsiHandler(
    { prefix: '?', final: 'l' },
    (modes) => isSaved(modes) && restore(modes.includes(1049) ? 'normal' : 'active'),
  );
  parser.registerCsiHandler({ intermediates: '!', final: 'p' }, () => {
    all.delete(buffers.active);
    return false;
  });
  return all;
}

/** An emulator of its own that plays one stream alone. */
export async function playAlone(
  bytes: Uint8Array,
  size: { readonly columns: number; readonly rows: number },
  resizes: readonly Resize[],
): Promise<xterm.Terminal> {
  const terminal = new xterm.Terminal({
    cols: size.columns,
    rows: size.rows,
    scrollback: HISTORY_LINES,
    allowProposedApi: true,
    logLevel: 'off',
  });
  terminal.unicode.register({
    version: 'clusters',
    charProperties: nextCluster,
    wcwidth: (codePoint: number) => ((nextCluster(codePoint, NO_CLUSTER) >> 1) & 3) as 1 | 2,
  } as xterm.IUnicodeVersionProvider);
  terminal.unicode.activeVersion = 'clusters';
  followLinks(terminal);
  const savedCursors = followSavedCursors(terminal);
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let start = 0;
  for (const resize of [...resizes, undefined]) {
    const end = resize?.at ?? bytes.length;
    const text = decoder.decode(bytes.subarray(start, end), { stream: true });
    await writeAll(terminal, text.replace(/[\u0080-\u009f]/g, '\ufffd'));
    start = end;
    if (resize === undefined) continue;
    // As in a screen: a cluster ends where the size changes.
    await writeAll(terminal, '\0');
    savedCursors.clear();
    terminal.resize(resize.columns, resize.rows);
  }
  return terminal;
}

const HIDDEN =
  /[\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e001f}]/gu;
const ALONE_REFUSED =
  /^(?:[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}\p{M}]|\u200c|\u200d|[\u{e0020}-\u{e007f}]|$)/u;

/** What a cell with these characters shows: nothing that acts on a terminal or on another cell. */
function shownText(characters: string): string {
  if (characters === '') return ' ';
  const first = characters.replace(/^(.).*$/su, '$1');
  if (first.replace(HIDDEN, '') === '' || ALONE_REFUSED.test(first)) return '\ufffd';
  const kept = characters
    .replace(HIDDEN, '')
    .replace(/[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/gu, '');
  const withoutTags = /^\p{Extended_Pictographic}/u.test(kept)
    ? kept
    : kept.replace(/[\u{e0020}-\u{e007f}]/gu, '');
  return withoutTags.replace(/[\u200c\u200d]+$/u, '');
}

function colorOf(isDefault: boolean, isRgb: boolean, value: number): number {
  if (isDefault) return 0;
  return ((isRgb ? 2 : 1) << 24) | value;
}

function styleOf(cell: xterm.IBufferCell): number {
  return (
    (cell.isBold() ? STYLE.bold : 0) |
    (cell.isDim() ? STYLE.dim : 0) |
    (cell.isItalic() ? STYLE.italic : 0) |
    (cell.isBlink() ? STYLE.blink : 0) |
    (cell.isInverse() ? STYLE.inverse : 0) |
    (cell.isInvisible() ? STYLE.invisible : 0) |
    (cell.isStrikethrough() ? STYLE.strikethrough : 0) |
    (cell.isOverline() ? STYLE.overline : 0)
  );
}

/** Cells that were compared, and a description of the first that differed. */
export interface Comparison {
  cells: number;
  wrong: number;
  first: string;
}

export function newComparison(): Comparison {
  return { cells: 0, wrong: 0, first: '' };
}

function differ(comparison: Comparison, what: string): void {
  comparison.wrong += 1;
  if (comparison.first === '') comparison.first = what;
}

/** Compares every line of a screen, cell by cell, and its cursor, with an emulator that played the stream alone. */
export function compareScreen(
  screen: AgentScreen,
  terminal: xterm.Terminal,
  comparison: Comparison,
): void {
  const { columns, rows } = screen;
  const buffer = terminal.buffer.active;
  const cursor = `${Math.min(buffer.cursorX, columns - 1)} ${buffer.cursorY} ${buffer.baseY}`;
  const found = `${screen.cursor.column} ${screen.cursor.row} ${screen.historyLines}`;
  if (cursor !== found) differ(comparison, `cursor and history ${found}, alone ${cursor}`);
  const grid = new CellGrid(columns, 1);
  const cell = buffer.getNullCell();
  for (let line = 0; line < buffer.baseY + rows; line += 1) {
    screen.copyLine(line, grid, 0, 0, columns);
    const alone = buffer.getLine(line);
    if (alone?.isWrapped !== screen.lineText(line).wrapped) differ(comparison, `wrap of ${line}`);
    let wide = false;
    for (let x = 0; x < columns; x += 1) {
      alone?.getCell(x, cell);
      comparison.cells += 1;
      const expected = describeAlone(
        cell,
        wide,
        x + 1 < columns && alone?.getCell(x + 1)?.getWidth() === 0,
      );
      wide = expected.startsWith('2 ');
      const shown = describe(grid, x);
      if (shown !== expected)
        differ(comparison, `line ${line} column ${x}: ${shown}, alone ${expected}`);
    }
  }
}

function describeAlone(
  cell: xterm.IBufferCell,
  afterWide: boolean,
  rightHalfFollows: boolean,
): string {
  const foreground = colorOf(cell.isFgDefault(), cell.isFgRGB(), cell.getFgColor());
  const background = colorOf(cell.isBgDefault(), cell.isBgRGB(), cell.getBgColor());
  const attributes = `${foreground} ${background} ${styleOf(cell)} ${describeExtended(cell)}`;
  const width = cell.getWidth();
  if (width === 0 && afterWide) return `0  ${attributes}`;
  if (width === 0 || (width === 2 && !rightHalfFollows)) return `1   ${attributes}`;
  return `${width} ${shownText(cell.getChars())} ${attributes}`;
}

function describeExtended(cell: xterm.IBufferCell): string {
  const { underline, underlineColor, link } = extendedLook(cell);
  return `${underline} ${underlineColor} ${linksAlone[link]}`;
}

function describe(grid: CellGrid, x: number): string {
  const at = grid.at(x, 0);
  const word = (offset: number): number => grid.words[at + offset] as number;
  const columns = columnsOf(word(CELL.glyph));
  const text = columns === 0 ? '' : glyphs.textOf(glyphOf(word(CELL.glyph)));
  const style = word(CELL.style);
  const link = describeLink(word(CELL.link));
  return (
    `${columns} ${text} ${word(CELL.foreground)} ${word(CELL.background)} ${style & 0xff} ` +
    `${underlineOf(style)} ${word(CELL.underlineColor)} ${link}`
  );
}

/** The agent's own `id`, without what makes it unlike those of others, and the address. */
function describeLink(number: number): string {
  if (number === 0) return '';
  const { group, uri } = links.linkOf(number);
  return `${group.replace(/^\d+\./, '')} ${uri}`;
}

/** Compares links with an emulator in which they are colours. */
export function compareLinks(
  screen: AgentScreen,
  colored: xterm.Terminal,
  comparison: Comparison,
): void {
  const { columns, rows } = screen;
  const buffer = colored.buffer.active;
  const grid = new CellGrid(columns, 1);
  const cell = buffer.getNullCell();
  for (let line = 0; line < buffer.baseY + rows; line += 1) {
    screen.copyLine(line, grid, 0, 0, columns);
    for (let x = 0; x < columns; x += 1) {
      buffer.getLine(line)?.getCell(x, cell);
      comparison.cells += 1;
      const number = cell.isFgDefault() ? 0 : cell.getFgColor();
      const link = grid.words[grid.at(x, 0) + CELL.link] as number;
      const shown = link === 0 ? 0 : Number(links.linkOf(link).uri.split('/').at(-1));
      if (shown !== number)
        differ(comparison, `line ${line} column ${x}: link ${shown}, alone ${number}`);
    }
  }
}
