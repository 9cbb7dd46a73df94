import type { CellGrid } from '../cells/index.js';
import type { LineEditor } from '../input/index.js';
import { drawEdited } from './edited-text.js';
import { drawGlyph, drawLabel, labelColumns } from './label.js';
import { type PlaybackState, playbackParts } from './playback-status.js';
import { BADGES, INK, type Ink } from './theme.js';

/** What stands in its middle instead of the agents. */
export interface StatusMessage {
  readonly mode: string;
  readonly message: string;
  /** Waits for the user. */
  readonly urgent?: boolean;
}

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
  /** How to get help; undefined: nobody is there to be told. */
  readonly hint: readonly [key: string, text: string] | undefined;
  /** Of a recording that is played: stands before the agents. */
  readonly playback: PlaybackState | undefined;
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
    ...hintParts(status),
  ];
  const rightColumns = columnsOfParts(right);
  const hasMessage = status.message !== '';
  const left = hasMessage ? messageParts(status) : agentParts(status, grid.columns);
  // What the user must read comes before the hint.
  const showsRight = !hasMessage && columnsOfParts(left) + rightColumns < grid.columns;
  const room = showsRight ? grid.columns - rightColumns : grid.columns;
  const end = drawParts(grid, row, 0, room, left);
  if (showsRight) drawParts(grid, row, grid.columns - rightColumns, grid.columns, right);
  if (status.typed === undefined) return end;
  const place = { column: end + 1, row, columns: grid.columns - end - 1 };
  return drawEdited(grid, place, status.typed, INK.plain);
}

function hintParts({ hint }: Status): readonly Part[] {
  if (hint === undefined) return [];
  return [
    [hint[0], INK.accent],
    [` ${hint[1]} `, INK.dim],
  ];
}

function messageParts({ mode, message, messageInk }: Status): readonly Part[] {
  return [...badge(mode), [` ${message}`, messageInk]];
}

function badge(mode: string): readonly Part[] {
  return mode === '' ? [] : [[` ${mode} `, INK.mode]];
}

function agentParts(
  { session, mode, agents, waiting, playback }: Status,
  columns: number,
): readonly Part[] {
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
    ...(playback === undefined
      ? ([[` ${session} `, INK.bold]] as const)
      : playbackParts(playback, columns)),
    ['│ ', INK.dim],
    [`${agentsText(agents, playback?.hidden ?? 0)} `, INK.plain],
    ['│ ', INK.dim],
    ...queue,
    ['  ', INK.plain],
  ];
}

function agentsText(shown: number, hidden: number): string {
  if (hidden > 0) return `${shown} of ${shown + hidden} agents`;
  return `${shown} ${shown === 1 ? 'agent' : 'agents'}`;
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
