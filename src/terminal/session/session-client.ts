import { assertOneOf } from '../../core/index.js';
import { resolveRuntimeDirectory } from '../../bus/index.js';
import type { TerminalSize } from '../../ffi/index.js';
import type { AttentionState } from '../stream/index.js';
import { AGENT_DEFAULTS, type AgentOptions } from './agent-options.js';
import { ControlClient } from './control-client.js';
import { connectOrLaunch } from './host-launch.js';
import type { AgentInfo } from './session-pane.js';
import { assertAgentName, DEFAULT_SESSION, stateDirectory } from './session-paths.js';

/** Which session, and where it is. */
export interface SessionClientOptions {
  /** Default `main`. */
  readonly session?: string;
  /** Runtime directory; default as everywhere, see docs/api.md. */
  readonly directory?: string;
  /** Where logs are, of all sessions; default `$XDG_STATE_HOME/sluice/agents`. Of a host that is started here. */
  readonly stateDirectory?: string;
  /** When nobody hosts the session: start a host, which outlives this process, or fail. Default `fail`. */
  readonly whenMissing?: 'start' | 'fail';
}

/** What an agent is started with; what is left out is as for `sluice agents new`. */
export type AgentStart = Pick<AgentOptions, 'name' | 'command'> & Partial<AgentOptions>;

/** What is typed into an agent, in this order. */
export interface AgentInput {
  /** Several lines are one paste where the program knows pastes. */
  readonly text?: string | undefined;
  /** Keys by their names: `C-c`, `M-x`, `S-Enter`, `Up`, `F5`. */
  readonly keys?: readonly string[] | undefined;
  /** And Enter at last. */
  readonly enter?: boolean | undefined;
}

/** How agents are ended. */
export interface KillOptions {
  /** From asking to killing; default 5000. */
  readonly killAfterMs?: number | undefined;
}

/** What the terminal of an agent shows. */
export interface AgentScreenText extends TerminalSize {
  readonly name: string;
  readonly cursor: { readonly column: number; readonly row: number; readonly visible: boolean };
  /** `rows` lines, and those above them that were asked for. Printable text, and SGR where colours were asked for. */
  readonly lines: readonly string[];
}

/**
 * A session of agents, asked over the socket of its host. Every request rejects with what the host answers
 * (`SESSION_NOT_FOUND` for an agent that is not there, RangeError for what cannot be meant) and with `CLOSED` when the
 * host has ended. Whoever opened it closes it; the agents go on.
 */
export class SessionClient {
  readonly #control: ControlClient;

  /** @internal `control`: a connection, which is closed with this. */
  constructor(control: ControlClient) {
    this.#control = control;
  }

  /** All agents of the session, and those of other processes that it shows. */
  async agents(): Promise<readonly AgentInfo[]> {
    const { agents } = await this.#control.request('ls');
    return agents as readonly AgentInfo[];
  }

  /** Rejects with `CHANNEL_IN_USE` when an agent of this name runs. */
  async start(agent: AgentStart): Promise<AgentInfo> {
    const environment = Object.assign({}, process.env) as Record<string, string>;
    const defaults = { ...AGENT_DEFAULTS, directory: process.cwd(), environment };
    const reply = await this.#control.request('new', { agent: { ...defaults, ...agent } });
    return reply['agent'] as AgentInfo;
  }

  /** SIGHUP and SIGTERM, and SIGKILL in the end; its log stays. What was known of it last. */
  async stop(name: string, options: KillOptions = {}): Promise<AgentInfo> {
    const reply = await this.#control.request('stop', { name, ...options });
    const [stopped] = reply['agents'] as readonly AgentInfo[];
    return stopped as AgentInfo;
  }

  /** All of the session; its host ends when nobody is connected any more. */
  async stopAll(options: KillOptions = {}): Promise<readonly AgentInfo[]> {
    const { agents } = await this.#control.request('stop', { all: true, ...options });
    return agents as readonly AgentInfo[];
  }

  /** Types into an agent; the bytes that its program got. Rejects with `CLOSED` when it takes nothing. */
  async send(name: string, input: AgentInput): Promise<number> {
    const { bytes } = await this.#control.request('send', { name, ...input });
    return bytes as number;
  }

  /** `history`: so many lines above the screen too. */
  async screen(
    name: string,
    options: { readonly history?: number; readonly colors?: boolean } = {},
  ): Promise<AgentScreenText> {
    const reply = await this.#control.request('screen', { name, ...options });
    return reply as unknown as AgentScreenText;
  }

  /** Who needs the user most, after `after`; undefined: nobody. With `wait` as soon as there is somebody. */
  async next(
    options: {
      readonly after?: string | undefined;
      readonly wait?: boolean | undefined;
    } = {},
  ): Promise<AgentInfo | undefined> {
    const { agent } = await this.#control.request('next', { ...options });
    return (agent as AgentInfo | null) ?? undefined;
  }

  /** What an agent does, as a hook would say it. */
  async report(name: string, state: AttentionState, text = ''): Promise<void> {
    await this.#control.request('report', { name, state, text });
  }

  /** The size of its terminal, until somebody looks at it in a view, whose size is used then. */
  async resize(name: string, { columns, rows }: TerminalSize): Promise<void> {
    await this.#control.request('resize', { name, columns, rows });
  }

  /** Requests that are under way reject with `CLOSED`. Twice is harmless. */
  close(): void {
    this.#control.close();
  }

  /** As `close`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** Throws `SESSION_NOT_FOUND` when nobody hosts the session and none is to be started, `ACCESS_DENIED` when another user does. */
export async function openSession(options: SessionClientOptions = {}): Promise<SessionClient> {
  const { session = DEFAULT_SESSION, whenMissing = 'fail' } = options;
  assertAgentName('the name of a session', session);
  assertOneOf('whenMissing', whenMissing, ['start', 'fail']);
  const directory = resolveRuntimeDirectory(options.directory);
  if (whenMissing === 'fail') return new SessionClient(ControlClient.connect(directory, session));
  const logs = options.stateDirectory ?? stateDirectory(process.env);
  return new SessionClient(await connectOrLaunch({ session, directory, stateDirectory: logs }));
}
