/** `sluice agents screen <agent>`: what an agent shows, as text. */
import type { Command } from 'commander';
import {
  addSessionOption,
  agentName,
  type SessionOptions,
  withSession,
} from '../../agents/session-options.js';
import { atLeast } from '../../option-values.js';
import type { Start } from '../../program.js';
import type { Run } from '../../run.js';
import { safeJson } from '../../safe-json.js';

interface ScreenOptions extends SessionOptions {
  readonly ansi?: boolean;
  readonly history?: number;
}

export const EXAMPLES = [
  'sluice agents screen fix',
  'sluice agents screen fix --ansi --history 100',
  'sluice agents screen fix --json',
];

export function configure(command: Command, start: Start): void {
  command
    .argument('<agent>', 'which one', agentName)
    .option('--ansi', 'with its colours')
    .option('--history <lines>', 'and so many lines above', atLeast('--history', 0));
  addSessionOption(command);
  command.action((agent: string, options: ScreenOptions) =>
    start(options, (run) => screen(run, agent, options)),
  );
}

async function screen(run: Run, name: string, options: ScreenOptions): Promise<void> {
  const { ansi, history = 0 } = options;
  const shown = await withSession(options, (session) =>
    session.screen(name, { history, colors: ansi === true }),
  );
  if (run.json) return run.print(safeJson(shown));
  const { lines } = shown;
  let end = lines.length;
  while (end > 0 && lines[end - 1] === '') end -= 1;
  // Made from cells: nothing in them but printable text, and colours where they were asked for.
  for (const line of lines.slice(0, end)) run.print(line);
}
