import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SILENCE_MS } from '../../../src/terminal/attention/index.js';
import { PlayedAgent, PROGRAM_STARTS } from '../../../src/terminal/replay/index.js';
import { ReplayClock } from '../../../src/terminal/replay/replay-clock.js';
import { SYNCHRONIZED_UPDATE_MS } from '../../../src/terminal/screen/index.js';
import { encodeEnd, encodeSize, TERMINAL_TYPE } from '../../../src/terminal/stream/index.js';

const NOTHING = new Uint8Array();

function open(size?: { readonly columns: number; readonly rows: number }) {
  const agent = new PlayedAgent({ name: 'a', color: 0, size });
  return {
    agent,
    write: (text: string, timeMs: number) =>
      agent.take({ type: TERMINAL_TYPE.output, bytes: Buffer.from(text) }, timeMs),
    line: (line = 0) => agent.pane.content.lineText(line).text,
    said: () => [agent.pane.state, agent.pane.note],
  };
}

describe('a played agent', () => {
  it('shows an update that is not ended when its time is over, by the clock of the recording', () => {
    const { agent, write, line } = open();
    write('old\u001b[?2026h\rnew', 1000);
    assert.equal(line(), 'old');
    assert.equal(agent.nextMs, 1000 + SYNCHRONIZED_UPDATE_MS);
    agent.moveTo(1000 + SYNCHRONIZED_UPDATE_MS - 1);
    assert.equal(line(), 'old');
    agent.moveTo(1000 + SYNCHRONIZED_UPDATE_MS);
    assert.deepEqual([line(), agent.changedMs], ['new', 1000 + SYNCHRONIZED_UPDATE_MS]);
    agent.close();
  });

  it('holds each update as it was at its beginning, also where nobody looked in between', () => {
    const { agent, write, line } = open();
    write('one\u001b[?2026h\rtwo\u001b[?2026l\u001b[?2026h\rthree', 0);
    assert.equal(line(), 'two');
    agent.close();
  });

  it('does not hold more updates than a program has use for: they are shown as they come', () => {
    const { agent, write, line } = open();
    write('\u001b[?2026h\u001b[?2026l'.repeat(1000), 0);
    write('\rseen\u001b[?2026h\rdrawn', 0);
    assert.equal(line(), 'drawn');
    agent.close();
  });

  it('is said to work, to be silent, to have ended and to work again, as it was', () => {
    const { agent, write, said } = open();
    assert.deepEqual(said(), ['quiet', 'has not begun']);
    write('x', 500);
    assert.deepEqual(said(), ['working', '']);
    agent.moveTo(500 + SILENCE_MS);
    assert.deepEqual(said(), ['quiet', 'silent']);
    write('\u0007', 20_000);
    assert.deepEqual(said(), ['waits', 'rang the bell?']);
    agent.take({ type: TERMINAL_TYPE.exit, bytes: encodeEnd({ exitCode: 3 }) }, 20_001);
    assert.deepEqual(said(), ['failed', 'exited with 3']);
    write('again', 20_002);
    assert.deepEqual(said(), ['working', '']);
    agent.take({ type: TERMINAL_TYPE.exit, bytes: encodeEnd({ exitCode: 0 }) }, 20_003);
    assert.deepEqual(said(), ['done', 'exited with 0']);
    agent.close();
  });

  it('begins anew with another program: what the one before left unfinished is over', () => {
    const { agent, write, line, said } = open();
    write('old\u001b[?2026h\rnew\u001b[3', 0);
    agent.take({ type: PROGRAM_STARTS, bytes: NOTHING }, 1);
    assert.deepEqual([line(), said()], ['new', ['working', '']]);
    write('1m', 2);
    assert.equal(line(), 'new1m');
    agent.close();
  });

  it('has the size that its terminal had, or that of its pane where it had none', () => {
    const sized = open({ columns: 30, rows: 5 });
    sized.agent.resize({ columns: 90, rows: 9 });
    assert.deepEqual([sized.agent.screen.columns, sized.agent.screen.rows], [30, 5]);
    const tooLarge = encodeSize({ columns: 5000, rows: 2 });
    sized.agent.take({ type: TERMINAL_TYPE.size, bytes: tooLarge }, 0);
    assert.equal(sized.agent.screen.columns, 30);
    sized.agent.take({ type: TERMINAL_TYPE.size, bytes: encodeSize({ columns: 1, rows: 2 }) }, 0);
    assert.deepEqual([sized.agent.screen.columns, sized.agent.screen.rows], [2, 2]);
    const speaker = open();
    speaker.agent.resize({ columns: 90, rows: 9 });
    assert.equal(speaker.agent.screen.columns, 90);
    sized.agent.close();
    speaker.agent.close();
  });
});

describe('the clock of a recording', () => {
  it('calls what is due on the way, in order, each at its time', () => {
    const clock = new ReplayClock();
    const called: [string, number][] = [];
    const note = (name: string) => () => void called.push([name, clock.nowMs]);
    clock.after(30, note('late'));
    clock.after(10, () => {
      note('early')();
      clock.after(5, note('then'));
    });
    const stop = clock.after(20, note('never'));
    stop();
    assert.equal(clock.nextMs, 10);
    assert.equal(clock.advance(9), false);
    assert.equal(clock.advance(30), true);
    assert.deepEqual(called, [
      ['early', 10],
      ['then', 15],
      ['late', 30],
    ]);
    clock.setBack(20);
    assert.deepEqual([clock.nowMs, clock.nextMs], [20, Infinity]);
  });
});
