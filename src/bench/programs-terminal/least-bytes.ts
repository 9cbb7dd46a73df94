/**
 * The fewest bytes that change one picture into another, as a bound that no encoder can beat which goes through the rows
 * from left to right: glyphs of changed cells (blanks as an erase where that is shorter), the shortest SGR wherever the
 * attributes of two cells that follow each other differ, the shortest motion to what changed next, or what lies between
 * if that is shorter. It knows nothing of widths terminals do not agree on, of where the cursor must be at the end, of
 * hiding it, and of scrolling.
 */
import {
  CELL,
  CELL_WORDS,
  type CellGrid,
  STYLE,
  colorKind,
  colorValue,
  columnsOf,
  glyphOf,
  glyphs,
  underlineOf,
} from '../../terminal/cells/index.js';

interface Attributes {
  readonly foreground: number;
  readonly background: number;
  readonly style: number;
}

const PLAIN: Attributes = { foreground: 0, background: 0, style: 0 };
const ERASE_LINE_BYTES = 3;
/** ECH; the motion after it is part of the gap. */
const ERASE_BYTES = 4;
const SEEN_ON_BLANK = STYLE.inverse | STYLE.strikethrough | STYLE.overline;

function colorCodes(color: number): string {
  const value = colorValue(color);
  if (colorKind(color) === 0) return '39';
  if (colorKind(color) === 1) return value < 8 ? '30' : value < 16 ? '90' : `38;5;${value}`;
  return `38;2;${value >> 16};${(value >> 8) & 0xff};${value & 0xff}`;
}

/** Characters of the parameters that switch on what `to` has and `from` lacks, and off what it has too much. */
function parameters(from: Attributes, to: Attributes): string[] {
  const codes: string[] = [];
  const gone = from.style & ~to.style;
  const added = to.style & ~from.style;
  for (let bit = 1; bit <= STYLE.overline; bit <<= 1) {
    const wide = bit === STYLE.overline ? '53' : '1';
    if ((gone & bit) !== 0) codes.push('22');
    if ((added & bit) !== 0) codes.push(wide);
  }
  if (underlineOf(from.style) !== underlineOf(to.style)) {
    codes.push(underlineOf(to.style) === 0 ? '24' : underlineOf(to.style) === 1 ? '4' : '4:3');
  }
  if (from.foreground !== to.foreground) codes.push(colorCodes(to.foreground));
  if (from.background !== to.background) codes.push(colorCodes(to.background));
  return codes;
}

function attributeBytes(from: Attributes, to: Attributes): number {
  const delta = parameters(from, to);
  if (delta.length === 0) return 0;
  const fresh = ['', ...parameters(PLAIN, to)];
  return 3 + Math.min(delta.join(';').length, fresh.join(';').length);
}

function attributesAt(grid: CellGrid, at: number): Attributes {
  return {
    foreground: grid.words[at + CELL.foreground] ?? 0,
    background: grid.words[at + CELL.background] ?? 0,
    style: grid.words[at + CELL.style] ?? 0,
  };
}

function isBlank(grid: CellGrid, at: number): boolean {
  const { style } = attributesAt(grid, at);
  const plain = underlineOf(style) === 0 && (style & SEEN_ON_BLANK) === 0;
  return plain && glyphOf(grid.words[at] ?? 0) === 0x20;
}

function differs(before: CellGrid, after: CellGrid, at: number): boolean {
  for (let word = at; word < at + CELL_WORDS; word += 1) {
    if (before.words[word] !== after.words[word]) return true;
  }
  return false;
}

/** Where the cursor may be. */
interface Place {
  readonly row: number;
  /** More than one where cells may have been erased or overwritten; none after the last column. */
  readonly columns: readonly number[];
}

function csi(count: number): number {
  return count === 1 ? 3 : 3 + String(count).length;
}

function along(from: number | undefined, to: number): number {
  const ways = [csi(to + 1), ...(to === 0 ? [1] : [])];
  if (from === to) ways.push(0);
  else if (from !== undefined)
    ways.push(csi(Math.abs(to - from)), ...(from > to ? [from - to] : []));
  return Math.min(...ways);
}

