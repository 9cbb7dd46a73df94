/** Reads what `tmux capture-pane -e` writes: one line a row, its attributes as SGR, which go on into the next line. */
import { clustersOf, paletteColor, rgbColor, STYLE } from '../../src/terminal/cells/index.js';

/** One cell as a text that tells all that is seen of it: glyph, columns, colours, flags, underline and its colour. */
export type CapturedCell = string;

interface Ink {
  foreground: number;
  background: number;
  style: number;
  underline: number;
  underlineColor: number;
}

const PLAIN: Ink = { foreground: 0, background: 0, style: 0, underline: 0, underlineColor: 0 };

const SEEN_ON_BLANK = STYLE.inverse | STYLE.strikethrough | STYLE.overline;

export function describeCell(text: string, columns: number, ink: Readonly<Ink>): CapturedCell {
  const { foreground, background, style, underline } = ink;
  // A space in a colour looks like one in another.
  if (text === ' ' && underline === 0 && (style & SEEN_ON_BLANK) === 0)
    return `blank ${background}`;
  // Of a line that is not there nobody sees the colour.
  const underlineColor = underline === 0 ? 0 : ink.underlineColor;
  return `${text} ${columns} ${foreground} ${background} ${style} ${underline} ${underlineColor}`;
}

/** DEC's line drawing, which tmux keeps as letters between SO and SI. */
const LINES = new Map(
  Object.entries({
    '`': '◆',
    a: '▒',
    b: '␉',
    c: '␌',
    d: '␍',
    e: '␊',
    f: '°',
    g: '±',
    h: '␤',
    i: '␋',
    j: '┘',
    k: '┐',
    l: '┌',
    m: '└',
    n: '┼',
    o: '⎺',
    p: '⎻',
    q: '─',
    r: '⎼',
    s: '⎽',
    t: '├',
    u: '┤',
    v: '┴',
    w: '┬',
    x: '│',
    y: '≤',
    z: '≥',
    '{': 'π',
    '|': '≠',
    '}': '£',
    '~': '·',
  }),
);

const PIECE = /\u001b\[([\d;:]*)m|(\u000e)|(\u000f)|([^\u001b\u000e\u000f]+)/gu;

export function cellsOfCapture(lines: readonly string[], columns: number): CapturedCell[][] {
  const ink = { ...PLAIN };
  let drawing = false;
  return lines.map((line) => {
    const cells: CapturedCell[] = [];
    for (const [, sgr, so, si, text = ''] of line.matchAll(PIECE)) {
      if (sgr !== undefined) changeInk(ink, sgr);
      else if (so !== undefined || si !== undefined) drawing = so !== undefined;
      else {
        const drawn = drawing
          ? [...text].map((letter) => LINES.get(letter) ?? letter).join('')
          : text;
        for (const cluster of clustersOf(drawn)) {
          cells.push(describeCell(cluster.text, cluster.columns, ink));
          if (cluster.columns === 2) cells.push(describeCell('', 0, ink));
        }
      }
    }
    // What was never written is left out.
    while (cells.length < columns) cells.push(describeCell(' ', 1, PLAIN));
    return cells;
  });
}

const FLAGS: Readonly<Record<string, number>> = {
  1: STYLE.bold,
  2: STYLE.dim,
  3: STYLE.italic,
  5: STYLE.blink,
  7: STYLE.inverse,
  8: STYLE.invisible,
  9: STYLE.strikethrough,
  // tmux writes the codes above nine with a colon.
  '5:3': STYLE.overline,
};

function changeInk(ink: Ink, sgr: string): void {
  const codes = sgr.split(';');
  while (codes.length > 0) {
    const code = codes.shift() as string;
    const flag = FLAGS[code];
    const number = Number(code);
    if (code === '' || code === '0') Object.assign(ink, PLAIN);
    else if (flag !== undefined) ink.style |= flag;
    else if (code === '4') ink.underline = 1;
    else if (code.startsWith('4:')) ink.underline = Number(code.slice(2));
    else if (code === '38') ink.foreground = takeColor(codes);
    else if (code === '48') ink.background = takeColor(codes);
    else if (code === '58') ink.underlineColor = takeColor(codes);
    else if (code === '39') ink.foreground = 0;
    else if (code === '49') ink.background = 0;
    else if (code === '59') ink.underlineColor = 0;
    else if (number >= 30 && number <= 37) ink.foreground = paletteColor(number - 30);
    else if (number >= 40 && number <= 47) ink.background = paletteColor(number - 40);
    else if (number >= 90 && number <= 97) ink.foreground = paletteColor(number - 82);
    else if (number >= 100 && number <= 107) ink.background = paletteColor(number - 92);
    else throw new Error(`tmux wrote an attribute that is not known here: ${sgr}`);
  }
}

function takeColor(codes: string[]): number {
  const kind = codes.shift();
  const values = codes.splice(0, kind === '5' ? 1 : 3).map(Number);
  if (kind === '5') return paletteColor(values[0] ?? 0);
  return rgbColor(((values[0] ?? 0) << 16) | ((values[1] ?? 0) << 8) | (values[2] ?? 0));
}
