/**
 * Draws a captured terminal screen as SVG, for the README.
 *
 *   tmux capture-pane -p -e -t PANE | node scripts/screen-to-svg.mjs > docs/top.svg
 *
 * Understands what the commands print: text and SGR bold, dim, red, green, yellow, inverse, reset.
 */
import { readFileSync } from 'node:fs';

const CELL_WIDTH = 8.4;
const LINE_HEIGHT = 19;
const MARGIN = 14;
const COLORS = { 31: '#e06c75', 32: '#98c379', 33: '#e5c07b', 36: '#56b6c2' };
const FOREGROUND = '#d7dae0';
const BACKGROUND = '#1e2127';

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** A line as runs of one style each. */
function runsOf(line) {
  const runs = [];
  let style = {};
  let column = 0;
  for (const [, sgr, text] of line.matchAll(/\u001b\[([0-9;]*)m|([^\u001b]+)/g)) {
    if (text !== undefined) {
      runs.push({ column, text, style });
      column += [...text].length;
      continue;
    }
    for (const code of (sgr === '' ? '0' : sgr).split(';').map(Number)) {
      if (code === 0) style = {};
      else if (code === 1) style = { ...style, bold: true };
      else if (code === 2) style = { ...style, dim: true };
      else if (code === 7) style = { ...style, inverse: true };
      else if (code === 22) style = { ...style, bold: false, dim: false };
      else if (code === 27) style = { ...style, inverse: false };
      else if (code === 39) style = { ...style, color: undefined };
      else if (COLORS[code] !== undefined) style = { ...style, color: COLORS[code] };
    }
  }
  return runs;
}

function drawRun({ column, text, style }, row) {
  const x = MARGIN + column * CELL_WIDTH;
  const y = MARGIN + row * LINE_HEIGHT;
  const width = [...text].length * CELL_WIDTH;
  const back = style.inverse
    ? `<rect x="${x.toFixed(1)}" y="${y}" width="${width.toFixed(1)}" height="${LINE_HEIGHT}" fill="${FOREGROUND}"/>`
    : '';
  const fill = style.inverse ? BACKGROUND : (style.color ?? FOREGROUND);
  const weight = style.bold ? ' font-weight="bold"' : '';
  const opacity = style.dim ? ' opacity="0.6"' : '';
  return (
    `${back}<text x="${x.toFixed(1)}" y="${y + 14}" fill="${fill}"${weight}${opacity} ` +
    `textLength="${width.toFixed(1)}" xml:space="preserve">${escaped(text)}</text>`
  );
}

const lines = readFileSync(0, 'utf8').replace(/\s+$/u, '').split('\n');
const plain = lines.map((line) => line.replace(/\u001b\[[0-9;]*m/g, ''));
const width = Math.ceil(Math.max(...plain.map((line) => line.length)) * CELL_WIDTH + 2 * MARGIN);
const height = lines.length * LINE_HEIGHT + 2 * MARGIN;
const body = lines.flatMap((line, row) => runsOf(line).map((run) => drawRun(run, row)));
process.stdout.write(
  `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">\n` +
    `<rect width="100%" height="100%" rx="8" fill="${BACKGROUND}"/>\n` +
    `<g font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, monospace" font-size="14">\n${body.join('\n')}\n</g>\n</svg>\n`,
);
