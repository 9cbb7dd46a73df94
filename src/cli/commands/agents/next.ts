/** `sluice agents next`: who needs the user most. */
import type { Command } from 'commander';
import { printable, SluiceError } from '../../../core/index.js';
import { stateWord } from '../../agents/agent-words.js';
import {
  addSessionOption,
  agentName,
  type SessionOptions,
  withSession,
} from '../../agents/session-options.js';
import type { Start } from '../../program.js';
import type { Run } from '../../run.js';
import { safeJson } from '../../safe-json.js';
import { formatDuration } from '../../units.js';

interface NextOptions extends SessionOptions {
  readonly after?: string;
  readonly wait?: boolean;
}

export const EXAMPLES = [
  'sluice agents next',
  'sluice agents attach "$(sluice agents next -q)"',
  'sluice agents next --wait --json',
];

export function configure(command: Command, start: Start): void {
  command
    .option('--after <agent>', 'pass over the ones up to this', agentName)
    .option('--wait', 'until there is one');
  addSessionOption(command);
  command.action((options: NextOptions) => start(options, (run) => next(run, options)));
}

async function next(run: Run, options: NextOptions): Promise<void> {
  const { after, wait } = options;
  const found = await withSession(options, (session) => {
    run.signal.addEventListener('abort', () => session.close(), { once: true });
    return session.next({ after, wait });
  }).catch((error: unknown) => {
    run.signal.throwIfAborted();
    throw error;
  });
  if (found === undefined) {
    throw new SluiceError('SESSION_NOT_FOUND', 'no agent waits for you', {
      remedy: 'With --wait the command waits until one does.',
    });
  }
  if (run.json) return run.print(safeJson(found));
  run.print(found.name);
  const { attention } = found;
  const since = formatDuration(Date.now() - attention.sinceMs);
  run.note(
    `${stateWord(found)} since ${since}${attention.text === '' ? '' : `: ${printable(attention.text)}`}`,
  );
}
