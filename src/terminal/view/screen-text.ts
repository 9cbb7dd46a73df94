/** A screen as lines of text, plain or with its colours. */
import {
  CELL,
  CELL_WORDS,
  CellGrid,
  columnsOf,
  glyphOf,
  type PaneContent,
} from '../cells/index.js';
import { type ColorDepth, GlyphByteTable, OutputBytes, Pen } from '../output/index.js';

/** The lines that are shown, the first `history` lines above them before; without blanks at their ends. */
export function plainLines(content: PaneContent, history: number): readonly string[] {
  return lineNumbers(content, history).map((line) => content.lineText(line).text);
}

/** The same with SGR sequences; each line begins and ends with none set. No links: they are for terminals of one's own. */
export function coloredLines(
  content: PaneContent,
  history: number,
  colors: ColorDepth = 'truecolor',
): readonly string[] {
  const grid = new CellGrid(content.columns, 1);
  const underlineStyles = colors === 'truecolor';
  const pen = new Pen({ colors, underlineStyles, hyperlinks: false });
  const glyphs = new GlyphByteTable();
  const out = new OutputBytes();
  return lineNumbers(content, history).map((line) => {
    content.copyLine(line, grid, 0, 0, content.columns);
    out.clear();
    const end = lastShown(grid);
    for (let at = 0; at < end; at += CELL_WORDS) {
      const word = grid.words[at + CELL.glyph] as number;
      if (columnsOf(word) === 0) continue;
      const glyph = glyphOf(word);
      if (!pen.suits(grid.words, at)) pen.changeTo(grid.words, at, glyph === 0x20, out);
      if (glyph < 0x80) out.byte(glyph);
      else out.append(glyphs.of(glyph).bytes);
    }
    pen.reset(out);
    return Buffer.from(out.view()).toString('utf8');
  });
}

function lineNumbers({ historyLines, rows }: PaneContent, history: number): number[] {
  const first = historyLines - Math.min(history, historyLines);
  return Array.from({ length: historyLines + rows - first }, (_, at) => first + at);
}

/** Index behind the last cell that is not blank. */
function lastShown({ words }: CellGrid): number {
  for (let at = words.length - CELL_WORDS; at >= 0; at -= CELL_WORDS) {
    const isSpace = glyphOf(words[at + CELL.glyph] as number) === 0x20;
    const isPlain = words[at + CELL.background] === 0 && words[at + CELL.style] === 0;
    if (!isSpace || !isPlain) return at + CELL_WORDS;
  }
  return 0;
}
