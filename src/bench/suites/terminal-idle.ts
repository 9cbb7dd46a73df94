/** What programs cost that do nothing, and what shows them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext, Target } from '../measurement.js';
import { cpuMsOf } from '../process-time.js';
import type { Findings, Subject } from './findings.js';

const TASK = '20 idle agents, processor, of one core';
const BOUND_PERCENT = 2;
/** Whatever has just begun is still busy with itself. */
const SETTLE_MS = 3000;

const subject = (name: string, note?: string): Subject => ({
  ...{ task: TASK, subject: name, unit: '%', better: 'lower' },
  ...(note === undefined ? {} : { note }),
});

export const idleTasks: readonly string[] = [TASK];

export const idleSubjects: readonly Subject[] = [
  subject('sluice', 'host and viewer together'),
  subject('sluice, its host'),
  subject('sluice, its viewer'),
  subject('sluice, nobody attached', 'the host'),
  subject('tmux', 'server and client together'),
  subject('tmux, nobody attached', 'the server'),
];

/** Subjects beside those that bear the names of what is compared. */
export const idleParts = {
  sluice: ['sluice, its host', 'sluice, its viewer', 'sluice, nobody attached'],
  tmux: ['tmux, nobody attached'],
} as const;

export const idleTarget: Omit<Target, 'suite'> = {
  ...{ task: TASK, subject: 'sluice', text: `≤ ${BOUND_PERCENT} %` },
  ...{ bound: BOUND_PERCENT, better: 'lower' },
};

/** `viewer`: of the process that shows them; left out where nobody looks. */
export async function measureIdle(
  { quick }: BenchContext,
  findings: Findings,
  name: 'sluice' | 'tmux',
  host: number,
  viewer?: number,
): Promise<void> {
  if (!quick) await sleep(SETTLE_MS);
  const percent = await workIn(
    quick ? 300 : 10_000,
    viewer === undefined ? [host] : [host, viewer],
  );
  const [hostPercent = 0, viewerPercent = 0] = percent;
  if (viewer === undefined) return findings.add(TASK, `${name}, nobody attached`, hostPercent);
  findings.add(TASK, name, hostPercent + viewerPercent);
  if (name === 'tmux') return undefined;
  findings.add(TASK, 'sluice, its host', hostPercent);
  return findings.add(TASK, 'sluice, its viewer', viewerPercent);
}

/** Processor of each process in a window of time, % of one core. */
async function workIn(windowMs: number, pids: readonly number[]): Promise<readonly number[]> {
  const startMs = performance.now();
  const before = pids.map((pid) => cpuMsOf([pid]));
  await sleep(windowMs);
  const elapsedMs = performance.now() - startMs;
  return pids.map((pid, index) => (100 * (cpuMsOf([pid]) - before[index]!)) / elapsedMs);
}
