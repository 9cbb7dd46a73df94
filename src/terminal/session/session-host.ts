import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { printable, SluiceError } from '../../core/index.js';
import {
  type ChannelEvent,
  type ChannelLock,
  clearRemains,
  type RuntimeDirectory,
  tryClaim,
  watchChannels,
} from '../../bus/index.js';
import { Announcements, nextInNeed } from '../attention/index.js';
import type { CopyAnswer, CopyRequest } from '../policy/index.js';
import { AttentionCommand } from './attention-command.js';
import { type AgentOptions, DEFAULT_KILL_AFTER_MS } from './agent-options.js';
import { ControlServer } from './control-server.js';
import { ForeignAgent } from './foreign-agent.js';
import { HostedAgent } from './hosted-agent.js';
import type { AgentInfo, PaneEvents, SessionPane } from './session-pane.js';
import { agentChannel, sessionChannel } from './session-paths.js';
import type { ViewerSession } from './viewer-session.js';
import { AgentWatchdog, HOST_MARK } from './watchdog.js';

export interface SessionHostOptions {
  readonly session: string;
  readonly directory: RuntimeDirectory;
  /** Where logs are: of all sessions. */
  readonly stateDirectory: string;
  /** For the log of the host. */
  onNotice(text: string): void;
}

/** Agents of a session, and those of other processes that it shows. */
const MAX_AGENTS = 256;
const MAX_FOREIGN = 128;
const LOOK_MS = 1000;
/** While a terminal is dragged to another size programs are told so often at most: each time they draw anew. */
const FIT_INTERVAL_MS = 100;
/** Without agents and without anybody who is connected the host ends after this. */
const IDLE_MS = 10_000;

/**
 * One session: its agents, their screens and logs, and whoever looks at them. It lives in a process of its own, which
 * ends when the last agent was stopped and nobody looks any more.
 */
export class SessionHost {
  readonly session: string;
  readonly startedMs = Date.now();
  /** Resolves when everything has ended. */
  readonly closed: Promise<void>;
  readonly command: AttentionCommand;
  readonly #options: SessionHostOptions;
  readonly #lock: ChannelLock;
  readonly #server: ControlServer;
  readonly #watchdog: AgentWatchdog;
  readonly #mark = randomUUID();
  readonly #agents = new Map<string, HostedAgent>();
  readonly #foreign = new Map<string, ForeignAgent>();
  readonly #starting = new Map<string, Promise<AgentInfo>>();
  /** The one that was used last comes last. */
  readonly #viewers = new Set<ViewerSession>();
  readonly #waiting = new Set<() => void>();
  readonly #abort = new AbortController();
  readonly #announcements = new Announcements();
  readonly #looking: NodeJS.Timeout;
  #idle: NodeJS.Timeout | undefined;
  #fitting: NodeJS.Timeout | undefined;
  #fittedMs = Number.NEGATIVE_INFINITY;
  #stateScheduled = false;
  #closing = false;
  #resolveClosed!: () => void;

  /** Throws `CHANNEL_IN_USE` when the session has a host. */
  constructor(options: SessionHostOptions) {
    const { session, directory, onNotice } = options;
    this.session = session;
    this.#options = options;
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
    const name = sessionChannel(session);
    const lock = tryClaim(directory, name);
    if (lock === undefined) {
      throw new SluiceError('CHANNEL_IN_USE', `the session ${session} has a host already`);
    }
    this.#lock = lock;
    try {
      clearRemains(directory, lock);
      this.#server = new ControlServer(directory, name, this);
    } catch (error) {
      lock.release();
      throw error;
    }
    this.command = new AttentionCommand(onNotice);
    this.#watchdog = new AgentWatchdog(this.#mark, onNotice);
    this.#looking = setInterval(() => this.#look(), LOOK_MS);
    void this.#followForeign();
    this.connectionsChanged(0);
  }

