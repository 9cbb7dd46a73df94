/** Grids as programs draw them: words of text in colours, wide glyphs, blocks that change, scroll, blank. */
import fc from 'fast-check';
import {
  CELL,
  type CellGrid,
  glyphWord,
  glyphs,
  links,
  paletteColor,
  rgbColor,
  styleWord,
} from '../../../src/terminal/cells/index.js';

export interface Paint {
  readonly column: number;
  readonly row: number;
  readonly text: readonly string[];
  readonly foreground: number;
  readonly background: number;
  readonly style: number;
  readonly underlineColor: number;
  /** Empty: no link. */
  readonly uri: string;
}

/** A change of a picture. */
export type Change =
  | { readonly type: 'paint'; readonly paint: Paint }
  | { readonly type: 'scroll'; readonly top: number; readonly rows: number; readonly by: number }
  | {
      readonly type: 'blank';
      readonly column: number;
      readonly row: number;
      readonly columns: number;
      readonly rows: number;
    };

/** Widths that all versions of Unicode agree on, as the second terminal's table is an old one. */
const narrow = fc.constantFrom(
  ...'abcXYZ012 .,-=[]{}~`|/\\',
  'é',
  'ß',
  'Ж',
  '─',
  '│',
  '█',
  '⠿',
  '◆',
  '✓',
);
const wide = fc.constantFrom('漢', '字', 'か', '한');

const color = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: 255 }).map(paletteColor),
  fc.integer({ min: 0, max: 0xff_ffff }).map(rgbColor),
);

/** Not white, which the second terminal takes for none. */
const underlineColor = color.map((word) => (word === rgbColor(0xff_ffff) ? 0 : word));

const style = fc
  .tuple(
    fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 8, 16, 32, 64, 128, 17),
    fc.constantFrom(0, 0, 0, 1, 2, 3, 4, 5),
  )
  .map(([flags, underline]) => styleWord(flags, underline));

const target = fc.constantFrom('', '', '', '', 'https://example.org/a', 'http://example.org/b');

/** `hasLinks`: some of what is painted leads somewhere. */
export function changes(columns: number, rows: number, hasLinks = true): fc.Arbitrary<Change> {
  const column = fc.integer({ min: 0, max: columns - 1 });
  const row = fc.integer({ min: 0, max: rows - 1 });
  const glyph = fc.oneof({ weight: 6, arbitrary: narrow }, { weight: 1, arbitrary: wide });
  const text = fc.array(glyph, { minLength: 1, maxLength: columns });
  const paints = fc
    .record({
      ...{ column, row, text, foreground: color, background: color, style },
      ...{ underlineColor, uri: hasLinks ? target : fc.constant('') },
    })
    .map((value): Change => ({ type: 'paint', paint: value }));
  const scrolls = fc
    .record({ top: row, rows: row, by: fc.integer({ min: 1, max: 4 }) })
    .map((value): Change => ({ type: 'scroll', ...value }));
  const blanks = fc
    .record({ column, row, columns: column, rows: row })
    .map((value): Change => ({ type: 'blank', ...value }));
  return fc.oneof({ weight: 6, arbitrary: paints }, { weight: 2, arbitrary: scrolls }, blanks);
}

export function applyChange(grid: CellGrid, change: Change): void {
  if (change.type === 'paint') paint(grid, change.paint);
  else if (change.type === 'scroll') scroll(grid, change.top, change.rows, change.by);
  else {
    const columns = Math.min(change.columns + 1, grid.columns - change.column);
    const rows = Math.min(change.rows + 1, grid.rows - change.row);
    for (let row = change.row; row < change.row + rows; row += 1) {
      clean(grid, change.column, row);
      clean(grid, change.column + columns, row);
    }
    grid.clear(change.column, change.row, columns, rows);
  }
}

/** Blanks a wide glyph that would be cut between this column and the one before. */
function clean(grid: CellGrid, column: number, row: number): void {
  if (column <= 0 || column >= grid.columns) return;
  if ((grid.words[grid.at(column, row)] ?? 0) >>> 24 === 0) grid.clear(column - 1, row, 2, 1);
}

function paint(grid: CellGrid, { column, row, text, ...ink }: Paint): void {
  let at = column;
  const link = ink.uri === '' ? 0 : links.idOf({ uri: ink.uri, group: '' });
  for (const piece of text) {
    const columns = /[\u3041-\u3096\u4e00-\u9fff\uac00-\ud7a3]/u.test(piece) ? 2 : 1;
    if (at + columns > grid.columns) return;
    clean(grid, at, row);
    clean(grid, at + columns, row);
    for (let half = 0; half < columns; half += 1) {
      const index = grid.at(at + half, row);
      grid.words.fill(0, index, index + 6);
      grid.words[index] = half === 0 ? glyphWord(glyphs.idOf(piece), columns) : glyphWord(0, 0);
      grid.words[index + CELL.foreground] = ink.foreground;
      grid.words[index + CELL.background] = ink.background;
      grid.words[index + CELL.style] = ink.style;
      grid.words[index + CELL.underlineColor] = ink.underlineColor;
      grid.words[index + CELL.link] = link;
    }
    at += columns;
  }
}

function scroll(grid: CellGrid, top: number, rows: number, by: number): void {
  const bottom = Math.min(grid.rows, top + rows + 1);
  const shift = Math.min(by, bottom - top);
  grid.words.copyWithin(grid.at(0, top), grid.at(0, top + shift), grid.at(0, bottom));
  grid.clear(0, bottom - shift, grid.columns, shift);
}
