import { join } from 'node:path';
import type { TerminalSize } from '../../ffi/index.js';
import { AgentAttention } from '../attention/index.js';
import { ClipboardGate } from '../policy/index.js';
import { type PtyEnd, PtyProcess, signalProcesses } from '../pty/index.js';
import { AgentScreen } from '../screen/index.js';
import type { ProgramEnd } from '../stream/index.js';
import { AgentChannel } from './agent-channel.js';
import { AgentLog } from './agent-log.js';
import type { AgentOptions } from './agent-options.js';
import { RestartBackoff } from './restart-backoff.js';
import type { AgentInfo, AgentStatus, PaneEvents, SessionPane } from './session-pane.js';
import { agentChannel } from './session-paths.js';
import type { AgentWatchdog } from './watchdog.js';

export interface HostedAgentOptions {
  readonly agent: AgentOptions;
  readonly session: string;
  /** Runtime directory. */
  readonly directory: string;
  /** Where the session's logs are. */
  readonly stateDirectory: string;
  /** What Sluice adds to the environment of every agent. */
  readonly environment: Readonly<Record<string, string>>;
  readonly watchdog: AgentWatchdog;
  readonly events: PaneEvents;
}

/** What describes the terminal that the session was started from, and not the agent's own. */
const FOREIGN_TERMINAL = [
  'COLUMNS',
  'LINES',
  'TERMCAP',
  'TERM_PROGRAM',
  'TERM_PROGRAM_VERSION',
  'TMUX',
  'TMUX_PANE',
  'STY',
  'WINDOW',
  'VTE_VERSION',
  'KITTY_WINDOW_ID',
  'WT_SESSION',
];

/** How often it is looked whether what was left behind has ended. */
const LOOK_MS = 25;

/**
 * An agent of this session: its program, run again as its policy says, and everything it writes, which goes to its log,
 * its screen and its channel. When one of these cannot follow (a slow disk, a reader that wants all), this agent alone is
 * not read until it can.
 */
export class HostedAgent implements SessionPane {
  readonly name: string;
  readonly screen: AgentScreen;
  readonly attention = new AgentAttention(Date.now());
  readonly log: AgentLog;
  readonly clipboard: ClipboardGate;
  seen = true;
  readonly #options: HostedAgentOptions;
  readonly #channel: AgentChannel;
  readonly #backoff: RestartBackoff;
  readonly #pressure = new Set<'log' | 'channel'>();
  #process: PtyProcess | undefined;
  #status: AgentStatus = 'starting';
  #end: ProgramEnd = {};
  #restarts = 0;
  #title = '';
  #startedMs = Date.now();
  #endedMs: number | undefined;
  #size: TerminalSize;
  #restart: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;

  /** Rejects with `CHANNEL_IN_USE`, or when there is no terminal, process or log to be had; then nothing is left. */
  static async start(options: HostedAgentOptions): Promise<HostedAgent> {
    const { agent, session, directory } = options;
    const { name, command, columns, rows } = agent;
    let started: HostedAgent | undefined;
    const channel = await AgentChannel.open({
      name,
      session,
      command,
      directory,
      size: { columns, rows },
      onPressure: (pressed) => started?.press('channel', pressed),
    });
    try {
      started = new HostedAgent(options, channel);
      await started.#run();
      return started;
    } catch (error) {
      if (started === undefined) await channel.close();
      else await started.close(0);
      throw error;
    }
  }

