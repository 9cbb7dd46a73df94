/**
 * Sequences that all emulators carry out alike: what programs are written for. Every one that depends on where the cursor
 * is says so before, as a cursor behind the last column means something else to each emulator.
 */
import fc from 'fast-check';
import { type Token } from './agent-streams.js';

const ESC = '\u001b';
const CSI = `${ESC}[`;

/** In no more columns than the smallest pane has. */
const short = fc.constantFrom('a', 'hello', 'é', 'Жz', '│─┼', ' ', '     ');
const narrow = fc.constantFrom('a', '$ npm test', 'ö é', 'longer than a row of the smallest pane');
/** Of two columns for everybody. */
const wide = fc.constantFrom('中文', '한글', '👍', '漢');

const count = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 90 }));
const place = fc
  .tuple(fc.integer({ min: 1, max: 21 }), fc.integer({ min: 1, max: 62 }))
  .map(([row, column]) => `${CSI}${row};${column}H`);

const words = fc.oneof(
  short.map((word) => `\r${word}`),
  // A line that comes because text wraps has its colour here, as in xterm, and none in tmux.
  narrow.map((word) => `${CSI}49m${word}`),
  fc.tuple(place, short).map(([where, word]) => `${where}${CSI}m${CSI}K${word}`),
);

const palette = fc.nat(255);
const component = fc.nat(255);
const attributes = fc.oneof(
  fc.constantFrom('', '0', '1', '2', '3', '4', '5', '7', '8', '9', '22', '23', '24', '25', '27'),
  fc.constantFrom('28', '29', '39', '49', '53', '55', '59', '4:0', '4:2', '4:3', '4:4', '4:5'),
  fc.integer({ min: 30, max: 37 }).map(String),
  fc.integer({ min: 40, max: 47 }).map(String),
  fc.integer({ min: 90, max: 97 }).map(String),
  fc.integer({ min: 100, max: 107 }).map(String),
  palette.map((n) => `38;5;${n}`),
  palette.map((n) => `48;5;${n}`),
  palette.map((n) => `38:5:${n}`),
  palette.map((n) => `58:5:${n}`),
  fc.tuple(component, component).map(([r, b]) => `38;2;${r};0;${b}`),
  fc.tuple(component, component).map(([r, b]) => `48:2::${r}:9:${b}`),
  fc.tuple(component, component).map(([r, b]) => `58:2::${r}:9:${b}`),
);
const colors = fc
  .array(attributes, { minLength: 1, maxLength: 4 })
  .map((parameters) => `${CSI}${parameters.join(';')}m`);

/** After a place. */
const acts = fc.oneof(
  fc.tuple(fc.constantFrom(...'ABCDEFGd'), count).map(([final, n]) => `${CSI}${n}${final}`),
  // Of more cells than it moves tmux leaves some as they were.
  fc.integer({ min: 1, max: 3 }).map((n) => `\r${CSI}${n}@`),
  fc.tuple(fc.constantFrom(...'XP'), count).map(([final, n]) => `${CSI}${n}${final}`),
  fc.constantFrom('J', '1J', '2J', 'K', '1K', '2K').map((what) => `${CSI}${what}`),
  fc.constantFrom('\t', `${CSI}3G\b`, '\r', '\n', `${ESC}D`, `${ESC}E`, `${ESC}M`),
  fc.integer({ min: 1, max: 3 }).map((n) => `\rx${CSI}${n}b`),
);
/** Lines are moved inside of a region, and with the cursor in the first column then, as only some put it there. */
const lines = fc
  .tuple(
    fc.constantFrom(`${CSI}2;9r${CSI}3;2H`, `${CSI}r${CSI}2;2H`, `${CSI}r${CSI}9;1H`),
    count,
    fc.constantFrom('L', 'M'),
  )
  .map(([where, n, final]) => `${where}${CSI}${n}${final}\r`);
