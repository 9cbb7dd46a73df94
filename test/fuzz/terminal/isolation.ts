import fc from 'fast-check';
import { CellGrid } from '../../../src/terminal/cells/index.js';
import { AgentScreen } from '../../../src/terminal/screen/index.js';
import { hostileToken, orderlyToken } from './agent-streams.js';
import {
  type Comparison,
  compareLinks,
  compareScreen,
  HISTORY_LINES,
  newComparison,
  playAlone,
} from './oracle.js';
import { agentRuns, type AgentRun, choices, openScreen, play, schedule } from './schedule.js';

const AGENTS = 4;
const MAX_TOKENS = 160;
/** Of the one terminal of the control. */
const ONE_SIZE = { columns: 40, rows: 12 };

/** Looks at a screen as a view does, so that rows are made at many moments. */
function look(screen: AgentScreen): void {
  const grid = new CellGrid(screen.columns, 1);
  for (let row = 0; row < screen.rows; row += 1) {
    screen.copyLine(screen.historyLines + row, grid, 0, 0, screen.columns);
  }
}

async function compareRuns(
  runs: readonly AgentRun[],
  order: readonly number[],
): Promise<Comparison> {
  const screens = runs.map(openScreen);
  play(screens, schedule(runs, order), look);
  const comparison = newComparison();
  for (const [index, run] of runs.entries()) {
    const alone = await playAlone(run.bytes, run, run.resizes);
    compareScreen(screens[index] as AgentScreen, alone, comparison);
    alone.dispose();
  }
  screens.forEach((screen) => screen.close());
  return comparison;
}

function check(comparison: Comparison, total: Comparison): void {
  total.cells += comparison.cells;
  total.wrong += comparison.wrong;
  if (comparison.wrong > 0) {
    throw new Error(
      `${comparison.wrong} of ${comparison.cells} cells are wrong: ${comparison.first}`,
    );
  }
}

/** Agents that write at once, and who of them writes when. */
const isolatedRuns = fc.tuple(
  fc.array(agentRuns(hostileToken, MAX_TOKENS), { minLength: 2, maxLength: AGENTS }),
  choices,
);

/** Each of them against its stream alone. */
export async function compareIsolated(seed: number, runs: number): Promise<Comparison> {
  const total = newComparison();
  const property = fc.asyncProperty(isolatedRuns, async ([streams, order]) => {
    check(await compareRuns(streams, order), total);
  });
  await fc.assert(property, { seed, numRuns: runs });
  return total;
}

/** The same for links, of which the emulator's public interface says nothing: there they are colours. */
export async function compareLinked(seed: number, runs: number): Promise<Comparison> {
  const total = newComparison();
  const run = agentRuns(orderlyToken, MAX_TOKENS).map((made) => ({ ...made, resizes: [] }));
  const property = fc.asyncProperty(fc.tuple(run, run), choices, async (streams, order) => {
    const screens = streams.map(openScreen);
    play(screens, schedule(streams, order), look);
    const comparison = newComparison();
    for (const [index, stream] of streams.entries()) {
      const colored = stream.tokens.map(({ asColor }) => asColor).join('');
      const alone = await playAlone(new TextEncoder().encode(colored), stream, []);
      compareLinks(screens[index] as AgentScreen, alone, comparison);
      alone.dispose();
    }
    screens.forEach((screen) => screen.close());
    check(comparison, total);
  });
  await fc.assert(property, { seed, numRuns: runs });
  return total;
}

/**
 * The control: the very runs of `compareIsolated` with this seed, the same pieces in the same order, into one terminal. How
 * many of them came out right for all of their agents.
 */
export async function countIntactWhenMixed(seed: number, runs: number): Promise<number> {
  const samples = fc.sample(isolatedRuns, { seed, numRuns: runs });
  let intact = 0;
  for (const [streams, order] of samples) {
    const screen = new AgentScreen({ ...ONE_SIZE, maxHistoryLines: HISTORY_LINES });
    for (const { bytes } of schedule(streams, order)) screen.write(bytes);
    const comparison = newComparison();
    for (const { bytes } of streams) {
      const alone = await playAlone(bytes, ONE_SIZE, []);
      compareScreen(screen, alone, comparison);
      alone.dispose();
    }
    if (comparison.wrong === 0) intact += 1;
    screen.close();
  }
  return intact;
}
