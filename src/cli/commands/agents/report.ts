/** `sluice agents report <state>`: what hooks call, inside an agent. */
import type { Command } from 'commander';
import { printable } from '../../../core/index.js';
import { HOOK_PROGRAMS, type HookProgram, hookReport } from '../../../terminal/attention/index.js';
import { ATTENTION_STATES, type AttentionState } from '../../../terminal/stream/index.js';
import { agentChannel, ControlClient, SessionClient } from '../../../terminal/session/index.js';
import { oneOf } from '../../option-values.js';
import type { Start } from '../../program.js';
import { asUsage, type CommonOptions, ExitCode, type Run, UsageError } from '../../run.js';

interface ReportOptions extends CommonOptions {
  readonly text?: string;
  readonly hook?: HookProgram;
}

export const EXAMPLES = [
  "sluice agents report waits --text 'Deploy to production?'",
  'sluice agents report working',
  'sluice agents report --hook claude < event.json',
];

const MAX_INPUT_BYTES = 1 << 20;
const CHANNEL = agentChannel('');

export function configure(command: Command, start: Start): void {
  command
    .argument('[state]', ATTENTION_STATES.join(', '))
    .option('--text <text>', 'what it waits for, or what it has done')
    .option(
      '--hook <program>',
      `read the event of a hook of ${HOOK_PROGRAMS.join(' or ')} from standard input`,
      oneOf('--hook', HOOK_PROGRAMS),
    );
  command.action((state: string | undefined, options: ReportOptions) =>
    start(options, (run) => report(run, state, options)),
  );
}

async function report(
  run: Run,
  state: string | undefined,
  { text = '', hook }: ReportOptions,
): Promise<number> {
  if (hook !== undefined) return reportHook(run);
  if (state === undefined) throw new UsageError(`say what it does: ${ATTENTION_STATES.join(', ')}`);
  const known = asUsage(() => oneOf('the state', ATTENTION_STATES)(state));
  const { path, name } = surroundings();
  if (path === undefined || name === undefined) {
    throw new UsageError(
      '$SLUICE_AGENTS and $SLUICE_CHANNEL are not set: this is for programs that are run as agents',
    );
  }
  await tell(path, name, known, text);
  return ExitCode.done;
}

/** A hook must neither print anything nor end with 2, which would forbid what the agent is about to do. */
async function reportHook(run: Run): Promise<number> {
  const { path, name } = surroundings();
  if (path === undefined || name === undefined) return ExitCode.done;
  const found = hookReport(await standardInput());
  if (found === undefined) return ExitCode.done;
  try {
    await tell(path, name, found.state, found.text);
    return ExitCode.done;
  } catch (error) {
    run.note(`sluice: ${printable((error as Error).message)}`);
    return ExitCode.failed;
  }
}

/** Of an agent's program: the socket of its session, and its name. */
function surroundings(): { readonly path: string | undefined; readonly name: string | undefined } {
  const { SLUICE_AGENTS: path, SLUICE_CHANNEL: channel = '' } = process.env;
  const name = channel.startsWith(CHANNEL) ? channel.slice(CHANNEL.length) : undefined;
  return { path: path === '' ? undefined : path, name };
}

async function tell(
  path: string,
  name: string,
  state: AttentionState,
  text: string,
): Promise<void> {
  using session = new SessionClient(ControlClient.connectPath(path, path));
  await session.report(name, state, text);
}

async function standardInput(): Promise<string> {
  const pieces: Buffer[] = [];
  let byteLength = 0;
  for await (const piece of process.stdin) {
    pieces.push(piece as Buffer);
    byteLength += (piece as Buffer).byteLength;
    if (byteLength > MAX_INPUT_BYTES) break;
  }
  return Buffer.concat(pieces).toString('utf8');
}