const positioned = fc.tuple(place, acts).map(([where, act]) => where + act);

const elsewhere = fc.oneof(
  lines,
  count.map((n) => `${CSI}${n}S`),
  // These lines have no colour here, and that of tmux.
  count.map((n) => `${CSI}m${CSI}${n}T`),
  fc
    .tuple(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 9, max: 20 }))
    .map(([top, end]) => `${CSI}${top};${end}r`),
  fc.constantFrom(`${CSI}r`, `${CSI}r${CSI}m${ESC}#8`),
  fc
    .tuple(place, colors, words)
    .map(([where, color, word]) => `${ESC}7${where}${color}${word}${ESC}8`),
  fc.constantFrom(`\r${ESC}(0qlk${ESC}(B`, `\r${ESC})0\u000exqx\u000f`, '\re\u0301x'),
  fc
    .tuple(fc.constantFrom('?25', '?1', '?2004'), fc.boolean())
    .map(([mode, on]) => `${CSI}${mode}${on ? 'h' : 'l'}`),
  short.map((word) => `${CSI}2;9r${CSI}?6h${CSI}2;1H${word}${CSI}?6l\r`),
  narrow.map((word) => `\r${CSI}?7l${word}${CSI}?7h\r`),
  fc.constantFrom('ab', '│', 'é').map((word) => `${CSI}4h\r${word}${CSI}4l`),
  words.map((word) => `${CSI}?2026h${word}${CSI}?2026l`),
  fc.constantFrom(`${ESC}]0;title\u0007`, `${ESC}P$qm${ESC}\\`, `${ESC}]8;;https://a.b/\u0007`),
);

function token(text: string): Token {
  return { bytes: new TextEncoder().encode(text), asColor: text };
}

const anywhere: readonly fc.WeightedArbitrary<Token>[] = [
  { weight: 8, arbitrary: words.map(token) },
  { weight: 3, arbitrary: fc.constantFrom('\r\n', '\r').map(token) },
  { weight: 4, arbitrary: colors.map(token) },
  { weight: 6, arbitrary: positioned.map(token) },
  { weight: 3, arbitrary: elsewhere.map(token) },
];

/**
 * To the alternate screen and back: whoever leaves has come, and only once. Regions and tab stops are of one screen here, of
 * both in tmux.
 */
const visits = fc
  .array(fc.oneof(...anywhere), { maxLength: 20 })
  .map((tokens) =>
    token(`${CSI}r${CSI}?1049h${tokens.map(({ asColor }) => asColor).join('')}${CSI}r${CSI}?1049l`),
  );

const tabs = fc
  .tuple(place, fc.constantFrom(`${ESC}H`, `${CSI}g`, `${CSI}3g`))
  .map(([where, what]) => token(where + what));

export const settledToken: fc.Arbitrary<Token> = fc.oneof(
  ...anywhere,
  { weight: 1, arbitrary: tabs },
  { weight: 1, arbitrary: visits },
);

/** The column that is left where one does not fit shows lines here, as in xterm, and in tmux none. */
const plainWide = wide.map((word) => `${CSI}24;27;29;55m${word}`);

/**
 * Text with wide glyphs, always on rows that were erased: what is left of one that is overwritten has the new colours here,
 * as in xterm, and none in tmux.
 */
export const paragraphToken: fc.Arbitrary<Token> = fc
  .tuple(
    fc.integer({ min: 1, max: 21 }),
    colors,
    fc.array(fc.oneof(plainWide, narrow, short), { minLength: 1, maxLength: 8 }),
    fc.constantFrom('', '\r\n', `${CSI}2S`, `${CSI}m${CSI}T`, `${CSI}2;9r${CSI}9H\n${CSI}r`),
  )
  .map(([row, color, all, end]) =>
    token(`${CSI}${row}H${CSI}m${CSI}J${color}${CSI}49m${all.join('')}${end}`),
  );