  private constructor(options: HostedAgentOptions, channel: AgentChannel) {
    const { agent, events, stateDirectory } = options;
    const { name, columns, rows } = agent;
    this.name = name;
    this.#options = options;
    this.#channel = channel;
    this.#backoff = new RestartBackoff(agent.restart);
    this.#size = { columns, rows };
    this.clipboard = new ClipboardGate(agent.permissions.clipboard);
    this.log = new AgentLog({
      directory: join(stateDirectory, name),
      maxBytes: agent.maxLogBytes,
      onPressure: (pressed) => this.press('log', pressed),
      onNotice: (text) => {
        events.onNotice(`${name}: ${text}`);
        events.onState(name);
      },
    });
    this.screen = new AgentScreen({
      columns,
      rows,
      permissions: agent.permissions,
      onAnswer: (text) => void this.#process?.write(Buffer.from(text)),
      onSignal: (signal) => {
        if (signal.type === 'clipboard') this.#copy(signal.text);
        else if (signal.type === 'title') this.#setTitle(signal.text);
        else this.#attend(this.attention.signalled(signal, Date.now()));
      },
      onTimeout: () => events.onPicture(name),
    });
    this.log.noteSize(this.#size);
  }

  info(): AgentInfo {
    const { command, directory, permissions } = this.#options.agent;
    return {
      name: this.name,
      channel: agentChannel(this.name),
      status: this.#status,
      command,
      directory,
      pid: this.#process?.pid,
      exitCode: this.#end.exitCode,
      signal: this.#end.signal,
      restarts: this.#restarts,
      startedMs: this.#startedMs,
      endedMs: this.#endedMs,
      ...this.#size,
      attention: this.attention.current,
      seen: this.seen,
      title: this.#title,
      permissions: { ...permissions, clipboard: this.clipboard.permission },
      log: {
        directory: this.log.directory,
        firstSequence: this.log.firstSequence,
        sequence: this.log.sequence,
        problem: this.log.problem,
      },
    };
  }

  input(bytes: Uint8Array): boolean {
    if (this.#process?.write(bytes) !== true) return false;
    // A whole line, or the one key that answers a question.
    const answers = bytes.includes(0x0d) || bytes.includes(0x0a) || bytes.byteLength === 1;
    if (answers) this.#attend(this.attention.answered(Date.now()));
    return true;
  }

  fits({ columns, rows }: TerminalSize): boolean {
    return columns === this.#size.columns && rows === this.#size.rows;
  }

  resize(size: TerminalSize): void {
    if (this.fits(size)) return;
    this.#size = size;
    // The screen first: what the program writes because of it is for the new size.
    this.screen.resize(size.columns, size.rows);
    this.log.noteSize(size);
    this.#channel.size(size);
    this.#process?.resize(size);
    this.#options.events.onPicture(this.name);
  }

  /** By `sluice agents report`. */
  report(...[state, text]: [Parameters<AgentAttention['reported']>[0], string]): void {
    this.#attend(this.attention.reported(state, text, 'hook', Date.now()));
  }

  /** Time has passed. */
  look(nowMs: number): void {
    this.#attend(this.attention.looked(nowMs));
  }

  /** Log or channel take no more for the moment, or do again. */
  press(by: 'log' | 'channel', pressed: boolean): void {
    if (pressed) this.#pressure.add(by);
    else this.#pressure.delete(by);
    if (this.#pressure.size > 0 && this.#closing === undefined) this.#process?.pause();
    else this.#process?.resume();
  }

  /**
   * Hangs up and asks to end (SIGHUP, SIGTERM), kills what is still there after `killAfterMs`, background processes of
   * its terminal too. What it wrote until then is in the log.
   */
  close(killAfterMs: number): Promise<void> {
    this.#closing ??= this.#close(killAfterMs);
    return this.#closing;
  }

  async #run(): Promise<void> {
    const { agent, environment, watchdog } = this.#options;
    this.#status = 'starting';
    const started = await PtyProcess.start(
      {
        command: agent.command,
        directory: agent.directory,
        environment: { ...withoutTerminal(agent.environment), ...environment },
        size: this.#size,
      },
      { onOutput: (bytes) => this.#take(bytes) },
    );
    this.#process = started;
    watchdog.add(started.pid);
    this.#status = 'running';
    this.#startedMs = Date.now();
    this.#endedMs = undefined;
    this.#end = {};
    this.#title = '';
    this.log.noteStart();
    if (this.#pressure.size > 0) started.pause();
    this.#attend(this.attention.started(Date.now()));
    void started.ended.then((end) => this.#ended(end));
  }

  #take(bytes: Uint8Array): void {
    this.log.append(bytes);
    this.screen.write(bytes);
    this.#channel.output(bytes);
    this.#attend(this.attention.wrote(Date.now()));
    this.#options.events.onPicture(this.name);
  }

  #setTitle(text: string): void {
    if (text === this.#title) return;
    this.#title = text;
    this.#options.events.onState(this.name);
  }

  #copy(text: string): void {
    const { events } = this.#options;
    const allowed = this.clipboard.take(text, performance.now());
    if (allowed === undefined) events.onCopyRequest(this.name);
    else events.onCopy(this.name, allowed);
  }

  #attend(changed: boolean): void {
    if (!changed) return;
    this.seen = false;
    this.#channel.attention(this.attention.current);
    this.#options.events.onState(this.name);
  }

  #ended(end: PtyEnd): void {
    const { watchdog, events } = this.#options;
    const told: ProgramEnd =
      end.signal === undefined ? { exitCode: end.exitCode ?? 0 } : { signal: end.signal };
    const pid = this.#process?.pid;
    if (pid !== undefined) watchdog.drop(pid);
    this.#process = undefined;
    this.#end = told;
    this.#endedMs = Date.now();
    this.#status = 'ended';
    this.screen.endProgram();
    this.log.noteEnd(told);
    this.#channel.end(told);
    this.#attend(this.attention.ended(told, Date.now()));
    events.onPicture(this.name);
    events.onState(this.name);
    if (this.#closing !== undefined) return;
    const delayMs = this.#backoff.next(told, this.#endedMs - this.#startedMs);
    if (delayMs === undefined) return;
    this.#status = 'restarting';
    this.#restart = setTimeout(() => this.#again(), delayMs);
  }

  #again(): void {
    this.#restarts += 1;
    this.#run().catch((error: unknown) => {
      this.#options.events.onNotice(`${this.name}: ${(error as Error).message}`);
      this.#ended({ exitCode: 127, signal: undefined });
    });
  }

  async #close(killAfterMs: number): Promise<void> {
    clearTimeout(this.#restart);
    const running = this.#process;
    if (running !== undefined) await this.#endProcesses(running, killAfterMs);
    await this.#channel.close();
    const lost = await this.log.close();
    if (lost > 0) {
      this.#options.events.onNotice(`${this.name}: its last ${lost} bytes could not be written`);
    }
    this.screen.close();
  }

  async #endProcesses(running: PtyProcess, killAfterMs: number): Promise<void> {
    const deadlineMs = performance.now() + killAfterMs;
    const asked = running.processes;
    for (const name of ['SIGHUP', 'SIGTERM', 'SIGCONT'] as const) signalProcesses(asked, name);
    let left = asked;
    while (left.length > 0 && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      left = running.processes;
    }
    signalProcesses(left, 'SIGKILL');
    // A log that cannot be written must not keep the end from coming: the tail goes to memory.
    this.#pressure.clear();
    running.resume();
    await running.ended;
  }
}

function withoutTerminal(environment: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(environment).filter(([name]) => !FOREIGN_TERMINAL.includes(name));
  return Object.fromEntries(entries);
}
