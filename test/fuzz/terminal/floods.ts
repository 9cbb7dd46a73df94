import fc from 'fast-check';
import { AgentScreen } from '../../../src/terminal/screen/index.js';
import { bytesOf, hostileToken, type Token } from './agent-streams.js';
import {
  type Comparison,
  compareScreen,
  HISTORY_LINES,
  newComparison,
  playAlone,
} from './oracle.js';

const encoder = new TextEncoder();

function line(text: string): Token {
  return { bytes: encoder.encode(text), asColor: text };
}

const CSI = '\u001b[';
const SGR = [
  '',
  '0',
  '1',
  '31',
  '0;32',
  '44',
  '38;5;200',
  '48:2::1:2:3',
  '4:3',
  '7',
  '39',
  '22;49',
];

/** Mostly of one row, so that the line that must be kept first is often the first that is. */
const plain = fc
  .tuple(
    fc.oneof({ weight: 9, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(130) }),
    fc.nat(25),
  )
  .map(([count, letter]) => line(`${String.fromCodePoint(0x61 + letter).repeat(count)}\r\n`));

/** Colours anywhere in a line, taken back or not; the rest of a row blank in the colour that is set. */
const colored = fc
  .array(fc.tuple(fc.constantFrom(...SGR), fc.constantFrom('', 'x', 'some text', `${CSI}K`)), {
    minLength: 1,
    maxLength: 4,
  })
  .map((parts) => line(`${parts.map(([sgr, text]) => `${CSI}${sgr}m${text}`).join('')}\r\n`));

/** Lines whose rows are not counted, or that end elsewhere than in the first column. */
const other = fc
  .constantFrom(
    'overdrawn\rover\r\n',
    `50%\r${CSI}K100%\r${CSI}2K\r\n`,
    'a\tb\tc\r\n',
    'abc\b\bd\r\n',
    'caf\u00e9 \u4e2d\u6587\r\n',
    '\u{1f468}\u200d\u{1f469}\u200d\u{1f467} \u2764\ufe0f e\u0301\r\n',
    'line feed alone\n',
    '\n',
    'no end',
    '\r',
    `\r${CSI}31m\n`,
  )
  .map(line);

/** Sets what lines depend on, or puts it back. */
const mode = fc
  .constantFrom(
    ...[`${CSI}?7l`, `${CSI}?7h`, `${CSI}?7h`, `${CSI}4h`, `${CSI}4l`, `${CSI}20h`, `${CSI}20l`],
    ...['\u001b(0', '\u001b(B', `${CSI}2;5r`, `${CSI}r`, `${CSI}r`, `${CSI}?1049h`, `${CSI}?1049l`],
    ...[`${CSI}H`, `${CSI}2;3H`, `${CSI}2J`, '\u001b7', '\u001b8', '\u001bc', `${CSI}3J`],
  )
  .map(line);

const flood = fc
  .array(
    fc.oneof(
      { weight: 80, arbitrary: plain },
      { weight: 15, arbitrary: colored },
      { weight: 5, arbitrary: other },
    ),
    { minLength: 20, maxLength: 260, size: 'max' },
  )
  .map(bytesOf);

const between = fc.array(fc.oneof(mode, hostileToken), { maxLength: 3 }).map(bytesOf);

export interface FloodRun {
  readonly bytes: Uint8Array;
  readonly columns: number;
  readonly rows: number;
  readonly cuts: readonly number[];
}

/** Floods of lines with other output before, between and after them. */
export const floodRun: fc.Arbitrary<FloodRun> = fc.record({
  bytes: fc
    .array(fc.tuple(between, flood), { minLength: 1, maxLength: 3 })
    .map((parts) => new Uint8Array(Buffer.concat(parts.flat()))),
  columns: fc.integer({ min: 2, max: 60 }),
  rows: fc.integer({ min: 1, max: 8 }),
  cuts: fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 12 }),
});

function open({ columns, rows }: FloodRun): AgentScreen {
  return new AgentScreen({ columns, rows, maxHistoryLines: HISTORY_LINES });
}

/** A screen that nobody looks at meanwhile, so that it leaves out what it may. */
function playUnseen(run: FloodRun): AgentScreen {
  const screen = open(run);
  for (let start = 0, cut = 0; start < run.bytes.length; cut += 1) {
    const end = start + (run.cuts[cut % run.cuts.length] as number);
    screen.write(run.bytes.subarray(start, end));
    start = end;
  }
  return screen;
}

/** How many rows left the history when somebody looks after each byte, so that nothing is left out. */
function forgottenWhenSeen(run: FloodRun): number {
  const screen = open(run);
  let forgotten = 0;
  for (let at = 0; at < run.bytes.length; at += 1) {
    screen.write(run.bytes.subarray(at, at + 1));
    forgotten = screen.forgottenLines;
  }
  screen.close();
  return forgotten;
}

/** Compares a screen that nobody looked at with an emulator that played the whole stream. */
export async function compareFlood(run: FloodRun, total: Comparison): Promise<void> {
  const screen = playUnseen(run);
  const comparison = newComparison();
  const alone = await playAlone(run.bytes, run, []);
  compareScreen(screen, alone, comparison);
  alone.dispose();
  const forgotten = [screen.forgottenLines, forgottenWhenSeen(run)];
  screen.close();
  total.cells += comparison.cells;
  if (comparison.wrong > 0) throw new Error(comparison.first);
  if (forgotten[0] !== forgotten[1]) throw new Error(`forgotten ${forgotten.join(', seen ')}`);
}
