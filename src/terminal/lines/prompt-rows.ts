import { CellGrid, paletteColor, STYLE } from '../cells/index.js';
import type { LineEditor } from '../input/index.js';
import { TEXT_COLORS, textTypeName } from '../stream/index.js';
import { drawEdited, drawLabel, INK, type Ink, ink } from '../view/index.js';
import type { PromptRows } from './merged-lines.js';

export interface PromptContent {
  /** What messages are sent as. */
  readonly name: string;
  readonly type: number;
  readonly line: LineEditor;
  /** Said above the prompt until the next key; empty: nothing. May be foreign. */
  readonly notice: string;
}

/** So many columns stay for the text, however long the name is. */
const MIN_TEXT_COLUMNS = 12;
const SEPARATOR = ' › ';

function inkOf(type: number): Ink {
  const code = Number(TEXT_COLORS[textTypeName(type) ?? 'assistant'].sgr);
  if (code === 2) return ink(0, STYLE.dim);
  if (code === 39) return ink(0);
  return ink(paletteColor(code >= 90 ? code - 82 : code - 30));
}

/** `name type › what is typed`, for a terminal of so many columns, whose last one stays free. */
export function promptRows(
  { name, type, line, notice }: PromptContent,
  terminalColumns: number,
): PromptRows {
  const columns = Math.max(1, terminalColumns - 1);
  const row = notice === '' ? 0 : 1;
  const grid = new CellGrid(columns, row + 1);
  if (row === 1) drawLabel(grid, { column: 0, row: 0, columns }, notice, INK.alert);
  const labelColumns = Math.max(0, columns - MIN_TEXT_COLUMNS);
  let column = 0;
  const draw = (text: string, textInk: Ink): void => {
    column += drawLabel(grid, { column, row, columns: labelColumns - column }, text, textInk);
  };
  draw(`${name} `, INK.bold);
  draw(textTypeName(type) ?? String(type), inkOf(type));
  draw(SEPARATOR, INK.dim);
  const place = { column, row, columns: columns - column };
  return { grid, cursorColumn: drawEdited(grid, place, line, INK.plain) };
}
