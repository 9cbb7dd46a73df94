/** A recording in a layout as an asciicast: what a player shows of it is what the view composes of that moment. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type CastEvent, CastReader } from '../../../src/terminal/cast/index.js';
import {
  AgentSelection,
  layoutCast,
  type LayoutCastOptions,
  type Recording,
  ReplayedSession,
} from '../../../src/terminal/replay/index.js';
import { type LayoutKind, View } from '../../../src/terminal/view/index.js';
import { HostTerminal, type SeenCell, seenOfGrid } from '../terminal-output/host-terminal.js';
import { grammarProblem } from '../terminal-output/output-grammar.js';
import { happenings, recordingOf } from './recorded-scenes.js';

const SIZE = { columns: 70, rows: 16 } as const;

function options(recording: Recording, layout: LayoutKind): LayoutCastOptions {
  const names = recording.agents.map(({ name }) => name);
  const selection = new AgentSelection(names);
  const times = { fromMs: 0, speed: 1, idleLimitMs: Infinity };
  return { ...SIZE, ...times, layout, title: 'all', selection };
}

function eventsOf(lines: Iterable<string>): (CastEvent & { readonly type: 'output' })[] {
  const reader = new CastReader('x.cast');
  return [...lines]
    .map((line) => reader.read(line.replace(/\n$/, '')))
    .filter((event) => event?.type === 'output');
}

/** Composed by a view that has seen nothing before, of a session that was played straight there. */
function composed(recording: Recording, layout: LayoutKind, timeMs: number): SeenCell[][] {
  const session = new ReplayedSession(recording);
  const view = new View({ ...SIZE, session: 'all', layout, purpose: 'picture' });
  const panes = (): void => view.setPanes(session.agents.map(({ pane }) => pane));
  panes();
  const sizes = recording.agents.map(({ name }) => [name, view.paneSize(name)] as const);
  session.resize(new Map(sizes.flatMap(([name, size]) => (size ? [[name, size] as const] : []))));
  session.advance(timeMs);
  panes();
  const cells = seenOfGrid(view.compose().grid);
  session.close();
  return cells;
}

describe('a layout as an asciicast', () => {
  it('is shown by a player as the view composes it, frame by frame, in bytes that are allowed', async () => {
    const layouts = fc.constantFrom<LayoutKind>('grid', 'focus', 'zoom');
    await fc.assert(
      fc.asyncProperty(happenings, layouts, async (all, layout) => {
        const recording = recordingOf(all);
        const events = eventsOf(layoutCast(recording, options(recording, layout)));
        const host = new HostTerminal(SIZE.columns, SIZE.rows);
        let lastMs = -Infinity;
        for (const { timeMs, text } of events) {
          assert.ok(timeMs - lastMs > 15.5, 'at most one in 16 ms');
          lastMs = timeMs;
          assert.equal(grammarProblem(Buffer.from(text)), undefined);
          await host.write(Buffer.from(text));
          assert.deepEqual(host.cells(), composed(recording, layout, Math.round(timeMs)));
        }
        assert.deepEqual(host.cells(), composed(recording, layout, recording.lengthMs));
      }),
      { seed: 20_261_130, numRuns: 25 },
    );
  });

  it('is the same however often it is made', () => {
    fc.assert(
      fc.property(happenings, (all) => {
        const recording = recordingOf(all);
        const make = (): string => [...layoutCast(recording, options(recording, 'grid'))].join('');
        assert.equal(make(), make());
      }),
      { seed: 20_261_131, numRuns: 20 },
    );
  });

  it('begins where it is told, goes as fast, and makes pauses short', () => {
    const say = (text: string, afterMs: number) => ({
      agent: 0,
      afterMs,
      what: { type: 'output', text } as const,
    });
    const recording = recordingOf([say('one', 0), say('two', 5000), say('three', 60_000)]);
    const made = layoutCast(recording, {
      ...options(recording, 'zoom'),
      fromMs: 4000,
      speed: 2,
      idleLimitMs: 8000,
    });
    const [header = '', ...lines] = made;
    // When the recording began, and four seconds.
    assert.equal((JSON.parse(header) as { timestamp: number }).timestamp, 1004);
    const events = eventsOf([header, ...lines]);
    assert.deepEqual(
      events.map(({ timeMs, text }) => [Math.round(timeMs), /one|two|three/.exec(text)?.[0]]),
      [
        [0, 'one'],
        [500, 'two'],
        // It is taken to be idle after ten seconds, of which eight are kept.
        [4500, undefined],
        [4500, 'three'],
      ],
    );
  });
});
