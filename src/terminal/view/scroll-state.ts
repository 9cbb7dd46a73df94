import type { PaneContent } from '../cells/index.js';
import type { Key } from '../input/index.js';
import { type TextPlace, isBefore, lineText, textBetween } from './line-text.js';
import { findText } from './search-lines.js';

/** What a key did while scrolled back. */
export type ScrollResult =
  | { readonly type: 'stay' | 'leave' | 'search-back' | 'search-on' | 'not-found' }
  | { readonly type: 'copy'; readonly text: string };

const STAY: ScrollResult = { type: 'stay' };

/** From one place to another, both included. */
export interface TextRange {
  readonly from: TextPlace;
  readonly to: TextPlace;
}

/**
 * A pane that is scrolled back: which line is at its top, a cursor that keys move, what is selected and searched for.
 * Lines are counted from the first there ever was, so that they stay where they are while others are added.
 */
export class ScrollState {
  readonly #content: PaneContent;
  readonly #rows: number;
  #top: number;
  #cursor: TextPlace;
  #anchor: TextPlace | undefined;
  #query = '';
  #direction: 'back' | 'on' = 'back';

  /** `top`: the line that is at the top now, as the content counts; `rows`: those that are seen. */
  constructor(content: PaneContent, top: number, rows: number) {
    this.#content = content;
    this.#rows = rows;
    this.#top = content.forgottenLines + top;
    const row = Math.min(rows - 1, Math.max(0, content.historyLines + content.cursor.row - top));
    this.#cursor = {
      line: this.#top + row,
      column: Math.min(content.cursor.column, content.columns - 1),
    };
  }

  /** The same place with another number of rows. */
  resized(rows: number): ScrollState {
    const other = new ScrollState(this.#content, this.top, rows);
    other.#cursor = this.#cursor;
    other.#anchor = this.#anchor;
    other.#query = this.#query;
    other.#direction = this.#direction;
    other.#showCursor();
    return other;
  }

  /** The line at the top, as the content counts now. */
  get top(): number {
    return Math.min(this.#lastTop, Math.max(0, this.#top - this.#content.forgottenLines));
  }

  get query(): string {
    return this.#query;
  }

  /** Lines between what is shown and the newest. */
  get linesBelow(): number {
    return this.#lastTop - this.top;
  }

  /** Row and column of the cursor in the pane. */
  get cursor(): { readonly row: number; readonly column: number } {
    const row = this.#cursor.line - this.#content.forgottenLines - this.top;
    return { row: Math.min(this.#rows - 1, Math.max(0, row)), column: this.#cursor.column };
  }

  get selection(): TextRange | undefined {
    if (this.#anchor === undefined) return undefined;
    return isBefore(this.#cursor, this.#anchor)
      ? { from: this.#cursor, to: this.#anchor }
      : { from: this.#anchor, to: this.#cursor };
  }

  /** By `lines`, up where negative. Whether it came down to the newest line. */
  scrollBy(lines: number): boolean {
    const top = Math.min(this.#lastTop, Math.max(0, this.top + lines));
    this.#top = top + this.#content.forgottenLines;
    this.#keepCursorInside();
    return top === this.#lastTop;
  }

  /** Puts the cursor at a cell of the pane and drops what was selected. */
  moveTo(row: number, column: number): void {
    this.#anchor = undefined;
    this.#place(row, column);
  }

  /** Selects up to a cell of the pane: from an earlier one, or it is the first. Rows outside scroll. */
  selectTo(row: number, column: number): void {
    if (row < 0) this.scrollBy(-1);
    else if (row >= this.#rows) this.scrollBy(1);
    this.#place(row, column);
    this.#anchor ??= this.#cursor;
  }

  /** Searches from the cursor. Whether something was found. */
  search(query: string, direction: 'back' | 'on'): boolean {
    this.#query = query;
    this.#direction = direction;
    return this.#searchAgain(direction);
  }

  handle(key: Key): ScrollResult {
    if (key.ctrl) return this.#handleControl(key);
    switch (key.name) {
      case 'q':
      case 'Escape':
        if (key.name === 'Escape' && this.#anchor !== undefined) this.#anchor = undefined;
        else return { type: 'leave' };
        return STAY;
      case 'v':
      case ' ':
        this.#anchor = this.#anchor === undefined ? this.#cursor : undefined;
        return STAY;
      case 'y':
      case 'Enter':
        return this.#copied();
      case '/':
        return { type: 'search-on' };
      case '?':
        return { type: 'search-back' };
      case 'n':
      case 'N':
        return this.#next(key.name === 'n');
      default:
        this.#move(key.name);
        return STAY;
    }
  }

  #place(row: number, column: number): void {
    const inside = Math.min(this.#rows - 1, Math.max(0, row));
    this.#cursor = {
      line: this.#content.forgottenLines + this.top + inside,
      column: Math.min(this.#content.columns - 1, Math.max(0, column)),
    };
  }

  get #lastTop(): number {
    return Math.max(0, this.#content.historyLines + this.#content.rows - this.#rows);
  }

  #handleControl({ name }: Key): ScrollResult {
    const half = Math.max(1, Math.floor(this.#rows / 2));
    if (name === 'c') return { type: 'leave' };
    if (name === 'u') this.#pageBy(-half);
    if (name === 'd') this.#pageBy(half);
    if (name === 'b') this.#pageBy(-this.#rows);
    if (name === 'f') this.#pageBy(this.#rows);
    return STAY;
  }

  #next(sameWay: boolean): ScrollResult {
    const other = this.#direction === 'back' ? 'on' : 'back';
    const found = this.#query !== '' && this.#searchAgain(sameWay ? this.#direction : other);
    return found ? STAY : { type: 'not-found' };
  }

  #searchAgain(direction: 'back' | 'on'): boolean {
    const match = findText(this.#content, this.#query, this.#cursor, direction);
    if (match === undefined) return false;
    this.#cursor = { line: match.line, column: match.column };
    this.#showCursor();
    return true;
  }

  #copied(): ScrollResult {
    const range = this.selection;
    if (range === undefined) return { type: 'leave' };
    return { type: 'copy', text: textBetween(this.#content, range.from, range.to) };
  }

  #move(name: string): void {
    const { line, column } = this.#cursor;
    const last = this.#content.columns - 1;
    if (name === 'Up' || name === 'k') this.#moveBy(-1);
    else if (name === 'Down' || name === 'j') this.#moveBy(1);
    else if (name === 'PageUp') this.#pageBy(-this.#rows);
    else if (name === 'PageDown') this.#pageBy(this.#rows);
    else if (name === 'g') this.#moveBy(-Number.MAX_SAFE_INTEGER);
    else if (name === 'G') this.#moveBy(Number.MAX_SAFE_INTEGER);
    else if (name === 'Left' || name === 'h')
      this.#cursor = { line, column: Math.max(0, column - 1) };
    else if (name === 'Right' || name === 'l') {
      this.#cursor = { line, column: Math.min(last, column + 1) };
    } else if (name === '0' || name === 'Home') this.#cursor = { line, column: 0 };
    else if (name === '$' || name === 'End') {
      const text = lineText(this.#content, line - this.#content.forgottenLines);
      const end = text.columns[text.text.trimEnd().length] ?? 1;
      this.#cursor = { line, column: Math.max(0, end - 1) };
    }
  }

  #moveBy(lines: number): void {
    const { forgottenLines, historyLines, rows } = this.#content;
    const last = forgottenLines + historyLines + rows - 1;
    const line = Math.min(last, Math.max(forgottenLines, this.#cursor.line + lines));
    this.#cursor = { line, column: this.#cursor.column };
    this.#showCursor();
  }

  /** The picture and the cursor in it move together. */
  #pageBy(lines: number): void {
    const { line } = this.#cursor;
    const before = this.top;
    this.scrollBy(lines);
    // Where the picture cannot move the whole way, the cursor goes to the end of it.
    const moved = this.top - before;
    this.#cursor = { ...this.#cursor, line };
    this.#moveBy(moved === 0 ? lines : moved);
  }

  /** Scrolls as little as brings the cursor into sight. */
  #showCursor(): void {
    const line = Math.max(0, this.#cursor.line - this.#content.forgottenLines);
    const { top } = this;
    const wanted = line < top ? line : line >= top + this.#rows ? line - this.#rows + 1 : top;
    this.#top = wanted + this.#content.forgottenLines;
  }

  #keepCursorInside(): void {
    const first = this.#content.forgottenLines + this.top;
    const line = Math.min(first + this.#rows - 1, Math.max(first, this.#cursor.line));
    this.#cursor = { line, column: this.#cursor.column };
  }
}
