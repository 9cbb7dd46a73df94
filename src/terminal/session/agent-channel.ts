import { SluiceError } from '../../core/index.js';
import { type MessagePublisher, openPublisher } from '../../bus/index.js';
import { bytes as bytesFormat, type BytesFormat } from '../../format/index.js';
import type { TerminalSize } from '../../ffi/index.js';
import {
  type Attention,
  encodeAttention,
  encodeEnd,
  encodeSize,
  type ProgramEnd,
  TERMINAL_MEDIA_TYPE,
  TERMINAL_TYPE,
} from '../stream/index.js';
import { agentChannel } from './session-paths.js';
import { within } from './within.js';

export interface AgentChannelOptions {
  readonly name: string;
  readonly session: string;
  readonly command: readonly string[];
  readonly size: TerminalSize;
  /** Runtime directory. */
  readonly directory: string;
  /** Readers leave no room, or do again. */
  onPressure(pressed: boolean): void;
}

const RING_BYTES = 1 << 20;
/** Readers that are behind at the end have so long to get what there was. */
const CLOSE_PATIENCE_MS = 2000;
/** The manifest holds 4 KiB of it. */
const MAX_COMMAND_LENGTH = 1000;

/**
 * The channel `agent/NAME`: what the program writes, as it comes, and what happens to its terminal in between. Readers
 * that want every message are waited for, as on any channel: the agent is not read meanwhile. One that takes longer than
 * a second is passed over.
 */
export class AgentChannel {
  readonly #publisher: MessagePublisher<BytesFormat>;
  readonly #options: AgentChannelOptions;
  readonly #waiting: { readonly type: number; readonly bytes: Uint8Array }[] = [];
  readonly #abort = new AbortController();
  #sending: Promise<void> = Promise.resolve();
  #size: TerminalSize;
  #attention: Attention | undefined;
  #subscribers = 0;

  private constructor(publisher: MessagePublisher<BytesFormat>, options: AgentChannelOptions) {
    this.#publisher = publisher;
    this.#options = options;
    this.#size = options.size;
    this.size(options.size);
    void this.#greet();
  }

  /** Rejects with `CHANNEL_IN_USE` when there is an agent of this name already, whoever runs it. */
  static async open(options: AgentChannelOptions): Promise<AgentChannel> {
    const { name, session, command, size, directory } = options;
    const line = command.join(' ').slice(0, MAX_COMMAND_LENGTH);
    const publisher = await openPublisher(agentChannel(name), {
      format: bytesFormat(TERMINAL_MEDIA_TYPE),
      ringBytes: RING_BYTES,
      directory,
      label: `agents ${session}`,
      userData: { kind: 'terminal', session, command: line, ...size },
    });
    return new AgentChannel(publisher, options);
  }

  output(bytes: Uint8Array): void {
    this.#send(TERMINAL_TYPE.output, bytes);
  }

  size(size: TerminalSize): void {
    this.#size = size;
    this.#send(TERMINAL_TYPE.size, encodeSize(size));
  }

  attention(attention: Attention): void {
    this.#attention = attention;
    this.#send(TERMINAL_TYPE.attention, encodeAttention(attention));
  }

  end(end: ProgramEnd): void {
    this.#send(TERMINAL_TYPE.exit, encodeEnd(end));
  }

  /** Once readers that want every message have what was said, or are passed over. */
  async close(): Promise<void> {
    await within(CLOSE_PATIENCE_MS, this.#sending);
    this.#abort.abort();
    this.#waiting.length = 0;
    await this.#publisher.close();
  }

  #send(type: number, bytes: Uint8Array): void {
    if (this.#abort.signal.aborted) return;
    if (this.#waiting.length === 0) {
      try {
        if (this.#publisher.trySend(bytes, { type })) return;
      } catch (error) {
        if (!(error instanceof SluiceError)) throw error;
        // Its lock was taken away: the agent goes on without a channel.
        return this.#abort.abort();
      }
    }
    this.#waiting.push({ type, bytes: bytes.slice() });
    if (this.#waiting.length > 1) return;
    this.#options.onPressure(true);
    this.#sending = this.#sendWaiting();
  }

  async #sendWaiting(): Promise<void> {
    const { signal } = this.#abort;
    try {
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        await this.#publisher.send(next.bytes, { type: next.type, signal });
        this.#waiting.shift();
      }
    } catch {
      // Closed, by us or by the loss of the channel: there is nobody to send to.
      this.#abort.abort();
      this.#waiting.length = 0;
    }
    this.#options.onPressure(false);
  }

  /** Whoever joins later learns the size and the state as they are: the ring may not hold them any more. */
  async #greet(): Promise<void> {
    const { signal } = this.#abort;
    try {
      for await (const { subscribers } of this.#publisher.demand({ signal })) {
        if (subscribers > this.#subscribers) {
          this.#send(TERMINAL_TYPE.size, encodeSize(this.#size));
          if (this.#attention !== undefined) this.attention(this.#attention);
        }
        this.#subscribers = subscribers;
      }
    } catch {
      // The end of the channel.
    }
  }
}