/** Down by LF, CUD or VPA, and along; after CR or not; or all at once by CUP. */
function motionBytes({ row, columns }: Place, toRow: number, toColumn: number): number {
  const down = toRow - row;
  const across = down === 0 ? 0 : Math.min(down, csi(down), csi(toRow + 1));
  const rowText = toRow === 0 ? '' : String(toRow + 1);
  const place = 3 + rowText.length + (toColumn === 0 ? 0 : 1 + String(toColumn + 1).length);
  const starts = columns.length === 0 ? [undefined] : columns;
  const steps = starts.map((from) => across + along(from, toColumn));
  return Math.min(place, 1 + across + along(0, toColumn), ...steps);
}

export interface Damage {
  readonly cells: number;
  readonly leastBytes: number;
}

/** Adds up what a picture costs, cell after cell. */
class Sum {
  readonly #after: CellGrid;
  #pen = PLAIN;
  #place: Place = { row: 0, columns: [0] };
  #blanks = 0;
  bytes = 0;

  constructor(after: CellGrid) {
    this.#after = after;
  }

  get inBlanks(): boolean {
    return this.#blanks > 0;
  }

  endBlanks(toEnd: boolean): void {
    this.bytes += Math.min(this.#blanks, toEnd ? ERASE_LINE_BYTES : ERASE_BYTES);
    this.#blanks = 0;
  }

  /** To a cell that changed; `gapBytes`: what stands between it and the last one of the row. */
  reach(row: number, column: number, gapBytes: number): void {
    const { columns } = this.#place;
    if (this.#place.row === row && columns.includes(column)) return;
    this.bytes += Math.min(gapBytes, motionBytes(this.#place, row, column));
    this.#place = { row, columns: [column] };
  }

  write(row: number, column: number): void {
    const at = this.#after.at(column, row);
    const wanted = attributesAt(this.#after, at);
    const glyph = glyphs.textOf(glyphOf(this.#after.words[at] ?? 0));
    if (isBlank(this.#after, at)) this.#blank(wanted);
    else {
      this.endBlanks(false);
      this.bytes += attributeBytes(this.#pen, wanted) + Buffer.byteLength(glyph);
      this.#pen = wanted;
    }
    const next = column + columnsOf(this.#after.words[at] ?? 0);
    const before = this.#blanks > 0 ? this.#place.columns : [];
    this.#place = { row, columns: next < this.#after.columns ? [...before, next] : before };
  }

  #blank(wanted: Attributes): void {
    const visible = underlineOf(this.#pen.style) !== 0 || (this.#pen.style & SEEN_ON_BLANK) !== 0;
    const target = visible ? wanted : { ...this.#pen, background: wanted.background };
    const cost = attributeBytes(this.#pen, target);
    if (cost > 0) this.endBlanks(false);
    this.bytes += cost;
    this.#pen = target;
    this.#blanks += 1;
  }
}

export function damageOf(before: CellGrid, after: CellGrid): Damage {
  const sum = new Sum(after);
  let cells = 0;
  for (let row = 0; row < after.rows; row += 1) {
    let gapBytes = Number.POSITIVE_INFINITY;
    for (let column = 0; column < after.columns; column += 1) {
      const at = after.at(column, row);
      const word = after.words[at] ?? 0;
      const changed = differs(before, after, at);
      if (changed) cells += 1;
      if (columnsOf(word) === 0) continue;
      if (!changed) {
        // An erase may go over blanks that were blank.
        if (!isBlank(after, at)) sum.endBlanks(false);
        gapBytes += sum.inBlanks ? 0 : Buffer.byteLength(glyphs.textOf(glyphOf(word)));
        continue;
      }
      if (!sum.inBlanks || !isBlank(after, at)) sum.reach(row, column, gapBytes);
      sum.write(row, column);
      gapBytes = 0;
    }
    sum.endBlanks(true);
  }
  return { cells, leastBytes: sum.bytes };
}
