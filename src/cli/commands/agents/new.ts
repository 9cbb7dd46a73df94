/** `sluice agents new -- <command> --- <command>…`: starts agents, and the host of their session when there is none. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import {
  AGENT_DEFAULTS,
  type AgentInfo,
  type AgentOptions,
  CLIPBOARD_PERMISSIONS,
  type ClipboardPermission,
  connectOrLaunch,
  type ControlClient,
  MIN_LOG_BYTES,
  RESTART_POLICIES,
  type RestartPolicy,
} from '../../../terminal/session/index.js';
import { commandLine } from '../../agents/agent-words.js';
import { assertProgram, nameOf, splitCommands } from '../../agents/commands-in-words.js';
import {
  addSessionOption,
  agentName,
  launchOptions,
  type SessionOptions,
  sessionState,
} from '../../agents/session-options.js';
import {
  chosenPermissions,
  PERMISSION_WORDS,
  type PermissionWord,
} from '../../agents/permission-words.js';
import { atLeast, listOf, oneOf, someOf, terminalSize } from '../../option-values.js';
import type { Start } from '../../program.js';
import { opensAsUsage, type Run, UsageError } from '../../run.js';
import { safeJson } from '../../safe-json.js';
import { showSession } from './attach.js';

interface NewOptions extends SessionOptions {
  readonly name?: readonly string[];
  readonly file?: string;
  readonly cwd?: string;
  readonly env?: readonly string[];
  readonly size?: { readonly columns: number; readonly rows: number };
  readonly restart?: RestartPolicy;
  readonly maxLogBytes?: number;
  readonly clipboard?: ClipboardPermission;
  readonly allow?: readonly PermissionWord[];
  readonly deny?: readonly PermissionWord[];
  readonly notifyCommand?: string;
  readonly attach?: boolean;
}

export const EXAMPLES = [
  'sluice agents new -- claude',
  'sluice agents new --name fix --name review --attach -- claude --- codex',
  "sluice agents new --restart on-failure --cwd ~/app -- sh -c 'npm run dev'",
  'sluice agents new --notify-command \'notify-send "$SLUICE_AGENT waits" "$SLUICE_ATTENTION_TEXT"\' -- claude',
  'sluice agents new --file agents.yaml',
];

export function configure(command: Command, start: Start): void {
  command
    .argument('[command...]', 'behind --; several are separated by ---')
    .option('--name <name>', 'of the agent; once for each command', listOf(agentName))
    .option('--file <path>', 'YAML with agents by their names')
    .option('--cwd <path>', 'working directory; default this one')
    .option('--env <name=value>', 'added to the environment; may be repeated', listOf(String))
    .option('--size <CxR>', 'of the terminal until somebody attaches', terminalSize('--size'))
    .option('--restart <when>', RESTART_POLICIES.join(', '), oneOf('--restart', RESTART_POLICIES))
    .option(
      '--max-log-bytes <n>',
      `of the log of each; the oldest are removed; default ${AGENT_DEFAULTS.maxLogBytes}`,
      atLeast('--max-log-bytes', MIN_LOG_BYTES),
    )
    .option(
      '--clipboard <rule>',
      `what it wants to copy to your clipboard (OSC 52): ${CLIPBOARD_PERMISSIONS.join(', ')}; default ${AGENT_DEFAULTS.permissions.clipboard}`,
      oneOf('--clipboard', CLIPBOARD_PERMISSIONS),
    )
    .option(
      '--allow <what>',
      `what is denied else, of ${PERMISSION_WORDS.join(', ')}; several with commas`,
      someOf('--allow', PERMISSION_WORDS),
    )
    .option('--deny <what>', 'what is allowed else', someOf('--deny', PERMISSION_WORDS))
    .option('--notify-command <command>', 'run by a shell when an agent begins to wait')
    .option('-a, --attach', 'and show them');
  addSessionOption(command);
  command.action((words: string[], options: NewOptions) =>
    start(options, (run) => startAgents(run, words, options)),
  );
}

async function startAgents(run: Run, words: readonly string[], options: NewOptions): Promise<void> {
  const { file, attach, name: names = [] } = options;
  if (file === undefined && words.length === 0) {
    throw new UsageError('there is no command to run: it stands behind --, or in a --file');
  }
  const given = defaults(options);
  const listed = file === undefined ? [] : await agentsOf(run, file, given);
  const commands = words.length === 0 ? [] : splitCommands(words);
  if (names.length > commands.length) {
    throw new UsageError(`${names.length} names for ${commands.length} commands`);
  }
  for (const command of commands) assertProgram(command, given.directory, given.environment);
  const launch = launchOptions(options);
  const client = await opensAsUsage(() => connectOrLaunch(launch));
  try {
    const agents = [...listed, ...(await withNames(client, commands, names, given))];
    for (const agent of agents) await startOne(run, client, agent, options);
  } finally {
    client.close();
  }
  if (attach === true) await showSession(run, options, undefined, {});
}

/** Hooks run this command line at every turn of an agent: what only a file needs is loaded for a file. */
async function agentsOf(run: Run, file: string, given: Defaults): Promise<readonly AgentOptions[]> {
  const { readAgentsFile } = await import('../../agents/agents-file.js');
  return readAgentsFile(run, file, given);
}

type Defaults = Omit<AgentOptions, 'name' | 'command'>;

function defaults(options: NewOptions): Defaults {
  const { cwd, env, size, restart, maxLogBytes } = options;
  const { columns, rows } = process.stdout;
  const own = process.stdout.isTTY ? { columns, rows } : {};
  return {
    ...AGENT_DEFAULTS,
    ...own,
    ...size,
    restart: restart ?? 'never',
    maxLogBytes: maxLogBytes ?? AGENT_DEFAULTS.maxLogBytes,
    permissions: chosenPermissions(options),
    directory: resolve(cwd ?? '.'),
    environment: { ...ownEnvironment(), ...variables(env ?? []) },
  };
}

export function ownEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(entries);
}

function variables(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=');
      if (at < 1) throw new UsageError(`--env ${JSON.stringify(word)}: must be NAME=VALUE`);
      return [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}

async function withNames(
  client: ControlClient,
  commands: readonly (readonly string[])[],
  names: readonly string[],
  given: Defaults,
): Promise<readonly AgentOptions[]> {
  const { agents } = await sessionState(client);
  const running = agents.filter(({ status }) => status !== 'ended').map(({ name }) => name);
  const taken = new Set([...running, ...names]);
  return commands.map((command, at) => {
    const name = names[at] ?? nameOf(command, taken);
    taken.add(name);
    return { ...given, name, command };
  });
}

async function startOne(
  run: Run,
  client: ControlClient,
  agent: AgentOptions,
  { notifyCommand }: NewOptions,
): Promise<void> {
  const reply = await opensAsUsage(() => client.request('new', { agent, notifyCommand }));
  const info = reply['agent'] as AgentInfo;
  if (run.json) run.print(safeJson({ event: 'new', ...info }));
  else run.print(`${info.name}  ${commandLine(info)}`);
}
