/** Real programs on our screens and on tmux, which shares nothing with them: the same cells at every moment. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AgentScreen } from '../../src/terminal/screen/index.js';
import {
  type Capture,
  type CaptureEvent,
  endsBetween,
  outputOf,
  readCaptures,
} from '../fuzz/terminal/captures.js';
import { captureProgram, missing } from './capture-program.js';
import { CAPTURED_PROGRAMS } from './captured-programs.js';
import { captureScreen, differences } from './terminal-oracle.js';
import { noTmux } from './tmux-control.js';
import { TmuxTerminal } from './tmux-terminal.js';

/** Looks at a capture, most of them in the middle of what a program draws. */
const MOMENTS = 12;

/** How many of its first events lead to each moment that is looked at: after resizes, and spread over the rest. */
function momentsOf({ events }: Capture): number[] {
  const possible = events.flatMap((event, index) => {
    const count = index + 1;
    const isWhole = endsBetween(outputOf(events.slice(0, count)));
    return isWhole ? [{ count, isResize: event.type === 'size' }] : [];
  });
  const every = Math.ceil(possible.length / MOMENTS);
  return possible
    .filter(({ isResize }, index) => isResize || (possible.length - 1 - index) % every === 0)
    .map(({ count }) => count);
}

describe('real programs', { skip: noTmux() ?? false }, () => {
  let tmux: TmuxTerminal;
  let moments = 0;
  before(async () => {
    tmux = await TmuxTerminal.start({ columns: 80, rows: 24 });
  });
  after(() => tmux.close());

  async function compare(capture: Capture): Promise<void> {
    const { columns, rows, events } = capture;
    const screen = new AgentScreen({ columns, rows });
    let played = 0;
    for (const count of momentsOf(capture)) {
      for (const event of events.slice(played, count)) apply(screen, event);
      played = count;
      const expected = await tmux.play({ columns, rows }, events.slice(0, count));
      const found = differences(captureScreen(screen), expected);
      assert.deepEqual(found.slice(0, 5), [], `${found.length} differ after ${count} events`);
      moments += 1;
    }
    assert.equal(screen.faults, 0);
    screen.close();
  }

  for (const program of CAPTURED_PROGRAMS) {
    const absent = missing(program);
    const skip = absent === undefined ? false : `there is no ${absent}`;
    it(`${program.name}, as it is here`, { skip }, async () => {
      const capture = await captureProgram(program);
      assert.ok(momentsOf(capture).length > 1);
      await compare(capture);
    });
  }

  it('all of them, as they were recorded', async () => {
    moments = 0;
    const captures = readCaptures();
    assert.deepEqual(
      captures.map(({ name }) => name),
      CAPTURED_PROGRAMS.map(({ name }) => name).sort(),
    );
    for (const capture of captures) await compare(capture);
    assert.ok(moments >= 8 * captures.length, `${moments} moments`);
  });
});

function apply(screen: AgentScreen, event: CaptureEvent): void {
  if (event.type === 'size') screen.resize(event.columns, event.rows);
  else screen.write(event.bytes);
}
