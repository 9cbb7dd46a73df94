/** Messages of many channels as whole lines with their tags, on any output. */
import { MergedLines, type PromptRows } from '../../terminal/lines/index.js';
import { TERMINAL_TYPE, terminalMessage } from '../../terminal/stream/index.js';
import type { LinesSink } from './lines-sink.js';

/** How often lines that were not ended are looked for. */
const LOOK_MS = 300;

/** What of a message is shown. */
export interface ShownMessage {
  readonly type: number;
  readonly value: unknown;
}

export class LinesOutput {
  readonly #sink: LinesSink;
  readonly #lines: MergedLines;
  readonly #looking: NodeJS.Timeout;
  #flushing: Promise<void> | undefined;
  #ended = false;
  #onResize: (() => void) | undefined;

  /** `ownTags`: known beforehand, see {@link MergedLines.addAgent}. */
  constructor(sink: LinesSink, ownTags: readonly string[] = []) {
    this.#sink = sink;
    const { columns, pen } = sink;
    this.#lines = new MergedLines({
      pen,
      ...(columns === undefined ? {} : { columns }),
    });
    for (const tag of ownTags) this.#lines.addAgent(tag);
    sink.onResize(() => this.#resized());
    this.#looking = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Resolves when the output takes more. */
  take(tag: string, { type, value }: ShownMessage): Promise<void> {
    if (this.#ended) return Promise.resolve();
    const message = terminalMessage(type, value);
    if (message.type === TERMINAL_TYPE.exit) this.#lines.endAgent(tag);
    else if (message.type === TERMINAL_TYPE.output) {
      this.#lines.write(tag, message.bytes, performance.now());
    }
    return this.flush();
  }

  /** What it did not end is a line of its own: nothing more comes from there. */
  endTag(tag: string): void {
    if (this.#ended) return;
    this.#lines.endAgent(tag);
    void this.flush();
  }

  /** `call` sets a prompt of the new size. */
  onResize(call: () => void): void {
    this.#onResize = call;
  }

  setPrompt(prompt: PromptRows): void {
    this.#lines.setPrompt(prompt);
    void this.flush();
  }

  /** Something else will use the terminal: nothing of the footer stays, until the next `flush`. */
  leaveTerminal(): void {
    this.#sink.write(this.#lines.leaveTerminal());
  }

  /** Writes what there is; while the output is slow, once it takes more. */
  flush(): Promise<void> {
    if (this.#flushing !== undefined) return this.#flushing;
    if (!this.#sink.busy) {
      this.#writeAll();
      return Promise.resolve();
    }
    this.#flushing = this.#flushWhenFree();
    return this.#flushing;
  }

  /** What was not ended is shown too; the footer is gone. An output that takes nothing is not waited for. */
  end(): void {
    this.#ended = true;
    clearInterval(this.#looking);
    this.#lines.end();
    this.#writeAll();
    this.#sink.close();
  }

  async #flushWhenFree(): Promise<void> {
    while (this.#sink.busy) await this.#sink.room();
    this.#flushing = undefined;
    this.#writeAll();
  }

  #writeAll(): void {
    const bytes = this.#lines.take();
    if (bytes.byteLength > 0) this.#sink.write(bytes);
  }

  #look(): void {
    this.#lines.showPartialLines(performance.now());
    void this.flush();
  }

  #resized(): void {
    const { columns } = this.#sink;
    if (columns !== undefined) this.#lines.resize(columns);
    this.#onResize?.();
    void this.flush();
  }
}
