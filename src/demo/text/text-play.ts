import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LocalViewer } from '../../terminal/viewer/index.js';
import { AgentPane } from './agent-pane.js';
import { TextActor } from './text-actor.js';
import type { GpuTextAgentsGiven } from './gpu-text-agents.js';
import type { TextAgentGiven } from './text-agent.js';

export interface TextDemoOptions {
  /** Default 6, at most 50. */
  readonly agents?: number;
  /** Kernels make the lines and put them into the rings. Default false. */
  readonly gpu?: boolean;
  /** Of each agent's ring, a power of two. Default 1024. */
  readonly slots?: number;
  /** Of each agent. Default 20. */
  readonly linesPerSecond?: number;
  /** Default 20. */
  readonly seconds?: number;
  /** No screen: the report only. */
  readonly json?: boolean;
  readonly signal?: AbortSignal;
}

export interface TextDemoReport {
  readonly passed: boolean;
  readonly problems: readonly string[];
  readonly agents: number;
  readonly gpu: boolean;
  readonly seconds: number;
  /** Agents whose process ended in the middle: what they said is not counted, what was read of it is compared. */
  readonly died: readonly string[];
  readonly linesSaid: number;
  readonly linesRead: number;
  /** Lines that are not what was said: torn, mixed, out of order. */
  readonly linesWrong: number;
  readonly linesLost: number;
}

const DEFAULTS = { agents: 6, gpu: false, slots: 1024, linesPerSecond: 20, seconds: 20 } as const;
const NAMES = ['fix', 'review', 'tests', 'docs', 'deploy', 'lint', 'plan', 'search'] as const;

const nameOf = (agent: number): string =>
  `${NAMES[agent % NAMES.length]}${agent < NAMES.length ? '' : Math.floor(agent / NAMES.length) + 1}`;

/**
 * Runs the play in a runtime directory of its own and resolves to its report; the screen, where there is one, is left.
 * Rejects with the signal's reason when that comes before the play has begun.
 */
