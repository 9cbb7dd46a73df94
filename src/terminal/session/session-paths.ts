/** What sessions and agents may be called, and where their files are. */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { describe, printable } from '../../core/index.js';

/** One part of a channel's name. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,40}$/;

export const DEFAULT_SESSION = 'main';

export function isAgentName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name);
}

/** Throws `TypeError` unless `name` may be that of a session or an agent; `what` says of which. */
export function assertAgentName(what: string, name: unknown): asserts name is string {
  if (isAgentName(name)) return;
  throw new TypeError(
    `${what} ${printable(describe(name))} must be a-z 0-9 . _ - and begin with a letter or digit, at most 41 characters`,
  );
}

const AGENT_PREFIX = 'agent/';

/** The channel of an agent. */
export function agentChannel(name: string): string {
  return `${AGENT_PREFIX}${name}`;
}

/** The agent of a channel; undefined for one of anything else. */
export function agentNameOf(channel: string): string | undefined {
  return channel.startsWith(AGENT_PREFIX) ? channel.slice(AGENT_PREFIX.length) : undefined;
}

/** The name under which a session has its lock and socket in the runtime directory, as a channel has. */
export function sessionChannel(session: string): string {
  return `agents/${session}`;
}

/** `$XDG_STATE_HOME/sluice/agents`, else `~/.local/state/sluice/agents`: logs outlive the machine's next start. */
export function stateDirectory(environment: Readonly<Record<string, string | undefined>>): string {
  const { XDG_STATE_HOME } = environment;
  const isUsable = XDG_STATE_HOME !== undefined && isAbsolute(XDG_STATE_HOME);
  const home = isUsable ? XDG_STATE_HOME : join(homedir(), '.local', 'state');
  return join(home, 'sluice', 'agents');
}
