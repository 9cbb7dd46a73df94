/** Text in columns. Widths are terminal cells, not characters. */

export interface Column<R> {
  readonly title: string;
  readonly align: 'left' | 'right';
  readonly text: (row: R) => string;
  /** Longer text is cut. */
  readonly maxWidth?: number;
  /** Colours a padded cell. */
  readonly paint?: (row: R) => (text: string) => string;
}

/** East Asian wide and full-width characters and emoji take two cells. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const COMBINING = /\p{Mark}/u;
const PLAIN = /^[\u0020-\u007e]*$/;

export function displayWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += cellsOf(character);
  return width;
}

function cellsOf(character: string): number {
  if (COMBINING.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** At most `width` cells; what is cut off is shown by `…`. */
export function fit(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let result = '';
  let used = 0;
  for (const character of text) {
    const cells = cellsOf(character);
    if (used + cells > width - 1) break;
    result += character;
    used += cells;
  }
  return width < 1 ? '' : `${result}…`;
}

export function pad(text: string, width: number, align: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'left' ? `${text}${space}` : `${space}${text}`;
}

/** The heading and a line for each row, columns two cells apart, without space at the ends of lines. */
export function renderTable<R>(
  columns: readonly Column<R>[],
  rows: readonly R[],
  paintTitle: (text: string) => string = (text) => text,
): readonly string[] {
  const cells = rows.map((row) =>
    columns.map(({ text, maxWidth }) => fit(text(row), maxWidth ?? Infinity)),
  );
  const widths = columns.map(({ title }, index) =>
    cells.reduce((most, row) => Math.max(most, displayWidth(row[index] ?? '')), title.length),
  );
  const last = columns.length - 1;
  const line = (texts: readonly string[], paintCell: (text: string, index: number) => string) =>
    texts
      .map((text, index) => {
        const { align } = columns[index] as Column<R>;
        const padded =
          index === last && align === 'left' ? text : pad(text, widths[index] ?? 0, align);
        return paintCell(padded, index);
      })
      .join('  ');
  const titles = columns.map(({ title }) => title);
  return [
    paintTitle(line(titles, (text) => text)),
    ...cells.map((texts, rowIndex) =>
      line(texts, (text, index) => {
        const paint = columns[index]?.paint?.(rows[rowIndex] as R);
        return paint === undefined ? text : paint(text);
      }),
    ),
  ];
}
