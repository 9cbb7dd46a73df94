import type { CellGrid } from '../cells/index.js';
import type { LineEditor } from '../input/index.js';
import { drawEdited } from './edited-text.js';
import { drawGlyph, drawLabel, labelColumns } from './label.js';
import { BADGES, INK, type Ink } from './theme.js';

/** What the last row says. */
export interface Status {
  readonly session: string;
  /** A badge in front: the mode that keys are in; empty: none. */
  readonly mode: string;
  /** In the middle: hints of the mode, a question, a prompt; instead of the agents. */
  readonly message: string;
  readonly messageInk: Ink;
  /** What is typed behind the message. */
  readonly typed: LineEditor | undefined;
  readonly agents: number;
  /** Who waits for the user, the longest first. */
  readonly waiting: readonly string[];
  /** `2/3`, empty with one page. */
  readonly page: string;
  readonly prefix: string;
}

/** Text with its ink, one after the other. */
type Part = readonly [text: string, ink: Ink];

/** Draws the status line into `row`. The column of the cursor, while something is typed. */
export function drawStatus(grid: CellGrid, row: number, status: Status): number {
  for (let column = 0; column < grid.columns; column += 1) {
    drawGlyph(grid, column, row, 0x20, 1, INK.plain);
  }
  const right: readonly Part[] = [
    ...(status.page === '' ? [] : ([[`page ${status.page}  `, INK.dim]] as const)),
    [status.prefix, INK.accent],
    [' ? help ', INK.dim],
  ];
  const rightColumns = columnsOfParts(right);
  const hasMessage = status.message !== '';
  const left = hasMessage ? messageParts(status) : agentParts(status);
  // What the user must read comes before the hint.
  const showsRight = !hasMessage && columnsOfParts(left) + rightColumns < grid.columns;
  const room = showsRight ? grid.columns - rightColumns : grid.columns;
  const end = drawParts(grid, row, 0, room, left);
  if (showsRight) drawParts(grid, row, grid.columns - rightColumns, grid.columns, right);
  if (status.typed === undefined) return end;
  const place = { column: end + 1, row, columns: grid.columns - end - 1 };
  return drawEdited(grid, place, status.typed, INK.plain);
}

function messageParts({ mode, message, messageInk }: Status): readonly Part[] {
  return [...badge(mode), [` ${message}`, messageInk]];
}

function badge(mode: string): readonly Part[] {
  return mode === '' ? [] : [[` ${mode} `, INK.mode]];
}

function agentParts({ session, mode, agents, waiting }: Status): readonly Part[] {
  const { symbol, ink } = BADGES.waits;
  const queue: readonly Part[] =
    waiting.length === 0
      ? [['nobody waits', INK.dim]]
      : [
          [`${symbol} ${waiting.length} ${waiting.length === 1 ? 'waits' : 'wait'}: `, ink],
          [waiting.join(', '), INK.bold],
        ];
  return [
    ...badge(mode),
    [` ${session} `, INK.bold],
    ['│ ', INK.dim],
    [`${agents} ${agents === 1 ? 'agent' : 'agents'} `, INK.plain],
    ['│ ', INK.dim],
    ...queue,
    ['  ', INK.plain],
  ];
}

function columnsOfParts(parts: readonly Part[]): number {
  return parts.reduce((sum, [text]) => sum + labelColumns(text), 0);
}

function drawParts(
  grid: CellGrid,
  row: number,
  start: number,
  end: number,
  parts: readonly Part[],
): number {
  let column = start;
  for (const [text, ink] of parts) {
    column += drawLabel(grid, { column, row, columns: end - column }, text, ink);
  }
  return column;
}
