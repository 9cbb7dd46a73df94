import type { PaneContent } from '../cells/index.js';
import { type TextPlace, lineText } from './line-text.js';

/** Something found: its first cell and how many it takes. */
export interface Match extends TextPlace {
  readonly columns: number;
}

/** A query without a capital finds both. */
function folded(text: string, query: string): string {
  if (query !== query.toLowerCase()) return text;
  const small = text.toLowerCase();
  // A few capitals become longer; then only the exact text is found, and every place stays right.
  return small.length === text.length ? small : text;
}

/** All places of `query` in a text, by their first unit. */
export function unitsOf(text: string, query: string): number[] {
  if (query === '') return [];
  const found: number[] = [];
  const searched = folded(text, query);
  for (let unit = searched.indexOf(query); unit >= 0;) {
    found.push(unit);
    unit = searched.indexOf(query, unit + query.length);
  }
  return found;
}

/** All matches of one line; `line` as it is now, `number` as it counts for ever. */
function matchesOf(content: PaneContent, line: number, number: number, query: string): Match[] {
  // The text alone is cheaper than the cells, and most lines have no match.
  if (unitsOf(content.lineText(line).text, query).length === 0) return [];
  const { text, columns } = lineText(content, line);
  return unitsOf(text, query).map((unit) => {
    const column = columns[unit] ?? 0;
    return { line: number, column, columns: (columns[unit + query.length] ?? column) - column };
  });
}

/**
 * The next match before or after a place, the place itself not included; every line once, then on from the other end.
 * Undefined when there is none.
 */
export function findText(
  content: PaneContent,
  query: string,
  from: TextPlace,
  direction: 'back' | 'on',
): Match | undefined {
  const count = content.historyLines + content.rows;
  const start = Math.min(count - 1, Math.max(0, from.line - content.forgottenLines));
  const step = direction === 'on' ? 1 : -1;
  for (let walked = 0; walked <= count; walked += 1) {
    const line = (((start + step * walked) % count) + count) % count;
    const matches = matchesOf(content, line, line + content.forgottenLines, query);
    const eligible = matches.filter(({ column }) => {
      if (walked > 0) return true;
      return direction === 'on' ? column > from.column : column < from.column;
    });
    const match = direction === 'on' ? eligible[0] : eligible.at(-1);
    if (match !== undefined) return match;
  }
  return undefined;
}
