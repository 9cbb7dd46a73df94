/** `sluice agents stop <agent…>`: ends agents and takes them out of their session; logs stay. */
import type { Command } from 'commander';
import { type AgentInfo, DEFAULT_KILL_AFTER_MS } from '../../../terminal/session/index.js';
import { stateWord } from '../../agents/agent-words.js';
import {
  addSessionOption,
  agentName,
  type SessionOptions,
  withSession,
} from '../../agents/session-options.js';
import { listOf, positiveSeconds } from '../../option-values.js';
import type { Start } from '../../program.js';
import { type Run, UsageError } from '../../run.js';
import { safeJson } from '../../safe-json.js';

interface StopOptions extends SessionOptions {
  readonly all?: boolean;
  readonly killAfter?: number;
}

export const EXAMPLES = [
  'sluice agents stop fix',
  'sluice agents stop fix review --kill-after 30',
  'sluice agents stop --all',
];

export function configure(command: Command, start: Start): void {
  command
    .argument('[agent...]', 'which ones', listOf(agentName))
    .option('--all', 'all of the session, and its host')
    .option(
      '--kill-after <s>',
      `when it does not end by SIGHUP and SIGTERM; default ${DEFAULT_KILL_AFTER_MS / 1000}`,
      positiveSeconds('--kill-after'),
    );
  addSessionOption(command);
  command.action((agents: string[], options: StopOptions) =>
    start(options, (run) => stop(run, agents ?? [], options)),
  );
}

async function stop(run: Run, names: readonly string[], options: StopOptions): Promise<void> {
  const { all, killAfter } = options;
  if ((all === true) === names.length > 0) throw new UsageError('name agents, or say --all');
  const killAfterMs = killAfter === undefined ? undefined : Math.round(killAfter * 1000);
  const tell = (info: AgentInfo): void => {
    if (run.json) run.print(safeJson({ event: 'stop', ...info }));
    else run.print(`${info.name}  ${stateWord(info)}`);
  };
  await withSession(options, async (session) => {
    if (all === true) (await session.stopAll({ killAfterMs })).forEach(tell);
    for (const name of names) tell(await session.stop(name, { killAfterMs }));
  });
}
