/** What agents really do on their screens, step after step: for the bytes that frames take. */
import { sentence } from './agent-words.js';

export interface AgentScene {
  readonly name: string;
  readonly agents: number;
  /** The first agent alone is shown, over the whole terminal. */
  readonly alone: boolean;
  /** What an agent writes at a step; the first step is -1. */
  write(agent: number, step: number): string;
}

const AGENTS = 20;
const EDITOR_LINES = 10;
/** Two lines each. */
const FIRST_PAIRS = 50;

const pair = (number: number): string =>
  `${number} ${sentence(number + FIRST_PAIRS, 20)}\r\n${number} ${sentence((number + FIRST_PAIRS) * 3, 9)}\r\n`;

function progress(agent: number, step: number): string {
  const done = Math.max(0, step + agent) % 21;
  const spinner = `\u001b[36m${'⠋⠙⠹⠸'[step & 3] ?? '⠋'}\u001b[0m`;
  const bar = `\u001b[42m${' '.repeat(done)}\u001b[0m${'░'.repeat(20 - done)}`;
  return `\r${spinner} ${bar} ${done}/20`;
}

function codeLine(number: number): string {
  const value = `\u001b[32m'${sentence(number * 5, 3)}'\u001b[0m`;
  const code = `\u001b[35mconst\u001b[0m ${sentence(number, 1)} = ${value};`;
  return `\u001b[33m${String(number).padStart(4)} \u001b[0m${code}\u001b[K`;
}

export const AGENT_SCENES: readonly AgentScene[] = [
  {
    ...{ name: `${AGENTS} agents that stream words`, agents: AGENTS, alone: false },
    write: (agent, step) => (step % 3 === agent % 3 ? ` ${sentence(agent * 31 + step, 2)}` : ''),
  },
  {
    ...{ name: `${AGENTS} agents that print coloured lines`, agents: AGENTS, alone: false },
    write: (agent, step) =>
      `\u001b[32m✓\u001b[0m ${sentence(agent + step, 5)} \u001b[2m${step} ms\u001b[0m\r\n`,
  },
  {
    ...{ name: `${AGENTS} progress bars and spinners`, agents: AGENTS, alone: false },
    write: progress,
  },
  {
    ...{ name: `an editor that scrolls in one of ${AGENTS} panes`, agents: AGENTS, alone: false },
    write: (agent, step) => {
      if (agent !== 1) return '';
      const lines = Array.from({ length: EDITOR_LINES }, (_line, index) => codeLine(step + index));
      return `\u001b[?1049h\u001b[?7l\u001b[H${lines.join('\r\n')}`;
    },
  },
  {
    ...{ name: 'one agent that prints lines over the whole width', agents: AGENTS, alone: true },
    write: (agent, step) => {
      if (agent !== 0) return '';
      // At first as many as fill a screen, so that it scrolls from then on.
      const first = step < 0 ? -FIRST_PAIRS : step;
      return Array.from({ length: step - first + 1 }, (_pair, index) => pair(first + index)).join(
        '',
      );
    },
  },
];

/** Back to an empty screen of a terminal as it was. */
export const CLEAR = '\u001b[?1049l\u001b[?7h\u001b[m\u001b[2J\u001b[H';
