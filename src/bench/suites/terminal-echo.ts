/** How long a key takes until its echo is on the terminal, while many programs write. */
import { setTimeout as sleep } from 'node:timers/promises';
import { quantile } from '../baseline.js';
import type { ChildProgram } from '../child-program.js';
import type { BenchContext, Target } from '../measurement.js';
import type { FeederTask } from '../programs-terminal/agent-feeder.js';
import { STEPS_PER_SECOND } from '../programs-terminal/agent-words.js';
import { WatchedTerminal } from '../programs-terminal/watched-terminal.js';
import type { Findings, Subject } from './findings.js';

const RANKS = [
  ['p50', 0.5],
  ['p99', 0.99],
] as const;
const task = (rank: string): string =>
  `key → its echo on the terminal, 20 agents that write ${STEPS_PER_SECOND} words a second each, ${rank}`;
const ALONE = 'cat alone';
const BOUND_MS = 3;

/** Canadian syllabics, one column each: nothing else writes any, so no other byte is taken for an echo. */
const FIRST_GLYPH = 0x1401;
const GLYPHS = 600;
/** Enter comes before the line discipline's line is full. */
const KEYS_A_LINE = 24;
/** Between two keys: never in step with frames. */
const [SHORTEST_PAUSE_MS, SPREAD_MS, GOLDEN_RATIO] = [12, 40, 0.618_034];
const WARM_UP_MS = 1500;

export const echoTasks = RANKS.map(([rank]) => task(rank));

export const echoSubjects: readonly Subject[] = echoTasks.flatMap((rank) => [
  { task: rank, subject: 'sluice', unit: 'ms', better: 'lower' },
  { task: rank, subject: 'tmux', unit: 'ms', better: 'lower' },
  { task: rank, subject: ALONE, unit: 'ms', better: 'lower', note: 'nothing else writes' },
]);

export const echoTarget: Omit<Target, 'suite'> = {
  ...{ task: task('p50'), subject: 'sluice', text: `≤ ${BOUND_MS} ms` },
  ...{ bound: BOUND_MS, better: 'lower' },
};

/** Of a program that has the keys of `terminal`, while `feeder` makes the others write. */
export async function measureEcho(
  { quick }: BenchContext,
  findings: Findings,
  subject: string,
  terminal: WatchedTerminal,
  feeder: ChildProgram,
): Promise<void> {
  await feeder.tell({ kind: 'words' } satisfies FeederTask);
  await sleep(quick ? WARM_UP_MS / 5 : WARM_UP_MS);
  await typeKeys(terminal, quick, findings, subject);
}

/** What the terminal and this measurement cost by themselves. */
export async function measureEchoAlone({ quick }: BenchContext, findings: Findings): Promise<void> {
  let terminal: WatchedTerminal | undefined;
  try {
    terminal = await WatchedTerminal.start(['cat']);
    await typeKeys(terminal, quick, findings, ALONE);
  } catch (error) {
    findings.fail(echoTasks, error, ALONE);
  } finally {
    await terminal?.stop();
  }
}

/** One key after the other, each when the echo of the last one was there. */
async function typeKeys(
  terminal: WatchedTerminal,
  quick: boolean,
  findings: Findings,
  subject: string,
): Promise<void> {
  const taken: number[] = [];
  for (let index = 0; index < (quick ? 8 : 200); index += 1) {
    if (index % KEYS_A_LINE === KEYS_A_LINE - 1) terminal.type('\r');
    await sleep(SHORTEST_PAUSE_MS + SPREAD_MS * ((index * GOLDEN_RATIO) % 1));
    const glyph = String.fromCodePoint(FIRST_GLYPH + (index % GLYPHS));
    const shown = terminal.shows(glyph);
    const startMs = performance.now();
    terminal.type(glyph);
    taken.push((await shown) - startMs);
  }
  taken.sort((a, b) => a - b);
  for (const [rank, share] of RANKS) findings.add(task(rank), subject, quantile(taken, share));
}