  /** In the order in which they came: the session's own, then those of others. */
  get panes(): readonly SessionPane[] {
    return [...this.#agents.values(), ...this.#foreign.values()];
  }

  /** Throws `SESSION_NOT_FOUND`. */
  pane(name: string): SessionPane {
    const found = this.#agents.get(name) ?? this.#foreign.get(name);
    if (found !== undefined) return found;
    const names = this.panes.map((pane) => pane.name);
    const there = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`;
    const text = `session ${this.session} has no agent ${printable(name, 64)}: ${there}`;
    throw new SluiceError('SESSION_NOT_FOUND', text, { details: { session: this.session, name } });
  }

  infos(): readonly AgentInfo[] {
    return this.panes.map((pane) => pane.info());
  }

  /** An agent of this name that has ended makes room. Rejects with `CHANNEL_IN_USE` when it runs. */
  async start(agent: AgentOptions): Promise<AgentInfo> {
    const { name } = agent;
    const before = this.#agents.get(name);
    const isRunning = before !== undefined && before.info().status !== 'ended';
    if (isRunning || this.#starting.has(name)) {
      throw new SluiceError('CHANNEL_IN_USE', `the session ${this.session} runs an agent ${name}`, {
        remedy: 'Give the new one another name by --name, or stop the old one.',
      });
    }
    if (this.#agents.size + this.#starting.size >= MAX_AGENTS) {
      throw new RangeError(`a session has at most ${MAX_AGENTS} agents`);
    }
    if (this.#closing) throw new SluiceError('CLOSED', `the session ${this.session} is ending`);
    const starting = this.#start(agent);
    this.#starting.set(name, starting);
    try {
      return await starting;
    } finally {
      this.#starting.delete(name);
      this.#considerEnd();
    }
  }

  async #start(agent: AgentOptions): Promise<AgentInfo> {
    const { name } = agent;
    if (this.#agents.has(name)) await this.stop(name, 0);
    if (this.#foreign.get(name)?.isLost === true) await this.#dropForeign(name);
    const started = await HostedAgent.start({
      agent,
      session: this.session,
      directory: this.#options.directory.path,
      stateDirectory: join(this.#options.stateDirectory, this.session),
      environment: this.#environmentOf(name),
      watchdog: this.#watchdog,
      events: this.#events,
    });
    this.#agents.set(name, started);
    await this.#dropForeign(name);
    this.#stateChanged();
    return started.info();
  }

  /** Ends an agent and takes it out of the session; its log stays. */
  async stop(name: string, killAfterMs: number): Promise<AgentInfo> {
    const agent = this.pane(name);
    if (agent instanceof ForeignAgent) {
      if (agent.isLost) {
        await this.#dropForeign(name);
        this.#stateChanged();
        return agent.info();
      }
      throw new SluiceError('ACCESS_DENIED', `${name} is run by another process`, {
        remedy: `End the process that publishes ${agentChannel(name)}.`,
      });
    }
    await agent.close(killAfterMs);
    const info = agent.info();
    this.#agents.delete(name);
    this.#announcements.forget(name);
    this.#stateChanged();
    this.#considerEnd();
    return info;
  }

  async stopAll(killAfterMs: number): Promise<readonly AgentInfo[]> {
    const names = [...this.#agents.keys()];
    return Promise.all(names.map((name) => this.stop(name, killAfterMs)));
  }

  /** Who needs the user most; with `wait`, as soon as there is somebody. */
  async next(
    after: string | undefined,
    wait: boolean,
    signal: AbortSignal,
  ): Promise<AgentInfo | undefined> {
    for (;;) {
      const found = nextInNeed(this.infos(), after);
      if (found !== undefined || !wait || signal.aborted) return found;
      await this.#change(signal);
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  /** Types into an agent. False when it takes nothing, or is gone: a viewer may be a turn behind. */
  input(name: string, bytes: Uint8Array): boolean {
    return (this.#agents.get(name) ?? this.#foreign.get(name))?.input(bytes) ?? false;
  }

  /** By a hook. */
  report(name: string, ...report: Parameters<HostedAgent['report']>): void {
    const agent = this.pane(name);
    if (agent instanceof HostedAgent) agent.report(...report);
  }

  /** A user's answer; false when another one came first, or the agent is gone. */
  answerCopy(name: string, request: CopyRequest, answer: CopyAnswer): boolean {
    const counts = this.#agents.get(name)?.clipboard.answer(request, answer) ?? false;
    if (counts) this.#stateChanged();
    return counts;
  }

  /** Somebody has it before their eyes. */
  looked(name: string): void {
    const pane = this.#agents.get(name) ?? this.#foreign.get(name);
    if (pane !== undefined) pane.seen = true;
  }

  addViewer(viewer: ViewerSession): void {
    this.#viewers.add(viewer);
    viewer.setPanes(this.panes);
    this.used(viewer);
  }

  removeViewer(viewer: ViewerSession): void {
    this.#viewers.delete(viewer);
    viewer.close();
    this.#fit();
  }

  /** Programs get the sizes of the panes of the viewer that was used last, of those that are there. */
  used(viewer: ViewerSession): void {
    if (!this.#viewers.delete(viewer)) return;
    this.#viewers.add(viewer);
    this.#fit();
  }

  /** Where the user is, as far as is known. */
  get #lastUsed(): ViewerSession | undefined {
    return [...this.#viewers].at(-1);
  }

  #fit(): void {
    const viewer = this.#lastUsed;
    if (viewer === undefined || this.#fitting !== undefined || this.#closing) return;
    const changes = this.panes.flatMap((pane) => {
      const { columns = 0, rows = 0 } = viewer.paneSize(pane.name) ?? {};
      const size = { columns: Math.max(2, columns), rows };
      return rows === 0 || pane.fits(size) ? [] : [{ pane, size }];
    });
    if (changes.length === 0) return;
    const waitMs = this.#fittedMs + FIT_INTERVAL_MS - performance.now();
    if (waitMs > 0) {
      this.#fitting = setTimeout(() => {
        this.#fitting = undefined;
        this.#fit();
      }, waitMs);
      return;
    }
    this.#fittedMs = performance.now();
    for (const { pane, size } of changes) pane.resize(size);
  }

  connectionsChanged(count: number): void {
    clearTimeout(this.#idle);
    if (count === 0 && !this.#closing) this.#idle = setTimeout(() => this.#considerEnd(), IDLE_MS);
    this.#considerEnd();
  }

  /** Ends all agents, then the host. Idempotent. */
  async close(killAfterMs = DEFAULT_KILL_AFTER_MS): Promise<void> {
    if (this.#closing) return this.closed;
    this.#closing = true;
    this.#abort.abort();
    clearInterval(this.#looking);
    clearTimeout(this.#idle);
    clearTimeout(this.#fitting);
    this.#server.refuse();
    // What is just being started is ended with the others.
    await Promise.allSettled(this.#starting.values());
    // Before there is nothing left to be shown.
    for (const viewer of this.#viewers) viewer.end();
    await this.stopAll(killAfterMs);
    await Promise.all([...this.#foreign.values()].map((agent) => agent.close()));
    await this.#server.close();
    for (const viewer of this.#viewers) viewer.close();
    this.#lock.release();
    await this.#watchdog.dismiss();
    this.#resolveClosed();
    return undefined;
  }

  readonly #events: PaneEvents = {
    onPicture: (name) => {
      for (const viewer of this.#viewers) viewer.paneChanged(name);
    },
    onState: (name) => this.#paneState(name),
    onNotice: (text) => this.#options.onNotice(text),
    onCopy: (name, text) => this.#lastUsed?.copy(name, text),
    onCopyRequest: () => this.#stateChanged(),
  };

  #environmentOf(name: string): Readonly<Record<string, string>> {
    const { directory } = this.#options;
    return {
      TERM: 'xterm-256color',
      COLORTERM: 'truecolor',
      SLUICE_CHANNEL: agentChannel(name),
      SLUICE_AGENTS: directory.socketPath(sessionChannel(this.session)),
      SLUICE_DIR: directory.path,
      [HOST_MARK]: this.#mark,
    };
  }

  #paneState(name: string): void {
    const pane = this.#agents.get(name) ?? this.#foreign.get(name);
    if (pane !== undefined && !pane.seen) {
      const info = pane.info();
      const isLookedAt = [...this.#viewers].some(({ focusedPane }) => focusedPane === name);
      if (isLookedAt) pane.seen = true;
      const { state, sinceMs } = info.attention;
      if (state === 'waits' && this.#announcements.isDue(name, sinceMs, Date.now())) {
        this.command.run(info, this.session);
        this.#server.announce(info);
      }
    }
    this.#stateChanged();
  }

  /** Once a turn, whatever happened in it. */
  #stateChanged(): void {
    if (this.#stateScheduled) return;
    this.#stateScheduled = true;
    setImmediate(() => {
      this.#stateScheduled = false;
      for (const viewer of this.#viewers) viewer.setPanes(this.panes);
      this.#fit();
      for (const wake of [...this.#waiting]) wake();
    });
  }

  #look(): void {
    const nowMs = Date.now();
    for (const agent of this.#agents.values()) agent.look(nowMs);
    for (const agent of this.#foreign.values()) agent.look(nowMs);
  }

  #considerEnd(): void {
    const isUsed = this.#agents.size > 0 || this.#starting.size > 0 || this.#server.connections > 0;
    if (isUsed || this.#closing) return;
    const isYoung = Date.now() - this.startedMs < IDLE_MS && !this.#server.wasUsed;
    if (!isYoung) void this.close();
  }

  async #followForeign(): Promise<void> {
    const { directory } = this.#options;
    try {
      const events = watchChannels(agentChannel('*'), {
        directory: directory.path,
        signal: this.#abort.signal,
      });
      for await (const event of events) await this.#takeChannel(event);
    } catch (error) {
      if (!this.#closing) this.#options.onNotice((error as Error).message);
    }
  }

  /** It is no pane of this session any more; its log stays. */
  async #dropForeign(name: string): Promise<void> {
    const agent = this.#foreign.get(name);
    this.#foreign.delete(name);
    this.#announcements.forget(name);
    await agent?.close();
  }

  async #takeChannel({ type, manifest }: ChannelEvent): Promise<void> {
    const name = manifest.channel.slice(agentChannel('').length);
    if (type === 'retired' || this.#agents.has(name) || this.#starting.has(name)) return;
    await this.#dropForeign(name);
    if (this.#foreign.size >= MAX_FOREIGN) {
      // The one that has been there the longest of those whose publisher is gone.
      const lost = [...this.#foreign.values()].find(({ isLost }) => isLost);
      if (lost !== undefined) await this.#dropForeign(lost.name);
    }
    if (this.#closing || this.#foreign.size >= MAX_FOREIGN) return;
    try {
      const joined = await ForeignAgent.join({
        name,
        manifest,
        directory: this.#options.directory.path,
        stateDirectory: join(this.#options.stateDirectory, this.session),
        events: this.#events,
      });
      if (joined === undefined) return;
      this.#foreign.set(name, joined);
      this.#stateChanged();
    } catch (error) {
      this.#options.onNotice(`${manifest.channel}: ${(error as Error).message}`);
    }
  }
}
