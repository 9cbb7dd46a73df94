/** Many programs that print much, all in one session: what of it is in their logs, and what it costs. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext, Target } from '../measurement.js';
import { cpuMsOf } from '../process-time.js';
import type { FeederTask } from '../programs-terminal/agent-feeder.js';
import { makeFifos, programsOf } from '../programs-terminal/agent-fifos.js';
import { AgentSession } from '../programs-terminal/agent-session.js';
import { LINES_A_STEP, STEPS_PER_SECOND, textOf } from '../programs-terminal/agent-words.js';
import type { PaneHost, PaneHostOptions } from '../programs-terminal/pane-host.js';
import { TmuxServer } from '../programs-terminal/tmux-server.js';
import type { Findings, Subject } from './findings.js';
import { inFolder, startFeeder } from './terminal-processes.js';

const AGENTS = 50;
const LINES_PER_SECOND = LINES_A_STEP * STEPS_PER_SECOND;
const load = `${AGENTS} agents that print ${LINES_PER_SECOND} lines a second each`;
const LOST = `${load}: bytes wrong or missing in their logs`;
const RATE = `${load}: lines a second of all`;
const WORK = `${load}: processor, of one core`;
/** The rest is the time in which the last lines come. */
const LEAST_RATE = 0.98 * AGENTS * LINES_PER_SECOND;
/** Logs that do not grow for so long have all that they will have. */
const PATIENCE_MS = 5000;
const LOOK_MS = 20;

const VIEWER = 'sluice, its viewer';
const UNSEEN = 'sluice, nobody attached';

export const loadSubjects: readonly Subject[] = [
  { task: LOST, subject: 'sluice', unit: 'B', better: 'lower' },
  { task: RATE, subject: 'sluice', unit: '/s', better: 'higher' },
  {
    task: WORK,
    subject: 'sluice',
    unit: '%',
    better: 'lower',
    note: 'the host, which writes logs',
  },
  { task: WORK, subject: VIEWER, unit: '%', better: 'lower', note: 'which shows as many as fit' },
  { task: WORK, subject: UNSEEN, unit: '%', better: 'lower', note: 'the host' },
  { task: WORK, subject: 'tmux', unit: '%', better: 'lower', note: 'the server; no logs' },
];

export const loadTargets: readonly Omit<Target, 'suite'>[] = [
  { task: LOST, subject: 'sluice', text: 'none', bound: 0, better: 'lower' },
  {
    ...{ task: RATE, subject: 'sluice', text: `≥ ${LEAST_RATE} /s` },
    ...{ bound: LEAST_RATE, better: 'higher' },
  },
];

export async function measureLoad(context: BenchContext, findings: Findings): Promise<void> {
  try {
    const { wrongBytes, elapsedMs, lines, hostPercent, viewerPercent } = await ofSession(
      context,
      true,
    );
    const unseen = await ofSession(context, false);
    findings.add(LOST, 'sluice', wrongBytes + unseen.wrongBytes);
    findings.add(RATE, 'sluice', lines / (elapsedMs / 1000));
    findings.add(WORK, 'sluice', hostPercent);
    findings.add(WORK, VIEWER, viewerPercent);
    findings.add(WORK, UNSEEN, unseen.hostPercent);
  } catch (error) {
    for (const name of ['sluice', VIEWER, UNSEEN]) {
      findings.fail([LOST, RATE, WORK], error, name);
    }
  }
  try {
    await inFolder(context.directory, async (folder) => {
      const { hostPercent } = await loadOf(TmuxServer, folder, amountOf(context), true);
      findings.add(WORK, 'tmux', hostPercent);
    });
  } catch (error) {
    findings.fail([WORK], error, 'tmux');
  }
}

interface Amount {
  readonly agents: number;
  /** Of each. */
  readonly steps: number;
}

function amountOf({ quick }: BenchContext): Amount {
  return { agents: quick ? 5 : AGENTS, steps: (quick ? 1 : 10) * STEPS_PER_SECOND };
}

/** What was done in `elapsedMs`. */
interface Load {
  readonly elapsedMs: number;
  readonly hostPercent: number;
  /** 0 when nobody is attached. */
  readonly viewerPercent: number;
}

function ofSession(
  context: BenchContext,
  attached: boolean,
): Promise<Load & { readonly wrongBytes: number; readonly lines: number }> {
  const amount = amountOf(context);
  const { agents, steps } = amount;
  return inFolder(context.directory, async (folder) => {
    let wrongBytes = 0;
    const work = await loadOf(AgentSession, folder, amount, attached, {
      arrived: (session) => logsGrow(session, agents * logOf(0, steps).byteLength),
      done: async (session) => {
        await session.stopAgents();
        for (let agent = 0; agent < agents; agent += 1) {
          wrongBytes += differing(session.logOf(`agent-${agent}`), logOf(agent, steps));
        }
      },
    });
    return { ...work, wrongBytes, lines: agents * steps * LINES_A_STEP };
  });
}

/** Until everything was written, and has `arrived`. */
async function loadOf<H extends PaneHost>(
  hosts: { start(options: PaneHostOptions): Promise<H> },
  folder: string,
  { agents, steps }: Amount,
  attached: boolean,
  then: { arrived?(host: H): Promise<void>; done?(host: H): Promise<void> } = {},
): Promise<Load> {
  const paths = makeFifos(folder, agents);
  const feeder = await startFeeder(paths);
  let host: H | undefined;
  try {
    host = await hosts.start({ folder, programs: programsOf(paths), focus: 'agent-0' });
    const viewer = attached ? await host.attach() : undefined;
    const cpuMs = (of: { readonly pid: number } | undefined): number =>
      of === undefined ? 0 : cpuMsOf([of.pid]);
    const [hostMs, viewerMs, startMs] = [cpuMs(host), cpuMs(viewer), performance.now()];
    await feeder.tell({ kind: 'lines', steps } satisfies FeederTask);
    await feeder.next();
    await then.arrived?.(host);
    const elapsedMs = performance.now() - startMs;
    const hostPercent = (100 * (cpuMs(host) - hostMs)) / elapsedMs;
    const viewerPercent = (100 * (cpuMs(viewer) - viewerMs)) / elapsedMs;
    await viewer?.stop();
    await then.done?.(host);
    return { elapsedMs, hostPercent, viewerPercent };
  } finally {
    await host?.stop();
    await feeder.stop();
  }
}

/** Resolves when the logs have so many bytes, or have stopped growing. */
async function logsGrow(session: AgentSession, byteLength: number): Promise<void> {
  let [most, grewMs] = [-1, performance.now()];
  while (most < byteLength && performance.now() - grewMs < PATIENCE_MS) {
    const agents = [...(await session.agents()).values()];
    const found = agents.reduce((sum, { log }) => sum + log.sequence, 0);
    if (found > most) [most, grewMs] = [found, performance.now()];
    if (found < byteLength) await sleep(LOOK_MS);
  }
}

/** As a terminal writes it: with CR before each LF. */
function logOf(agent: number, steps: number): Buffer {
  const texts = Array.from({ length: steps }, (_step, step) => textOf('lines', agent, step));
  return Buffer.from(texts.join('').replaceAll('\n', '\r\n'));
}

function differing(found: Buffer, wanted: Buffer): number {
  if (found.equals(wanted)) return 0;
  let wrong = Math.abs(found.byteLength - wanted.byteLength);
  const both = Math.min(found.byteLength, wanted.byteLength);
  for (let at = 0; at < both; at += 1) if (found[at] !== wanted[at]) wrong += 1;
  return wrong;
}
