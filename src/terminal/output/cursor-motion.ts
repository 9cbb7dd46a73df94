import { type OutputBytes, decimalLength } from './output-bytes.js';

/** Where the terminal's cursor is. */
export interface CursorPlace {
  row: number;
  /** -1: unknown, after the last column or a glyph whose width terminals do not agree on. */
  column: number;
}

const CR = 0x0d;
const LF = 0x0a;
const BS = 0x08;

/** Bytes of `ESC [ count final`. */
function csiLength(count: number): number {
  return count === 1 ? 3 : 3 + decimalLength(count);
}

/** Bytes of CUP, where a 1 is left out. */
function cupLength(row: number, column: number): number {
  const rowLength = row === 0 ? 0 : decimalLength(row + 1);
  return 3 + rowLength + (column === 0 ? 0 : 1 + decimalLength(column + 1));
}

/** The cheapest way along a row from a known column, and its bytes: BS, CUB, CUF, CHA or CR. */
function alongCost(from: number, to: number): number {
  if (from === to) return 0;
  if (to === 0) return 1;
  const absolute = csiLength(to + 1);
  if (from < 0) return absolute;
  return from > to
    ? Math.min(from - to, csiLength(from - to), absolute)
    : Math.min(csiLength(to - from), absolute);
}

function writeAlong(from: number, to: number, out: OutputBytes): void {
  if (from === to) return;
  if (to === 0) return out.byte(CR);
  const cost = alongCost(from, to);
  if (from > to && from - to === cost) {
    for (let step = to; step < from; step += 1) out.byte(BS);
  } else if (from > to && csiLength(from - to) === cost) out.csi(from - to, 'D');
  else if (from >= 0 && from < to && csiLength(to - from) === cost) out.csi(to - from, 'C');
  else out.csi(to + 1, 'G');
}

/** The cheapest way to another row, the column staying: LF, CUD, CUU or VPA. */
function acrossCost(from: number, to: number): number {
  const relative = csiLength(Math.abs(to - from));
  const best = Math.min(relative, csiLength(to + 1));
  return to > from ? Math.min(to - from, best) : best;
}

function writeAcross(from: number, to: number, out: OutputBytes): void {
  const cost = acrossCost(from, to);
  if (to > from && to - from === cost) {
    for (let step = from; step < to; step += 1) out.byte(LF);
  } else if (csiLength(to + 1) === cost) out.csi(to + 1, 'd');
  else out.csi(Math.abs(to - from), to > from ? 'B' : 'A');
}

/** Bytes of the cheapest motion. */
export function motionCost(place: CursorPlace, row: number, column: number): number {
  if (place.row === row && place.column >= 0) {
    return Math.min(alongCost(place.column, column), cupLength(row, column));
  }
  return Math.min(stepsCost(place, row, column), cupLength(row, column));
}

/** Along and across. After the last column only motions to a column are the same in every terminal. */
function stepsCost(place: CursorPlace, row: number, column: number): number {
  if (place.row === row) return alongCost(place.column, column);
  const fromColumn = place.column < 0 ? 0 : place.column;
  const carriageReturn = place.column < 0 ? 1 : 0;
  return carriageReturn + acrossCost(place.row, row) + alongCost(fromColumn, column);
}

/**
 * Moves the cursor the cheapest way. A terminal in raw mode takes LF as one row down, the column kept; it is used
 * where there is a row below, so nothing ever scrolls.
 */
export function moveCursor(
  place: CursorPlace,
  row: number,
  column: number,
  out: OutputBytes,
): void {
  if (place.row === row && place.column === column) return;
  if (place.row < 0 || cupLength(row, column) < stepsCost(place, row, column)) {
    writeCup(row, column, out);
  } else {
    let from = place.column;
    if (place.row !== row) {
      if (from < 0) {
        out.byte(CR);
        from = 0;
      }
      writeAcross(place.row, row, out);
    }
    writeAlong(from, column, out);
  }
  place.row = row;
  place.column = column;
}

function writeCup(row: number, column: number, out: OutputBytes): void {
  out.ascii('\u001b[');
  if (row !== 0) out.decimal(row + 1);
  if (column !== 0) {
    out.byte(0x3b);
    out.decimal(column + 1);
  }
  out.byte(0x48);
}
