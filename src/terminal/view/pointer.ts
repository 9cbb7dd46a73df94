import { type MouseEvent, encodeKey, encodeMouse, keyOf } from '../input/index.js';
import type { Arrangement } from './arrangement.js';
import { contains, type Rect } from './grid-layout.js';
import type { PaneView } from './pane-view.js';
import type { Separator } from './separators.js';
import { listedAt } from './titles.js';

const WHEEL_LINES = 3;

/** What the mouse can have done. */
export interface PointerEffects {
  /** No program is there that could have asked for the mouse. */
  readonly isAlone: boolean;
  focusOn(index: number): void;
  send(view: PaneView, input: string | Uint8Array): void;
  notify(text: string): void;
  /** Titles or the status line changed. */
  redecorate(): void;
}

/**
 * The mouse: events inside a pane for its program if that asked for them, else focus, scrolling and selecting. The lines
 * between panes can be moved.
 */
export class Pointer {
  readonly #arrangement: Arrangement;
  readonly #effects: PointerEffects;
  /** The pane in which the button was pressed, while it is held: to select. */
  #dragging: PaneView | undefined;
  /** The same, when its program was told: it hears of the release wherever that is, and no other program does. */
  #grabbed: PaneView | undefined;
  /** The line that is being moved. */
  #moving: Separator | undefined;
  /** The cell of the pane at which that was. */
  #pressed = { row: 0, column: 0 };

  constructor(arrangement: Arrangement, effects: PointerEffects) {
    this.#arrangement = arrangement;
    this.#effects = effects;
  }

  handle(event: MouseEvent): void {
    // A release that was lost holds nothing for ever.
    if (event.action === 'press') this.#dragging = this.#grabbed = this.#moving = undefined;
    if (this.#dragging !== undefined) return this.#drag(this.#dragging, event);
    if (this.#grabbed !== undefined && (event.action === 'drag' || event.action === 'release')) {
      return this.#toGrabbed(this.#grabbed, event);
    }
    if (this.#moving !== undefined) return this.#move(this.#moving, event);
    if (event.action === 'press' && event.button === 'left') {
      this.#moving = this.#arrangement.separatorAt(event.column, event.row);
    }
    const index = this.#paneAt(event);
    const view = index === undefined ? undefined : this.#arrangement.views[index];
    if (index === undefined || view === undefined) return undefined;
    if (event.action === 'press') this.#effects.focusOn(index);
    const body = this.#arrangement.placeOf(view)?.body;
    if (body === undefined || !contains(body, event.column, event.row)) return undefined;
    const inside = { ...event, column: event.column - body.column, row: event.row - body.row };
    if (event.action === 'press' && event.button === 'left') {
      const link = view.linkAt(inside.row, inside.column, body.rows);
      // The text of a link says what its author wants; this is where it leads.
      this.#effects.notify(link === undefined ? '' : `link to ${link}`);
    }
    // Shift takes the mouse back from a program that asked for it.
    const isOurs = this.#effects.isAlone || view.scroll !== undefined || event.shift;
    if (!isOurs && this.#toProgram(view, body, event)) return undefined;
    if (event.action === 'wheel-up') this.#wheel(view, -WHEEL_LINES);
    else if (event.action === 'wheel-down') this.#wheel(view, WHEEL_LINES);
    else if (event.action === 'press' && event.button === 'left') this.#press(view, inside);
    return undefined;
  }

  #move(separator: Separator, { action, column, row }: MouseEvent): void {
    if (action === 'release') this.#moving = undefined;
    if (action !== 'drag') return;
    this.#arrangement.moveSeparator(separator, column, row);
    this.#effects.redecorate();
  }

  /** Whether the program of a pane wants to hear of it. */
  #toProgram(view: PaneView, body: Rect, event: MouseEvent): boolean {
    const { columns, rows, modes } = view.pane.content;
    const column = event.column - body.column;
    const row = view.screenRow(event.row - body.row, body.rows);
    const bytes = encodeMouse({ ...event, column, row }, modes);
    if (bytes === undefined) return false;
    // Beside a screen that is smaller than its pane nothing is the program's.
    if (column >= columns || row >= rows) return true;
    if (event.action === 'press') this.#grabbed = view;
    this.#effects.send(view, bytes);
    return true;
  }

  #toGrabbed(view: PaneView, event: MouseEvent): void {
    if (event.action === 'release') this.#grabbed = undefined;
    const body = this.#arrangement.placeOf(view)?.body;
    if (body === undefined || body.rows < 1) return;
    const { columns, rows } = view.pane.content;
    const lastColumn = body.column + Math.min(columns, body.columns) - 1;
    const lastRow = body.row + Math.min(rows, body.rows) - 1;
    this.#toProgram(view, body, {
      ...event,
      column: Math.min(lastColumn, Math.max(body.column, event.column)),
      row: Math.min(lastRow, Math.max(body.row, event.row)),
    });
  }

  #paneAt({ column, row, action }: MouseEvent): number | undefined {
    const { layout, views, focus } = this.#arrangement;
    for (const [index, { frame }] of layout.places) if (contains(frame, column, row)) return index;
    const { list } = layout;
    if (list === undefined || action !== 'press' || !contains(list, column, row)) return undefined;
    return listedAt(list, row, views.length, focus);
  }

  #rowsOf(view: PaneView): number {
    return Math.max(1, this.#arrangement.placeOf(view)?.body.rows ?? 1);
  }

  /** A program with the whole screen gets arrows, as xterm gives them; else the pane scrolls back. */
  #wheel(view: PaneView, lines: number): void {
    const { modes } = view.pane.content;
    const takesArrows = modes.alternateScreen && modes.mouse === 'none' && !this.#effects.isAlone;
    if (takesArrows && view.scroll === undefined) {
      const key = encodeKey(keyOf(lines < 0 ? 'Up' : 'Down'), modes);
      return this.#effects.send(view, key.repeat(WHEEL_LINES));
    }
    if (lines > 0 && view.scroll === undefined) return undefined;
    const atEnd = view.startScroll(this.#rowsOf(view)).scrollBy(lines);
    view.stale = true;
    this.#effects.redecorate();
    if (atEnd && view.scroll?.selection === undefined) view.endScroll();
    return undefined;
  }

  /** Where a drag would start. While scrolled back it is where the cursor goes. */
  #press(view: PaneView, { row, column }: MouseEvent): void {
    this.#dragging = view;
    this.#pressed = { row, column };
    if (view.scroll === undefined) return;
    view.scroll.moveTo(row, column);
    view.stale = true;
  }

  #drag(view: PaneView, event: MouseEvent): void {
    const body = this.#arrangement.placeOf(view)?.body;
    if (event.action === 'release') {
      this.#dragging = undefined;
      if (view.scroll?.selection !== undefined) {
        this.#effects.notify('y or Enter copies, Esc drops it');
      }
      return;
    }
    if (event.action !== 'drag' || body === undefined) return;
    const scroll = view.startScroll(this.#rowsOf(view));
    if (scroll.selection === undefined) scroll.selectTo(this.#pressed.row, this.#pressed.column);
    scroll.selectTo(event.row - body.row, event.column - body.column);
    view.stale = true;
    this.#effects.redecorate();
  }
}
