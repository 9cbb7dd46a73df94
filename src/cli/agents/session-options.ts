/** What the commands of `sluice agents` share: which session is meant, and the way to its host. */
import { readdirSync } from 'node:fs';
import type { Command } from 'commander';
import { SluiceError } from '../../core/index.js';
import {
  resolveRuntimeDirectory,
  type RuntimeDirectory,
} from '../../bus/directory/runtime-directory.js';
import {
  type AgentInfo,
  assertAgentName,
  ControlClient,
  DEFAULT_SESSION,
  type LaunchOptions,
  SessionClient,
  stateDirectory,
} from '../../terminal/session/index.js';
import { asUsage, type CommonOptions, opensAsUsage } from '../run.js';

export interface SessionOptions extends CommonOptions {
  readonly session?: string;
}

export function addSessionOption(command: Command): void {
  command.option('--session <name>', `which session; default ${DEFAULT_SESSION}`, agentName);
}

/** The name of a session or an agent. */
export function agentName(value: string): string {
  asUsage(() => assertAgentName('the name', value));
  return value;
}

export function launchOptions({ session, dir }: SessionOptions): LaunchOptions {
  return {
    session: session ?? DEFAULT_SESSION,
    directory: resolveRuntimeDirectory(dir),
    stateDirectory: stateDirectory(process.env),
  };
}

/** Asks the host of the session and leaves. */
export async function withSession<T>(
  options: SessionOptions,
  use: (session: SessionClient) => Promise<T>,
): Promise<T> {
  const { directory, session } = launchOptions(options);
  using asked = new SessionClient(ControlClient.connect(directory, session));
  return await opensAsUsage(() => use(asked));
}

/** The sessions that have a host, or had one. */
export function sessionNames(directory: RuntimeDirectory): readonly string[] {
  try {
    const names = readdirSync(directory.path);
    return names.flatMap((name) => /^agents~([^~]+)\.sock$/.exec(name)?.[1] ?? []).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** What a host tells of its agents. It is this user's own, so its shape is trusted; its texts are not. */
export interface SessionState {
  readonly session: string;
  readonly host: { readonly pid: number; readonly startedMs: number };
  readonly agents: readonly AgentInfo[];
}

export async function sessionState(client: ControlClient): Promise<SessionState> {
  return (await client.request('ls')) as unknown as SessionState;
}

export function noAgents(session: string | undefined): SluiceError {
  const where = session === undefined ? '' : ` in session ${session}`;
  return new SluiceError('SESSION_NOT_FOUND', `there are no agents${where}`);
}
