/** Everything between agents and the user's terminal, with what they should never write: only frames come out. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { paletteColor } from '../../../src/terminal/cells/index.js';
import { AgentScreen } from '../../../src/terminal/screen/index.js';
import { Presenter, type ViewPane } from '../../../src/terminal/view/index.js';
import { grammarProblem } from '../../unit/terminal-output/output-grammar.js';
import { bytesOf, hostileToken } from './agent-streams.js';
import { outputOf, readCaptures } from './captures.js';

const SEED = 20_265;
const SEQUENCES = Number(process.env['SLUICE_FUZZ_SEQUENCES'] ?? 50_000);
const AGENTS = 6;

/** Its bytes are cut anywhere. */
const FRAMES_A_BURST = 3;

/** What an agent writes, and how many sequences that is at least. */
interface Burst {
  readonly agent: number;
  readonly bytes: Uint8Array;
  readonly sequences: number;
}

/** Of bytes of real programs: their sequences, and the ends of their lines. */
function sequencesIn(bytes: Uint8Array): number {
  return bytes.reduce((count, byte) => count + (byte === 0x1b || byte === 0x0a ? 1 : 0), 0);
}

const real = readCaptures().map(({ events }) => outputOf(events));

/** A piece of what a real program wrote, cut out anywhere. */
const piece = fc
  .tuple(fc.constantFrom(...real), fc.noBias(fc.nat(0xff_ffff)), fc.noBias(fc.nat(3000)))
  .map(([bytes, start, length]) => {
    const from = start % bytes.length;
    return bytes.subarray(from, from + length);
  });

/** Something else in the place of some bytes: other ones, none, or those of somebody hostile. */
const change = fc.record({
  at: fc.nat(3000),
  removed: fc.nat(6),
  inserted: fc.oneof(
    fc.uint8Array({ maxLength: 4 }),
    hostileToken.map(({ bytes }) => bytes),
    fc
      .constantFrom('0', ';', ':', '\u001b', '[', '?', '999999', '\u0007')
      .map((text) => Buffer.from(text)),
  ),
});

const mutated = fc.tuple(piece, fc.array(change, { maxLength: 8 })).map(([bytes, changes]) =>
  changes.reduce<Uint8Array>((before, { at, removed, inserted }) => {
    const start = at % (before.length + 1);
    return Buffer.concat([before.subarray(0, start), inserted, before.subarray(start + removed)]);
  }, bytes),
);

const agent = fc.noBias(fc.nat(AGENTS - 1));
const bursts: fc.Arbitrary<Burst> = fc.oneof(
  fc
    .tuple(agent, fc.array(hostileToken, { minLength: 20, maxLength: 60, size: 'max' }))
    .map(([number, tokens]) => ({
      agent: number,
      bytes: bytesOf(tokens),
      sequences: tokens.length,
    })),
  fc
    .tuple(agent, mutated)
    .map(([number, bytes]) => ({ agent: number, bytes, sequences: sequencesIn(bytes) })),
);

/** A user's terminal and what is done with it: its colours, sizes, keys that go to the view. */
const scene = fc.record({
  colors: fc.constantFrom('none', '16', '256', 'truecolor'),
  able: fc.boolean(),
  synchronizedOutput: fc.boolean(),
  columns: fc.noBias(fc.integer({ min: 20, max: 200 })),
  rows: fc.noBias(fc.integer({ min: 5, max: 60 })),
  keys: fc.constantFrom('', '\u0007z', '\u0007f', '\u0007g', '\u0007[', '\u0007?', 'q', '\u0007n'),
  bursts: fc.array(bursts, { minLength: 20, maxLength: 40, size: 'max' }),
});

function panesOf(screens: readonly AgentScreen[]): ViewPane[] {
  return screens.map((content, index) => ({
    name: index === 0 ? 'evil\u001b]0;x\u0007\u202e' : `agent-${index}`,
    color: paletteColor(index),
    state: index === 1 ? 'waits' : 'working',
    note: index === 1 ? '\u001b[2J\u009b31m漢' : '',
    content,
  }));
}

describe('the bytes of frames', () => {
  it(`are of the few kinds that are allowed, whatever agents send in ${SEQUENCES} sequences`, (test) => {
    const screens = Array.from(
      { length: AGENTS },
      () => new AgentScreen({ columns: 80, rows: 24, maxHistoryLines: 100 }),
    );
    let sequences = 0;
    let frames = 0;
    let bytes = 0;
    for (let seed = SEED; sequences < SEQUENCES; seed += 1) {
      for (const {
        colors,
        able,
        synchronizedOutput,
        columns,
        rows,
        keys,
        bursts: all,
      } of fc.sample(scene, { seed, numRuns: 10 })) {
        const presenter = new Presenter(
          { columns, rows, session: 'main' },
          {
            colors,
            underlineStyles: able,
            hyperlinks: able,
            synchronizedOutput,
            kittyKeyboard: false,
          },
        );
        presenter.view.setPanes(panesOf(screens));
        // Whoever left a string without an end would be silent from then on.
        for (const screen of screens) screen.endProgram();
        for (const [index, burst] of all.entries()) {
          const screen = screens[burst.agent] as AgentScreen;
          sequences += burst.sequences;
          if (index === 8) presenter.feed(Buffer.from(keys));
          if (index === 12) fit(presenter, screens);
          const step = Math.ceil(burst.bytes.length / FRAMES_A_BURST) || 1;
          for (let at = 0; at < burst.bytes.length; at += step) {
            screen.write(burst.bytes.subarray(at, at + step));
            const frame = presenter.frame().bytes;
            assert.equal(grammarProblem(frame), undefined, `seed ${seed}`);
            frames += 1;
            bytes += frame.length;
          }
        }
      }
    }
    for (const screen of screens) {
      assert.equal(screen.faults, 0);
      screen.close();
    }
    assert.ok(bytes > sequences, 'something was shown');
    test.diagnostic(`${sequences} sequences, ${frames} frames of ${bytes} bytes`);
  });
});

/** Programs get the sizes of their panes. */
function fit(presenter: Presenter, screens: readonly AgentScreen[]): void {
  for (const [index, { name }] of panesOf(screens).entries()) {
    const size = presenter.view.paneSize(name);
    if (size !== undefined) screens[index]?.resize(Math.max(2, size.columns), size.rows);
  }
}
