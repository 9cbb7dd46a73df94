/**
 * Agents that write at once, each against its stream alone on tmux, which shares nothing with the screens: that each has
 * its own, and that it is what a terminal shows of it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import type { AgentScreen } from '../../src/terminal/screen/index.js';
import type { Token } from '../fuzz/terminal/agent-streams.js';
import {
  agentRuns,
  type AgentRun,
  choices,
  openScreen,
  play,
  schedule,
} from '../fuzz/terminal/schedule.js';
import { paragraphToken, settledToken } from '../fuzz/terminal/settled-streams.js';
import { captureScreen, differences } from './terminal-oracle.js';
import { noTmux } from './tmux-control.js';
import { TmuxTerminal } from './tmux-terminal.js';

const SEED = 20_263;
const SEQUENCES = Number(process.env['SLUICE_FUZZ_SEQUENCES'] ?? 8000);
const MAX_TOKENS = 80;
/** What can be read of tmux, and what the sequences need. */
const LEAST = { columns: 6, rows: 3 };

function runsOf(token: fc.Arbitrary<Token>): fc.Arbitrary<AgentRun> {
  return agentRuns(token, MAX_TOKENS).map((run) => ({
    ...run,
    columns: Math.max(LEAST.columns, run.columns),
    rows: Math.max(LEAST.rows, run.rows),
    // Lines of a main screen are wrapped anew by other rules; programs are resized in captured-programs.test.ts.
    resizes: [],
  }));
}

describe('agents that write at the same time', { skip: noTmux() ?? false }, () => {
  let tmux: TmuxTerminal;
  before(async () => {
    tmux = await TmuxTerminal.start({ columns: 80, rows: 24 });
  });
  after(() => tmux.close());

  async function compare(run: AgentRun, screen: AgentScreen): Promise<void> {
    const expected = await tmux.play(run, [{ type: 'output', bytes: run.bytes }]);
    const found = differences(captureScreen(screen), expected);
    assert.deepEqual(found.slice(0, 5), [], `${found.length} differ`);
  }

  it('each have the screen that tmux has of their stream alone', async () => {
    const agents = fc.array(fc.oneof(runsOf(settledToken), runsOf(paragraphToken)), {
      minLength: 2,
      maxLength: 4,
    });
    const property = fc.asyncProperty(agents, choices, async (runs, order) => {
      const screens = runs.map(openScreen);
      play(screens, schedule(runs, order), () => undefined);
      for (const [index, run] of runs.entries()) {
        await compare(run, screens[index] as AgentScreen);
        sequences += run.tokens.length;
      }
      for (const screen of screens) screen.close();
    });
    let sequences = 0;
    for (let seed = SEED; sequences < SEQUENCES; seed += 1) {
      await fc.assert(property, { seed, numRuns: 10 });
    }
  });
});
