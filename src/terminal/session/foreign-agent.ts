import { join } from 'node:path';
import type { Manifest, Message, MessageSubscriber } from '../../bus/index.js';
import type { MessageFormat } from '../../format/index.js';
import type { TerminalSize } from '../../ffi/index.js';
import { AgentAttention } from '../attention/index.js';
import { ClipboardGate, DEFAULT_PERMISSIONS, type Permissions } from '../policy/index.js';
import { AgentScreen } from '../screen/index.js';
import {
  announcedSize,
  openAgentSubscriber,
  parseAttention,
  parseEnd,
  TERMINAL_TYPE,
  terminalMessage,
  toldSize,
} from '../stream/index.js';
import { AgentLog } from './agent-log.js';
import { AGENT_DEFAULTS } from './agent-options.js';
import type { AgentInfo, AgentStatus, PaneEvents, SessionPane } from './session-pane.js';

export interface ForeignAgentOptions {
  readonly name: string;
  readonly manifest: Manifest;
  /** Runtime directory. */
  readonly directory: string;
  readonly stateDirectory: string;
  readonly events: PaneEvents;
}

const PERMISSIONS: Permissions = { ...DEFAULT_PERMISSIONS, clipboard: 'deny' };
/** Takes turns with the rest of the session after so long; looks after so many bytes. */
const TURN_MS = 8;
const PIECE_BYTES = 1024;

/**
 * An agent that another process publishes, as a pane of this session. A terminal's channel is played on a screen; text
 * and JSON are lines, coloured by their type.
 */
export class ForeignAgent implements SessionPane {
  readonly name: string;
  readonly screen: AgentScreen;
  readonly attention = new AgentAttention(Date.now());
  readonly log: AgentLog;
  /** What is played again from its channel was wanted some time ago, and of another terminal. */
  readonly clipboard = new ClipboardGate(PERMISSIONS.clipboard);
  seen = true;
  readonly #options: ForeignAgentOptions;
  readonly #subscriber: MessageSubscriber<MessageFormat>;
  readonly #startedMs = Date.now();
  readonly #reading: Promise<void>;
  #status: AgentStatus = 'foreign';
  #room: Promise<void> | undefined;
  #hasRoom: (() => void) | undefined;
  #turnBeganMs = performance.now();
  /** The terminal's own, when the channel tells of one: then the pane's size is nothing to it. */
  #size: TerminalSize | undefined;

  /** Undefined for a channel that carries no messages. Rejects as a subscriber does. */
  static async join(options: ForeignAgentOptions): Promise<ForeignAgent | undefined> {
    const { manifest, directory } = options;
    const subscriber = await openAgentSubscriber(manifest, {
      directory,
      start: 'oldest',
      whenMissing: 'fail',
      whenLost: 'end',
      label: 'agents',
    });
    return subscriber && new ForeignAgent(options, subscriber);
  }

  private constructor(options: ForeignAgentOptions, subscriber: MessageSubscriber<MessageFormat>) {
    const { name, stateDirectory, events, manifest } = options;
    this.name = name;
    this.#options = options;
    this.#subscriber = subscriber;
    this.#size = announcedSize(manifest.userData);
    this.log = new AgentLog({
      directory: join(stateDirectory, name),
      maxBytes: AGENT_DEFAULTS.maxLogBytes,
      onPressure: (pressed) => this.#press(pressed),
      onNotice: (notice) => events.onNotice(`${name}: ${notice}`),
    });
    this.screen = new AgentScreen({
      ...(this.#size ?? AGENT_DEFAULTS),
      permissions: PERMISSIONS,
      onSignal: (signal) => this.#attend(this.attention.signalled(signal, Date.now())),
      onTimeout: () => events.onPicture(name),
    });
    this.#reading = this.#read();
  }

  info(): AgentInfo {
    const { manifest } = this.#options;
    return {
      name: this.name,
      channel: manifest.channel,
      status: this.#status,
      command: [],
      directory: '',
      pid: manifest.process.pid,
      exitCode: undefined,
      signal: undefined,
      restarts: 0,
      startedMs: this.#startedMs,
      endedMs: undefined,
      columns: this.screen.columns,
      rows: this.screen.rows,
      attention: this.attention.current,
      seen: this.seen,
      title: '',
      permissions: PERMISSIONS,
      log: {
        directory: this.log.directory,
        firstSequence: this.log.firstSequence,
        sequence: this.log.sequence,
        problem: this.log.problem,
      },
    };
  }

  /** Its publisher is gone. */
  get isLost(): boolean {
    return this.#status === 'lost';
  }

  input(): boolean {
    return false;
  }

  fits({ columns, rows }: TerminalSize): boolean {
    if (this.#size !== undefined) return true;
    return columns === this.screen.columns && rows === this.screen.rows;
  }

  resize(size: TerminalSize): void {
    if (!this.fits(size)) this.screen.resize(size.columns, size.rows);
  }

  look(nowMs: number): void {
    this.#attend(this.attention.looked(nowMs));
  }

  async close(): Promise<void> {
    await this.#subscriber.close();
    this.#press(false);
    await this.#reading;
    await this.log.close();
    this.screen.close();
  }

  async #read(): Promise<void> {
    try {
      for await (const message of this.#subscriber) {
        await this.#take(message);
        await this.#takeTurns();
        await this.#room;
      }
    } catch (error) {
      this.#options.events.onNotice(`${this.name}: ${(error as Error).message}`);
    }
    this.#status = 'lost';
    this.#options.events.onState(this.name);
  }

  async #takeTurns(): Promise<void> {
    if (performance.now() - this.#turnBeganMs < TURN_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    this.#turnBeganMs = performance.now();
  }

  async #take(message: Message<MessageFormat>): Promise<void> {
    const { type, bytes: value } = terminalMessage(message.type, message.value);
    if (type === TERMINAL_TYPE.size) this.#takeSize(toldSize(value));
    else if (type === TERMINAL_TYPE.exit) this.#takeEnd(value);
    else if (type === TERMINAL_TYPE.attention) this.#takeAttention(value);
    else await this.#write(value);
    this.#options.events.onPicture(this.name);
  }

  async #write(output: Uint8Array): Promise<void> {
    this.log.append(output);
    for (let at = 0; at < output.byteLength; at += PIECE_BYTES) {
      this.screen.write(output.subarray(at, at + PIECE_BYTES));
      await this.#takeTurns();
    }
    this.#attend(this.attention.wrote(Date.now()));
  }

  #takeSize(size: TerminalSize | undefined): void {
    if (size === undefined) return;
    this.#size = size;
    this.screen.resize(size.columns, size.rows);
    this.log.noteSize(size);
  }

  #takeEnd(value: Uint8Array): void {
    const end = parseEnd(value);
    if (end === undefined) return;
    this.screen.endProgram();
    this.log.noteEnd(end);
    this.#attend(this.attention.ended(end, Date.now()));
  }

  #takeAttention(value: Uint8Array): void {
    const told = parseAttention(value);
    if (told === undefined) return;
    this.#attend(this.attention.reported(told.state, told.text, told.source, Date.now()));
  }

  #attend(changed: boolean): void {
    if (!changed) return;
    this.seen = false;
    this.#options.events.onState(this.name);
  }

  #press(pressed: boolean): void {
    if (pressed) this.#room ??= new Promise((resolve) => (this.#hasRoom = resolve));
    else {
      this.#hasRoom?.();
      this.#room = undefined;
    }
  }
}
