/** Wherever somebody goes in a recording, what is shown is what playing straight to that moment shows. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Recording, ReplayedSession } from '../../../src/terminal/replay/index.js';
import { happenings, recordingOf, seenOf, TEXT_AGENT } from './recorded-scenes.js';

interface Size {
  readonly columns: number;
  readonly rows: number;
}

type Move =
  | { readonly type: 'seek'; readonly share: number }
  /** A little on, as a player does it. */
  | { readonly type: 'play'; readonly ms: number }
  | { readonly type: 'resize'; readonly size: Size }
  /** On the way to somewhere else the user changes their mind after so many events. */
  | { readonly type: 'interrupted'; readonly share: number; readonly events: number };

const share = fc.double({ min: 0, max: 1, noNaN: true });
const move: fc.Arbitrary<Move> = fc.oneof(
  share.map((to): Move => ({ type: 'seek', share: to })),
  fc.integer({ min: 1, max: 300 }).map((ms): Move => ({ type: 'play', ms })),
  fc
    .record({
      columns: fc.integer({ min: 2, max: 50 }),
      rows: fc.integer({ min: 1, max: 10 }),
    })
    .map((size): Move => ({ type: 'resize', size })),
  fc
    .tuple(share, fc.nat(20))
    .map(([to, events]): Move => ({ type: 'interrupted', share: to, events })),
);

/** As somebody sees it who has looked at nothing before. */
function straightTo(recording: Recording, positionMs: number, size: Size | undefined): unknown {
  const session = new ReplayedSession(recording);
  if (size !== undefined) session.resize(new Map([[TEXT_AGENT, size]]));
  session.advance(positionMs);
  const seen = seenOf(session);
  session.close();
  return seen;
}

function follow(recording: Recording, moves: readonly Move[]): void {
  const session = new ReplayedSession(recording);
  let positionMs = 0;
  let size: Size | undefined;
  session.advance(0);
  for (const step of moves) {
    if (step.type === 'resize') {
      size = step.size;
      session.resize(new Map([[TEXT_AGENT, size]]));
    } else if (step.type === 'play') {
      positionMs = Math.min(recording.lengthMs, positionMs + step.ms);
    } else {
      positionMs = Math.floor(step.share * recording.lengthMs);
      session.seek(positionMs);
    }
    if (step.type === 'interrupted') {
      let left = step.events;
      session.advance(positionMs, () => (left -= 1) >= 0);
      continue;
    }
    // Ended interruptions leave agents at different moments, none of them behind the last one.
    session.seek(positionMs);
    assert.equal(session.advance(positionMs), true);
    assert.deepEqual(seenOf(session), straightTo(recording, positionMs, size));
  }
  session.close();
}

describe('a recorded session', () => {
  it('shows after any seek what playing straight to that moment shows', () => {
    const moves = fc.array(move, { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(happenings, moves, (all, steps) => follow(recordingOf(all), steps)),
      { seed: 20_261_129, numRuns: 100 },
    );
  });

  it('keeps what is shown until the moment is there that is gone back to', () => {
    const line = (text: string, afterMs: number) => ({
      agent: 0,
      afterMs,
      what: { type: 'output', text } as const,
    });
    const all = [line('one\r\n', 0), line('two\r\n', 100), line('three\r\n', 100)];
    const session = new ReplayedSession(recordingOf(all));
    const text = (): string => session.agents[0]!.pane.content.lineText(1).text;
    session.advance(200);
    assert.equal(text(), 'two');
    session.seek(50);
    assert.equal(
      session.advance(50, () => false),
      false,
    );
    assert.equal(text(), 'two');
    assert.equal(session.advance(50), true);
    assert.equal(text(), '');
    session.close();
  });
});
