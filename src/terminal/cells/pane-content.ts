import type { CellGrid } from './cell-grid.js';

/** How a terminal draws its cursor (DECSCUSR). */
export interface PaneCursor {
  readonly column: number;
  readonly row: number;
  readonly visible: boolean;
  readonly shape: 'block' | 'underline' | 'bar';
  readonly blinking: boolean;
}

/** What the program in a pane asked of its keyboard and mouse: decides how keys are written to it. */
export interface PaneModes {
  readonly alternateScreen: boolean;
  /** DECCKM: arrows as SS3. */
  readonly applicationCursorKeys: boolean;
  /** DECKPAM. */
  readonly applicationKeypad: boolean;
  /** Mode 2004. */
  readonly bracketedPaste: boolean;
  /** Mode 1004. */
  readonly focusEvents: boolean;
  /** Progressive enhancement flags of the kitty keyboard protocol, 0: off. */
  readonly kittyKeyboardFlags: number;
  /** XTMODKEYS 4: how much of modifyOtherKeys is on, 0 to 2. Left out: 0. */
  readonly modifyOtherKeys?: number;
  /** Modes 9, 1000, 1002, 1003; how it is written: mode 1006 or the old form. */
  readonly mouse: 'none' | 'x10' | 'press' | 'drag' | 'any';
  readonly mouseSgr: boolean;
}

/**
 * The content of one pane: what a view needs of whatever is shown in it. Lines count from the oldest one kept: line
 * `historyLines` is the top of the screen. Inside a synchronized update (mode 2026) it is the last whole picture. A view copies rows when `version` changed; it keeps nothing else.
 */
export interface PaneContent {
  readonly columns: number;
  readonly rows: number;
  /** Lines above the screen that can be scrolled back to. */
  readonly historyLines: number;
  /** Lines that went out of the history for ever: with it a line keeps its number while lines are added. */
  readonly forgottenLines: number;
  /** Grows with every change of cells, cursor or modes. */
  readonly version: number;
  readonly cursor: PaneCursor;
  readonly modes: PaneModes;
  /** Copies up to `columns` cells of line `line` to a row of `grid`, the rest of them blank; a wide glyph cut in half is blank. */
  copyLine(
    line: number,
    grid: CellGrid,
    gridRow: number,
    gridColumn: number,
    columns: number,
  ): void;
  /** The text of a line, right-trimmed, for search and selection; `wrapped`: it continues the line before. */
  lineText(line: number): { readonly text: string; readonly wrapped: boolean };
}