export async function runTextDemo(options: TextDemoOptions = {}): Promise<TextDemoReport> {
  const given = { ...DEFAULTS, ...options };
  const channels = Array.from({ length: given.agents }, (_, agent) => `agent/${nameOf(agent)}`);
  const directory = mkdtempSync(join(tmpdir(), 'sluice-run-'));
  const actors: TextActor[] = [];
  const killAll = (): void => actors.forEach((actor) => actor.kill());
  process.once('exit', killAll);
  try {
    chmodSync(directory, 0o700);
    startActors(actors, channels, given, directory);
    const failure = Promise.race(actors.map((actor) => actor.failure));
    failure.catch(() => undefined);
    const panes = await openPanes(actors, channels, directory, given.signal);
    const startedMs = performance.now();
    await watch(panes, Promise.race([failure, allDead(actors, panes)]), given);
    const said = (await Promise.all(actors.map((actor) => actor.stop()))).flat();
    await Promise.all(panes.map((pane) => pane.end));
    return report(panes, said, given, (performance.now() - startedMs) / 1000);
  } finally {
    process.off('exit', killAll);
    killAll();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Rejects when an agent cannot play, or with the signal's reason. */
async function openPanes(
  actors: readonly TextActor[],
  channels: readonly string[],
  directory: string,
  signal?: AbortSignal,
): Promise<readonly AgentPane[]> {
  // Not the given signal: in the middle of the play what was said by then is still read.
  const failed = new AbortController();
  const place = { directory, signal: failed.signal };
  try {
    return await Promise.race([
      Promise.all(channels.map((channel, agent) => AgentPane.open(agent, channel, place))),
      ...actors.map((actor) => actor.failure),
      deathBefore(actors),
      ...(signal === undefined ? [] : [aborted(signal)]),
    ]);
  } catch (error) {
    failed.abort(error);
    throw error;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

async function deathBefore(actors: readonly TextActor[]): Promise<never> {
  const how = await Promise.race(actors.map((actor) => actor.death));
  throw new Error(`an agent of the demo died before the play began: ${how}`);
}

/** Notes who dies, the play goes on without them; resolves when nobody is left. One process for all: all die with it. */
async function allDead(actors: readonly TextActor[], panes: readonly AgentPane[]): Promise<void> {
  await Promise.all(
    actors.map(async (actor, index) => {
      const how = await actor.death;
      for (const pane of actors.length === 1 ? panes : panes.slice(index, index + 1)) {
        pane.died = how;
        pane.onChanged();
      }
    }),
  );
}

/** Each is one of the actors as soon as it is started: what has begun when the next one fails is ended too. */
function startActors(
  actors: TextActor[],
  channels: readonly string[],
  { gpu, slots, linesPerSecond }: { gpu: boolean; slots: number; linesPerSecond: number },
  directory: string,
): void {
  if (gpu) {
    const given: GpuTextAgentsGiven = { channels, slots, linesPerSecond };
    actors.push(new TextActor('gpu-text-agents', given, directory));
    return;
  }
  for (const [agent, channel] of channels.entries()) {
    // None at the pace of another.
    const pace = linesPerSecond * (0.5 + ((agent * 7) % 11) / 10);
    const given: TextAgentGiven = { channel, agent, slots, linesPerSecond: pace };
    actors.push(new TextActor('text-agent', given, directory));
  }
}

/** Until the time is over, nobody is left, the user leaves, or the signal comes. Rejects with the failure. */
async function watch(
  panes: readonly AgentPane[],
  end: Promise<void>,
  { seconds, json, signal }: { seconds: number; json?: boolean; signal?: AbortSignal },
): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const time = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener('abort', () => resolve(), { once: true });
    if (signal?.aborted === true) resolve();
  });
  const over = Promise.race([time, end]);
  try {
    if (json === true || !process.stdout.isTTY) return await over;
    await show(panes, over);
  } finally {
    clearTimeout(timer);
  }
}

async function show(panes: readonly AgentPane[], over: Promise<void>): Promise<void> {
  const viewer = new LocalViewer({
    session: 'demo',
    owner: {
      onInput: () => undefined,
      onSizes: (sizes) => {
        for (const pane of panes) pane.resize(sizes.get(pane.name));
      },
    },
  });
  const describe = (): void => viewer.setPanes(panes.map((pane) => pane.described));
  describe();
  for (const pane of panes) {
    pane.onChanged = () => (pane.died === undefined ? viewer.paneChanged(pane.name) : describe());
  }
  const left = viewer.run();
  try {
    await Promise.race([over, left]);
  } finally {
    viewer.close();
    await left;
    for (const pane of panes) pane.onChanged = () => undefined;
  }
}

function report(
  panes: readonly AgentPane[],
  said: readonly number[],
  { agents, gpu }: { agents: number; gpu: boolean },
  seconds: number,
): TextDemoReport {
  const sum = (values: readonly number[]): number =>
    values.reduce((total, value) => total + value, 0);
  const linesSaid = sum(said);
  const alive = panes.filter(({ died }) => died === undefined);
  const dead = panes.filter(({ died }) => died !== undefined);
  const linesRead = sum(alive.map((pane) => pane.read));
  const linesWrong = sum(panes.map((pane) => pane.wrong));
  const linesLost = sum(panes.map((pane) => pane.lost));
  const problems = [
    ...dead.map(
      ({ name, died, read }) =>
        `${name} died in the middle of the play, after ${read} lines: ${died}`,
    ),
    ...(linesWrong > 0 ? [`${linesWrong} lines are not what was said`] : []),
    ...(linesLost > 0 ? [`${linesLost} lines were lost`] : []),
    ...(linesRead === linesSaid ? [] : [`${linesSaid} lines were said, ${linesRead} read`]),
    ...(linesSaid === 0 && dead.length === 0 ? ['nothing was said'] : []),
  ];
  return {
    ...{ passed: problems.length === 0, problems, agents, gpu, seconds },
    ...{ died: dead.map(({ name }) => name), linesSaid, linesRead, linesWrong, linesLost },
  };
}
