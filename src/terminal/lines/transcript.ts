import { CellGrid, type PaneContent } from '../cells/index.js';
import { OutputBytes, type PenOptions } from '../output/index.js';
import { drawLabel, INK, ink } from '../view/index.js';
import { usedColumns } from './agent-lines.js';
import { LineEncoder } from './line-encoder.js';
import { tagOf } from './line-tag.js';

/** A pane whose last lines are written. */
export interface TranscriptPane {
  readonly name: string;
  /** Colour word of the name. */
  readonly color: number;
  readonly content: PaneContent;
}

export interface TranscriptOptions {
  /** Of each pane at most, rows of its terminal; 0: nothing is written. */
  readonly lines: number;
  /** Of the terminal: what is longer goes on in the next row. */
  readonly columns: number;
  readonly pen: PenOptions;
}

/** Of all panes together: each gets its share. */
const MAX_LINES = 20_000;
/** Rows of a pane that are one line, wrapped; what is longer goes on as another line. */
const MAX_ROWS = 64;
const HEADLINE_COLUMNS = 60;

/**
 * What panes showed, for the scrollback of a terminal after a view was left: of each the last lines, under a headline
 * with its name. Headlines begin in the first column and lines of agents never do, so that none can forge one; what they
 * are made of are glyphs, SGR and OSC 8, as of any frame. A pane that shows nothing is left out.
 */
export function transcriptOf(
  panes: readonly TranscriptPane[],
  { lines, columns, pen }: TranscriptOptions,
): Uint8Array {
  const out = new OutputBytes();
  const encoder = new LineEncoder(pen, out);
  const share = Math.min(lines, Math.floor(MAX_LINES / Math.max(1, panes.length)));
  for (const pane of panes) writePane(pane, share, columns, encoder, out);
  return out.view().slice();
}

/** In front of the lines of an agent: nothing but the rule. */
const NO_NAME = tagOf('', 0);

function writePane(
  { name, color, content }: TranscriptPane,
  lines: number,
  columns: number,
  encoder: LineEncoder,
  out: OutputBytes,
): void {
  const end = endOf(content);
  const first = Math.max(0, end - lines);
  if (first === end) return;
  writeHeadline(name, color, columns, encoder, out);
  const grid = new CellGrid(content.columns, MAX_ROWS);
  let rows = 0;
  for (let line = first; line < end; line += 1) {
    content.copyLine(line, grid, rows, 0, grid.columns);
    rows += 1;
    const continues = line + 1 < end && content.lineText(line + 1).wrapped;
    if (continues && rows < MAX_ROWS) continue;
    encoder.writeLine(NO_NAME, { grid, rows }, columns);
    rows = 0;
  }
}

/** The line after the last one that shows something. */
function endOf(content: PaneContent): number {
  const row = new CellGrid(content.columns, 1);
  let end = content.historyLines + content.rows;
  for (; end > 0; end -= 1) {
    content.copyLine(end - 1, row, 0, 0, row.columns);
    if (usedColumns(row, 0) > 0) break;
  }
  return end;
}

function writeHeadline(
  name: string,
  color: number,
  columns: number,
  encoder: LineEncoder,
  out: OutputBytes,
): void {
  // The last column stays free: a terminal may wrap behind it.
  const room = Math.max(1, Math.min(HEADLINE_COLUMNS, columns - 1));
  const row = new CellGrid(room, 1);
  const rule = '─'.repeat(room);
  drawLabel(row, { column: 0, row: 0, columns: room }, rule, INK.line);
  const place = { column: 2, row: 0, columns: room - 4 };
  drawLabel(row, place, ` ${name} `, { ...ink(color), style: INK.bold.style });
  encoder.writeRow(row, 0);
  out.ascii('\r\n');
}
