/** Draws a grid of terminal cells as SVG: deterministic, for screenshots that tests can compare. */
import {
  CELL,
  COLOR_KIND,
  STYLE,
  colorKind,
  colorValue,
  columnsOf,
  glyphOf,
  glyphs,
  underlineOf,
} from '../dist/src/terminal/cells/index.js';
import { paletteRgb } from '../dist/src/terminal/output/color-depth.js';

const CELL_WIDTH = 8.4;
const LINE_HEIGHT = 18;
const BASELINE = 13.5;
const MARGIN = 14;
const FOREGROUND = '#d7dae0';
const BACKGROUND = '#1e2127';
/** Colours 0-15 as a theme of today has them. */
const THEME = [
  ...['#3f4451', '#e06c75', '#98c379', '#e5c07b', '#61afef', '#c678dd', '#56b6c2', '#d7dae0'],
  ...['#5c6370', '#ff7b86', '#b1d196', '#f0d399', '#7cc3ff', '#d99aee', '#72d0dc', '#ffffff'],
];

function hex(rgb) {
  return `#${rgb.toString(16).padStart(6, '0')}`;
}

function colorOf(word, otherwise) {
  const value = colorValue(word);
  if (colorKind(word) === COLOR_KIND.default) return otherwise;
  if (colorKind(word) === COLOR_KIND.rgb) return hex(value);
  return THEME[value] ?? hex(paletteRgb(value));
}

function styleOf(grid, at) {
  const style = grid.words[at + CELL.style];
  const foreground = colorOf(grid.words[at + CELL.foreground], FOREGROUND);
  const background = colorOf(grid.words[at + CELL.background], BACKGROUND);
  const inverse = (style & STYLE.inverse) !== 0;
  return {
    fill: inverse ? background : foreground,
    back: inverse ? foreground : background,
    bold: (style & STYLE.bold) !== 0,
    dim: (style & STYLE.dim) !== 0,
    italic: (style & STYLE.italic) !== 0,
    underline: underlineOf(style) !== 0,
  };
}

/** A row as runs of one style each; a wide glyph is a run of its own. */
function runsOf(grid, row) {
  const runs = [];
  for (let column = 0; column < grid.columns; column += 1) {
    const at = grid.at(column, row);
    const columns = columnsOf(grid.words[at]);
    if (columns === 0) continue;
    const text = glyphs.textOf(glyphOf(grid.words[at]));
    const style = styleOf(grid, at);
    const last = runs.at(-1);
    const continues =
      columns === 1 && last?.wide === false && JSON.stringify(last.style) === JSON.stringify(style);
    if (continues) {
      last.text += text;
      last.columns += 1;
    } else runs.push({ column, columns, text, style, wide: columns === 2 });
  }
  return runs;
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function drawRun({ column, columns, text, style }, row) {
  const x = (MARGIN + column * CELL_WIDTH).toFixed(1);
  const y = MARGIN + row * LINE_HEIGHT;
  const width = (columns * CELL_WIDTH).toFixed(1);
  const parts = [];
  if (style.back !== BACKGROUND) {
    parts.push(
      `<rect x="${x}" y="${y}" width="${width}" height="${LINE_HEIGHT}" fill="${style.back}"/>`,
    );
  }
  if (text.trim() !== '') {
    const attributes = [
      `fill="${style.fill}"`,
      ...(style.bold ? ['font-weight="bold"'] : []),
      ...(style.italic ? ['font-style="italic"'] : []),
      ...(style.dim ? ['opacity="0.6"'] : []),
      ...(style.underline ? ['text-decoration="underline"'] : []),
    ].join(' ');
    parts.push(
      `<text x="${x}" y="${y + BASELINE}" ${attributes} textLength="${width}" ` +
        `xml:space="preserve">${escaped(text)}</text>`,
    );
  }
  return parts.join('');
}

/** `cursor`: drawn as a block where it is visible. */
export function gridToSvg(grid, cursor) {
  const width = Math.ceil(grid.columns * CELL_WIDTH + 2 * MARGIN);
  const height = grid.rows * LINE_HEIGHT + 2 * MARGIN;
  const rows = Array.from({ length: grid.rows }, (_row, row) =>
    runsOf(grid, row)
      .map((run) => drawRun(run, row))
      .join(''),
  );
  const block = cursor.visible
    ? `<rect x="${(MARGIN + cursor.column * CELL_WIDTH).toFixed(1)}" y="${MARGIN + cursor.row * LINE_HEIGHT}" ` +
      `width="${CELL_WIDTH}" height="${LINE_HEIGHT}" fill="${FOREGROUND}" opacity="0.7"/>\n`
    : '';
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">\n` +
    `<rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>\n` +
    `<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, monospace" font-size="14">\n` +
    `${rows.filter((row) => row !== '').join('\n')}\n${block}</g>\n</svg>\n`
  );
}
