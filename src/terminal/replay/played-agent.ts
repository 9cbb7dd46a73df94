import type { TerminalSize } from '../../ffi/index.js';
import { AgentAttention, SILENCE_MS } from '../attention/index.js';
import { AgentScreen } from '../screen/index.js';
import {
  parseAttention,
  parseEnd,
  type ProgramEnd,
  TERMINAL_TYPE,
  type TerminalMessage,
  toldSize,
  USUAL_SIZE,
} from '../stream/index.js';
import type { PaneState, ViewPane } from '../view/index.js';
import { PROGRAM_STARTS } from './recorded-events.js';
import { ReplayClock } from './replay-clock.js';

export interface PlayedAgentOptions {
  readonly name: string;
  /** Colour word of the name. */
  readonly color: number;
  /** Of its terminal, where that is known beforehand. */
  readonly size: TerminalSize | undefined;
}

/**
 * An agent whose messages come from a recording, or as they are published: its screen and what is known of it. All of
 * it follows from the messages and their times alone, however often and whenever somebody looks.
 */
export class PlayedAgent {
  readonly name: string;
  readonly screen: AgentScreen;
  readonly #color: number;
  readonly #clock = new ReplayClock();
  readonly #attention = new AgentAttention(0);
  /** Its terminal has a size of its own: that of the pane is nothing to it. */
  #hasSize: boolean;
  #begun = false;
  #end: ProgramEnd | undefined;
  #lastOutputMs = 0;
  #changedMs = Number.NEGATIVE_INFINITY;

  constructor({ name, color, size }: PlayedAgentOptions) {
    this.name = name;
    this.#color = color;
    this.#hasSize = size !== undefined;
    this.screen = new AgentScreen({
      ...(size ?? USUAL_SIZE),
      holdUpdates: 'exactly',
      now: () => this.#clock.nowMs,
      after: (ms, call) => this.#clock.after(ms, call),
      onSignal: (signal) => this.#attention.signalled(signal, this.#clock.nowMs),
    });
  }

  get nowMs(): number {
    return this.#clock.nowMs;
  }

  /** When it changed last. */
  get changedMs(): number {
    return this.#changedMs;
  }

  /** When it changes next although no message comes; Infinity: never. */
  get nextMs(): number {
    const { state, source } = this.#attention.current;
    const fallsSilent = state === 'working' && source === 'guess';
    const silentMs = fallsSilent ? this.#lastOutputMs + SILENCE_MS : Infinity;
    return Math.min(this.#clock.nextMs, silentMs);
  }

  /** For a view. */
  get pane(): ViewPane {
    const { name, screen } = this;
    return { name, color: this.#color, state: this.#state, note: this.#note, content: screen };
  }

  /** The size of its pane: for one without a size of its own. */
  resize({ columns, rows }: TerminalSize): void {
    if (!this.#hasSize) this.screen.resize(Math.max(2, columns), rows);
  }

  /** Time passes until `toMs`, which is included. */
  moveTo(toMs: number): void {
    const called = this.#clock.advance(toMs);
    if (this.#attention.looked(toMs) || called) this.#changedMs = toMs;
  }

  /** Back to a time not before `changedMs`. */
  setBack(toMs: number): void {
    this.#clock.setBack(toMs);
  }

  take({ type, bytes }: TerminalMessage, timeMs: number): void {
    this.moveTo(timeMs);
    this.#changedMs = timeMs;
    this.#begun = true;
    switch (type) {
      case TERMINAL_TYPE.size:
        return this.#takeSize(toldSize(bytes));
      case TERMINAL_TYPE.exit:
        return this.#takeEnd(parseEnd(bytes), timeMs);
      case TERMINAL_TYPE.attention:
        return this.#takeAttention(bytes, timeMs);
      case PROGRAM_STARTS:
        this.screen.endProgram();
        return this.#start(timeMs);
      default:
        return this.#write(bytes, timeMs);
    }
  }

  #write(output: Uint8Array, timeMs: number): void {
    if (this.#end !== undefined) this.#start(timeMs);
    this.#lastOutputMs = timeMs;
    this.screen.write(output);
    this.#attention.wrote(timeMs);
  }

  #start(timeMs: number): void {
    this.#end = undefined;
    this.#lastOutputMs = timeMs;
    this.#attention.started(timeMs);
  }

  #takeSize(size: TerminalSize | undefined): void {
    if (size === undefined) return;
    this.#hasSize = true;
    this.screen.resize(size.columns, size.rows);
  }

  #takeEnd(end: ProgramEnd | undefined, timeMs: number): void {
    if (end === undefined) return;
    this.#end = end;
    this.screen.endProgram();
    this.#attention.ended(end, timeMs);
  }

  #takeAttention(bytes: Uint8Array, timeMs: number): void {
    const told = parseAttention(bytes);
    if (told !== undefined) {
      this.#attention.reported(told.state, told.text, told.source, timeMs);
    }
  }

  get #state(): PaneState {
    if (this.#end !== undefined) return this.#end.exitCode === 0 ? 'done' : 'failed';
    const { state } = this.#attention.current;
    return state === 'idle' ? 'quiet' : state;
  }

  get #note(): string {
    if (!this.#begun) return 'has not begun';
    const { state, text, source } = this.#attention.current;
    // What is only guessed says so.
    return state === 'waits' && source === 'guess' ? `${text}?` : text;
  }

  /** Twice is harmless. */
  close(): void {
    this.screen.close();
  }
}
