/** The user's terminal with lines above and a row below them in which is typed: in raw mode, put back however it ends. */
import { InputDecoder, type InputEvent } from '../../terminal/input/index.js';
import { assumedCapabilities, UserTerminal } from '../../terminal/output/index.js';
import { ESCAPE_TIMEOUT_MS } from '../../terminal/view/index.js';
import type { LinesSink } from './lines-sink.js';

export interface PromptTerminalEvents {
  onEvent(event: InputEvent): void;
  /** The terminal is gone. */
  onHangup(): void;
}

export class PromptTerminal implements LinesSink {
  readonly pen = assumedCapabilities(process.env);
  readonly #terminal = new UserTerminal();
  readonly #decoder = new InputDecoder();
  readonly #events: PromptTerminalEvents;
  #escapeTimer: NodeJS.Timeout | undefined;
  #resized: (() => void) | undefined;
  #waiting: (() => void)[] = [];
  /** Closed, or its terminal is: nobody is waited for any more. */
  #gone = false;

  constructor(events: PromptTerminalEvents) {
    this.#events = events;
    this.#terminal.start({
      onInput: (bytes) => this.#input(bytes),
      onIdle: () => this.#hasRoom(),
      onResize: () => this.#resized?.(),
      onHangup: () => {
        this.#gone = true;
        this.#hasRoom();
        events.onHangup();
      },
    });
    this.#terminal.enter({ alternateScreen: false, mouse: false, kittyKeyboard: false });
  }

  get columns(): number {
    return this.#terminal.size.columns;
  }

  get busy(): boolean {
    return !this.#gone && this.#terminal.frames.busy;
  }

  room(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  write(bytes: Uint8Array): void {
    if (!this.#gone) this.#terminal.frames.writeControl(bytes);
  }

  onResize(call: () => void): void {
    this.#resized = call;
  }

  /** Puts this process to sleep, as a shell's job, until it is continued. */
  suspend(): void {
    this.#terminal.suspend();
  }

  /** Twice is harmless. */
  close(): void {
    clearTimeout(this.#escapeTimer);
    this.#terminal.leave();
    this.#gone = true;
    this.#hasRoom();
  }

  #input(bytes: Uint8Array): void {
    clearTimeout(this.#escapeTimer);
    this.#tell(this.#decoder.feed(bytes));
    if (!this.#decoder.pending) return;
    this.#escapeTimer = setTimeout(() => this.#tell(this.#decoder.timeout()), ESCAPE_TIMEOUT_MS);
  }

  #tell(events: readonly InputEvent[]): void {
    for (const event of events) this.#events.onEvent(event);
  }

  #hasRoom(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
