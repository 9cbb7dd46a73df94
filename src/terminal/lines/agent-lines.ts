import { BLANK_GLYPH_WORD, CELL_WORDS, CellGrid } from '../cells/index.js';
import { AgentScreen } from '../screen/index.js';

/** Of the emulator's one row: a longer line goes on in the next one, and is put together again. */
const ROW_COLUMNS = 256;

/** Written at a time: no more rows can come of it than the history keeps. */
const MAX_PIECE_BYTES = 256;
const HISTORY_ROWS = MAX_PIECE_BYTES + 24;

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** A line as rows of cells, to be read before the next one: `row` of `grid` for `row` in 0 to `rows`. */
export interface LineRows {
  readonly grid: CellGrid;
  readonly rows: number;
}

/** Cells of a row up to its last one that shows something. */
export function usedColumns(grid: CellGrid, row: number): number {
  const start = grid.at(0, row);
  let end = grid.at(grid.columns, row);
  while (end > start && grid.words[end - CELL_WORDS] === BLANK_GLYPH_WORD) end -= CELL_WORDS;
  return (end - start) / CELL_WORDS;
}

/** A line of more rows is given out in parts. */
const MAX_LINE_ROWS = 64;

/**
 * What one agent writes, as lines: an emulator with a single row, whose lines leave it upwards. So a carriage return
 * draws over the line, colours go on, and nothing that moves a cursor, clears a screen or asks a terminal gets through.
 * While a program uses the alternate screen, it writes no lines.
 */
export class AgentLines {
  readonly #screen: AgentScreen;
  readonly #line = new CellGrid(ROW_COLUMNS, MAX_LINE_ROWS);
  readonly #piece = new Uint8Array(MAX_PIECE_BYTES + 1);
  #rows = 0;
  /** Rows that left the emulator, as far as they were looked at. */
  #taken = 0;

  constructor(onAnswer?: (text: string) => void) {
    this.#screen = new AgentScreen({
      columns: ROW_COLUMNS,
      rows: 1,
      maxHistoryLines: HISTORY_ROWS,
      holdUpdates: false,
      ...(onAnswer !== undefined && { onAnswer }),
    });
  }

  /** Takes bytes cut anywhere; `onLine` is called for each line that was ended. */
  write(bytes: Uint8Array, onLine: (line: LineRows) => void): void {
    for (let start = 0; start < bytes.length;) {
      const found = bytes.subarray(start, start + MAX_PIECE_BYTES).indexOf(LINE_FEED);
      const end = found < 0 ? Math.min(bytes.length, start + MAX_PIECE_BYTES) : start + found + 1;
      this.#piece.set(bytes.subarray(start, end));
      // What comes from a pipe has line feeds alone: each line begins at its beginning.
      if (found >= 0) this.#piece[end - start] = CARRIAGE_RETURN;
      this.#screen.write(this.#piece.subarray(0, end - start + (found >= 0 ? 1 : 0)));
      this.#takeRows(onLine);
      start = end;
    }
  }

  #takeRows(onLine: (line: LineRows) => void): void {
    const { forgottenLines, historyLines } = this.#screen;
    const left = forgottenLines + historyLines;
    for (let number = Math.max(this.#taken, forgottenLines); number < left; number += 1) {
      const index = number - forgottenLines;
      this.#screen.copyLine(index, this.#line, this.#rows, 0, ROW_COLUMNS);
      this.#rows += 1;
      const continues = this.#screen.isWrapped(index + 1);
      if (!continues || this.#rows === MAX_LINE_ROWS) this.#give(onLine);
    }
    this.#taken = Math.max(this.#taken, left);
  }

  #give(onLine: (line: LineRows) => void): void {
    onLine({ grid: this.#line, rows: this.#rows });
    this.#rows = 0;
  }

  /** The line that was not ended yet: empty when it shows nothing, or while the alternate screen is used. */
  unfinished(): LineRows {
    if (this.#screen.modes.alternateScreen) return { grid: this.#line, rows: 0 };
    this.#screen.copyLine(this.#screen.historyLines, this.#line, this.#rows, 0, ROW_COLUMNS);
    const isEmpty = this.#rows === 0 && usedColumns(this.#line, 0) === 0;
    return { grid: this.#line, rows: isEmpty ? 0 : this.#rows + 1 };
  }

  /** The program has ended; the line that it did not end is given, if it shows something. */
  end(onLine: (line: LineRows) => void): void {
    this.#screen.endProgram();
    const rest = this.unfinished();
    if (rest.rows > 0) onLine(rest);
    this.#rows = 0;
    this.#screen.write(Uint8Array.of(0x1b, 0x63));
    this.#taken = this.#screen.forgottenLines + this.#screen.historyLines;
  }

  close(): void {
    this.#screen.close();
  }
}
