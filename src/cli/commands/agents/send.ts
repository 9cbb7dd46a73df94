/** `sluice agents send <agent> [text]`: types into an agent. */
import type { Command } from 'commander';
import { parseKeyName } from '../../../terminal/input/index.js';
import {
  addSessionOption,
  agentName,
  type SessionOptions,
  withSession,
} from '../../agents/session-options.js';
import { listOf } from '../../option-values.js';
import type { Start } from '../../program.js';
import { asUsage, type Run, UsageError } from '../../run.js';
import { safeJson } from '../../safe-json.js';

interface SendOptions extends SessionOptions {
  readonly enter?: boolean;
  readonly key?: readonly string[];
}

export const EXAMPLES = [
  "sluice agents send fix 'run the tests again' --enter",
  'sluice agents send fix --key Escape --key C-c',
  'sluice agents send fix --key Enter',
];

export function configure(command: Command, start: Start): void {
  command
    .argument('<agent>', 'which one', agentName)
    .argument(
      '[text...]',
      'typed as it is; several lines as one paste, where the program knows pastes',
    )
    .option('--enter', 'and press Enter')
    .option(
      '--key <key>',
      'C-c, M-x, S-Enter, Up, F5 …; may be repeated; after the text',
      listOf(keyOf),
    );
  addSessionOption(command);
  command.action((agent: string, words: string[], options: SendOptions) =>
    start(options, (run) => send(run, agent, words, options)),
  );
}

function keyOf(value: string): string {
  asUsage(() => parseKeyName(value));
  return value;
}

async function send(
  run: Run,
  name: string,
  words: readonly string[],
  options: SendOptions,
): Promise<void> {
  const { enter, key: keys } = options;
  if (words.length === 0 && enter !== true && keys === undefined) {
    throw new UsageError('there is nothing to send: give text, --key or --enter');
  }
  const text = words.length === 0 ? undefined : words.join(' ');
  const bytes = await withSession(options, (session) => session.send(name, { text, keys, enter }));
  if (run.json) run.print(safeJson({ name, bytes }));
}
