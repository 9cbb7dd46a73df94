/** What of an agent is shown in tables, in words. */
import { printable } from '../../core/index.js';
import type { AgentInfo } from '../../terminal/session/index.js';

/** `waits`, `working`, `ended 0`; a guess has a question mark. */
export function stateWord({ status, attention, exitCode, signal }: AgentInfo): string {
  if (status === 'ended') return signal ?? `ended ${exitCode ?? 0}`;
  if (status === 'restarting') return 'restarts';
  if (status === 'lost' || status === 'starting') return status;
  return attention.source === 'guess' ? `${attention.state}?` : attention.state;
}

export function commandLine({ command, channel }: AgentInfo): string {
  if (command.length === 0) return `(by ${printable(channel, 80)})`;
  const words = command.map((word) =>
    /^[\w./:=@%+,-]+$/.test(word) ? word : JSON.stringify(word),
  );
  return printable(words.join(' '), 500);
}
