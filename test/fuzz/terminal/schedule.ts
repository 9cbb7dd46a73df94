import fc from 'fast-check';
import { AgentScreen } from '../../../src/terminal/screen/index.js';
import { bytesOf, type Token } from './agent-streams.js';
import { HISTORY_LINES, type Resize } from './oracle.js';

/** One agent: its stream, its first size, and the sizes that it got at certain bytes. */
export interface AgentRun {
  readonly tokens: readonly Token[];
  readonly bytes: Uint8Array;
  readonly columns: number;
  readonly rows: number;
  readonly resizes: readonly Resize[];
}

const size = fc.record({
  columns: fc.noBias(fc.integer({ min: 2, max: 60 })),
  rows: fc.noBias(fc.integer({ min: 1, max: 20 })),
});

export function agentRuns(
  anyToken: fc.Arbitrary<Token>,
  maxTokens: number,
): fc.Arbitrary<AgentRun> {
  const resize = fc.tuple(fc.nat(1000), size);
  return fc
    .tuple(
      fc.array(anyToken, { minLength: 10, maxLength: maxTokens, size: 'max' }),
      size,
      fc.array(resize, { maxLength: 2 }),
    )
    .map(([tokens, first, changes]) => {
      const bytes = bytesOf(tokens);
      const resizes = changes
        .map(([permille, to]) => ({ at: Math.floor((bytes.length * permille) / 1000), ...to }))
        .sort((a, b) => a.at - b.at);
      return { tokens, bytes, ...first, resizes };
    });
}

/** A piece of an agent's stream; then, perhaps, a new size. */
export interface Step {
  readonly agent: number;
  readonly bytes: Uint8Array;
  readonly resize?: Resize;
}

/** Cuts the streams at random bytes and at their resizes, and mixes them. `choices` decides. */
export function schedule(runs: readonly AgentRun[], choices: readonly number[]): Step[] {
  const steps: Step[] = [];
  const positions = runs.map(() => 0);
  const pending = runs.map(({ resizes }) => [...resizes]);
  let choice = 0;
  const next = (): number => choices[(choice += 1) % choices.length] as number;
  const open = runs.map((_, index) => index);
  while (open.length > 0) {
    const agent = open[next() % open.length] as number;
    const { bytes } = runs[agent] as AgentRun;
    const resizes = pending[agent] as Resize[];
    const start = positions[agent] as number;
    const limit = resizes[0]?.at ?? bytes.length;
    const end = Math.min(limit, start + (next() % 3 === 0 ? 1 : next()));
    positions[agent] = end;
    const resize = end === limit ? resizes.shift() : undefined;
    const piece = bytes.subarray(start, end);
    steps.push(resize === undefined ? { agent, bytes: piece } : { agent, bytes: piece, resize });
    if (resize === undefined && end === bytes.length) open.splice(open.indexOf(agent), 1);
  }
  return steps;
}

export const choices = fc.array(fc.nat(60), { minLength: 7, maxLength: 60 });

export function openScreen({ columns, rows }: AgentRun): AgentScreen {
  return new AgentScreen({ columns, rows, maxHistoryLines: HISTORY_LINES });
}

/** Carries a schedule out; `look` is called after a step, as a view would. */
export function play(
  screens: readonly AgentScreen[],
  steps: readonly Step[],
  look: (screen: AgentScreen) => void,
): void {
  for (const { agent, bytes, resize } of steps) {
    const screen = screens[agent] as AgentScreen;
    screen.write(bytes);
    if (resize !== undefined) screen.resize(resize.columns, resize.rows);
    if (bytes.length % 5 === 0) look(screen);
  }
}
