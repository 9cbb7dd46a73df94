/** Recordings of agents that do anything a terminal can be told, and all that can be seen of a session. */
import fc from 'fast-check';
import { CellGrid } from '../../../src/terminal/cells/index.js';
import {
  type Recording,
  RecordingBuilder,
  type ReplayedSession,
} from '../../../src/terminal/replay/index.js';
import {
  encodeEnd,
  encodeSize,
  TERMINAL_TYPE,
  textLine,
} from '../../../src/terminal/stream/index.js';

const ESC = '\u001b';

/** Cut anywhere, so updates begin in one event and end in another, or never. */
const piece = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'abc XYZ019.é漢─'), maxLength: 30 }),
  fc.constantFrom(
    '\r\n',
    'line\r\n'.repeat(12),
    `${ESC}[31m`,
    `${ESC}[4:3;58:5:9m`,
    `${ESC}[4:5;58:2::1:2:3m`,
    `${ESC}]8;;https://example.org/a\u0007`,
    `${ESC}]8;;\u0007`,
    `${ESC}[m`,
    `${ESC}[2J${ESC}[H`,
    `${ESC}[3;7H`,
    `${ESC}[2;5r`,
    `${ESC}[?1049h`,
    `${ESC}[?1049l`,
    `${ESC}[?25l`,
    `${ESC}[?2026h`,
    `${ESC}[?2026hhalf drawn`,
    `${ESC}[?2026l`,
    `${ESC}]9;look\u0007`,
    `${ESC}]133;C\u0007`,
    `${ESC}]133;D;1\u0007`,
    '\u0007',
    `${ESC}c`,
    `${ESC}[3`,
    '1m',
    '\u00e9'.repeat(3),
  ),
  // Updates that come faster than anybody looks.
  fc.constantFrom(`${ESC}[?2026h`, `${ESC}[?2026l`, `${ESC}[?2026l${ESC}[?2026h`),
);

const output = fc.array(piece, { minLength: 1, maxLength: 3 }).map((pieces) => pieces.join(''));

type Happening =
  | { readonly type: 'output'; readonly text: string }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'size'; readonly columns: number; readonly rows: number }
  | { readonly type: 'exit'; readonly exitCode: number }
  | { readonly type: 'attention'; readonly state: string }
  | { readonly type: 'start' };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 12, arbitrary: output.map((text): Happening => ({ type: 'output', text })) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.integer({ min: 2, max: 60 }), fc.integer({ min: 1, max: 12 }))
      .map(([columns, rows]): Happening => ({ type: 'size', columns, rows })),
  },
  { weight: 1, arbitrary: fc.nat(2).map((exitCode): Happening => ({ type: 'exit', exitCode })) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom('waits', 'working', 'idle')
      .map((state): Happening => ({ type: 'attention', state })),
  },
  { weight: 1, arbitrary: fc.constant<Happening>({ type: 'start' }) },
);

export interface RecordedHappening {
  /** Two have terminals; the last one speaks in lines. */
  readonly agent: number;
  readonly afterMs: number;
  readonly what: Happening;
}

const pause = fc.oneof(
  { weight: 5, arbitrary: fc.integer({ min: 0, max: 20 }) },
  { weight: 2, arbitrary: fc.integer({ min: 100, max: 400 }) },
  { weight: 1, arbitrary: fc.integer({ min: 9_000, max: 12_000 }) },
);

export const happenings: fc.Arbitrary<readonly RecordedHappening[]> = fc.array(
  fc.record({ agent: fc.nat(2), afterMs: pause, what: happening }),
  { minLength: 1, maxLength: 50 },
);

const NAMES = ['fix', 'test', 'log'] as const;
export const TEXT_AGENT = NAMES[2];

export function recordingOf(all: readonly RecordedHappening[]): Recording {
  const builder = new RecordingBuilder('scene');
  let timeMs = 1_000_000;
  const sources = [0, 0, 0];
  for (const { agent, afterMs, what } of all) {
    timeMs += afterMs;
    const name = NAMES[agent as 0 | 1 | 2];
    if (what.type === 'start') sources[agent]! += 1;
    const userData = agent === 2 ? {} : { kind: 'terminal', columns: 40, rows: 8 };
    builder.begin(name, sources[agent]!, userData, timeMs);
    if (agent === 2) {
      const text = what.type === 'output' ? what.text : what.type;
      const bytes = textLine(timeMs % 8, text);
      builder.add(name, { type: TERMINAL_TYPE.output, bytes }, timeMs);
    } else addTerminal(builder, name, what, timeMs);
  }
  return builder.finish(true);
}

function addTerminal(
  builder: RecordingBuilder,
  name: string,
  what: Happening,
  timeMs: number,
): void {
  const add = (type: number, bytes: Uint8Array): void => builder.add(name, { type, bytes }, timeMs);
  if (what.type === 'output') add(TERMINAL_TYPE.output, Buffer.from(what.text));
  else if (what.type === 'size') add(TERMINAL_TYPE.size, encodeSize(what));
  else if (what.type === 'exit') add(TERMINAL_TYPE.exit, encodeEnd(what));
  else if (what.type === 'attention') {
    add(TERMINAL_TYPE.attention, Buffer.from(JSON.stringify(what)));
  }
}

/** All that a view may ask of any agent: what it is said to do, every cell, cursor, modes. */
export function seenOf({ agents }: ReplayedSession): unknown {
  return agents.map(({ pane }) => {
    const { content, ...said } = pane;
    const { columns, rows, historyLines, forgottenLines, cursor, modes } = content;
    const grid = new CellGrid(columns, historyLines + rows);
    for (let line = 0; line < grid.rows; line += 1) content.copyLine(line, grid, line, 0, columns);
    const cells = Buffer.from(grid.words.buffer).toString('base64');
    return { said, columns, rows, historyLines, forgottenLines, cursor, modes, cells };
  });
}
