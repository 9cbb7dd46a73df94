/** How many bytes come out for what changed in the picture, against the fewest that could do. */
import type { BenchContext, Target } from '../measurement.js';
import type { FifoWriter } from '../programs-terminal/agent-fifos.js';
import { AGENT_SCENES, type AgentScene, CLEAR } from '../programs-terminal/agent-scenes.js';
import type { TerminalPicture } from '../programs-terminal/terminal-picture.js';
import type { WatchedTerminal } from '../programs-terminal/watched-terminal.js';
import type { Findings, Subject } from './findings.js';

const BOUND = 1.5;
/** After a step everything is drawn that will be, once it has begun: which takes longer where others are at work. */
const [STEP_QUIET_MS, STEP_BEGINS_MS] = [60, 300];

const task = ({ name }: AgentScene): string =>
  `bytes of frames, of the fewest for what changed: ${name}`;

export const bytesTasks: readonly string[] = AGENT_SCENES.map(task);

export const bytesSubjects: readonly Subject[] = bytesTasks.flatMap((scene) => [
  { task: scene, subject: 'sluice', unit: '×', better: 'lower' },
  { task: scene, subject: 'tmux', unit: '×', better: 'lower' },
]);

export const bytesTargets: readonly Omit<Target, 'suite'>[] = bytesTasks.map((scene) => ({
  ...{ task: scene, subject: 'sluice', text: `≤ ${BOUND} ×`, bound: BOUND, better: 'lower' },
}));

/** Plays the scenes that a terminal shows which has all panes beside each other, or one alone. */
export async function measureBytes(
  { quick }: BenchContext,
  findings: Findings,
  subject: string,
  [terminal, picture]: readonly [WatchedTerminal, TerminalPicture],
  fifos: FifoWriter,
  alone: boolean,
): Promise<void> {
  for (const scene of AGENT_SCENES.filter((one) => one.alone === alone)) {
    const ratio = await play(scene, quick ? 2 : 24, terminal, picture, fifos);
    findings.add(task(scene), subject, ratio);
  }
}

async function play(
  scene: AgentScene,
  steps: number,
  terminal: WatchedTerminal,
  picture: TerminalPicture,
  fifos: FifoWriter,
): Promise<number> {
  const write = async (textOf: (agent: number) => string): Promise<void> => {
    for (let agent = 0; agent < fifos.count; agent += 1) fifos.write(agent, textOf(agent));
    await terminal.quiet(STEP_QUIET_MS, STEP_BEGINS_MS);
  };
  await write(() => CLEAR);
  // The first step fills what was empty, and is not counted.
  await write((agent) => scene.write(agent, -1));
  picture.next();
  let [bytes, leastBytes] = [0, 0];
  for (let step = 0; step < steps; step += 1) {
    await write((agent) => scene.write(agent, step));
    const found = picture.next();
    bytes += found.bytes;
    leastBytes += found.leastBytes;
  }
  return bytes / leastBytes;
}
