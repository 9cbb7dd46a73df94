import { type MessageSubscriber, openSubscriber } from '../../bus/index.js';
import { text, type TextFormat } from '../../format/index.js';
import { paletteColor } from '../../terminal/cells/index.js';
import { AgentScreen } from '../../terminal/screen/index.js';
import { textLine } from '../../terminal/stream/index.js';
import type { ViewPane } from '../../terminal/view/index.js';
import { lineOf } from './transcript.js';

/** Colours of names, bright enough on dark and on light. */
const COLORS = [4, 2, 5, 6, 3, 1] as const;

/** One agent as it is read: every line compared with what it should be, and shown. */
export class AgentPane {
  readonly name: string;
  /** Resolves when the agent has ended and all of it is read. */
  readonly end: Promise<void>;
  read = 0;
  wrong = 0;
  onChanged: () => void = () => undefined;
  /** How its process ended in the middle of the play; undefined: it did not. */
  died: string | undefined;
  readonly #agent: number;
  readonly #subscriber: MessageSubscriber<TextFormat>;
  readonly #screen = new AgentScreen({ columns: 80, rows: 24 });

  private constructor(agent: number, subscriber: MessageSubscriber<TextFormat>) {
    this.#agent = agent;
    this.#subscriber = subscriber;
    this.name = subscriber.channel.slice('agent/'.length);
    this.end = this.#follow();
  }

  /** Waits for the channel; rejects with the signal's reason. */
  static async open(
    agent: number,
    channel: string,
    place: { readonly directory: string; readonly signal: AbortSignal },
  ): Promise<AgentPane> {
    const options = { format: text(), start: 'oldest', whenLost: 'end', ...place } as const;
    return new AgentPane(agent, await openSubscriber(channel, options));
  }

  get lost(): number {
    return this.#subscriber.stats().lost;
  }

  get described(): ViewPane {
    const color = paletteColor(COLORS[this.#agent % COLORS.length]!);
    const state = this.died === undefined ? 'working' : 'failed';
    const note = this.died === undefined ? '' : `died: ${this.died}`;
    return { name: this.name, color, state, note, content: this.#screen };
  }

  resize(size: { readonly columns: number; readonly rows: number } | undefined): void {
    if (size !== undefined) this.#screen.resize(size.columns, size.rows);
  }

  async #follow(): Promise<void> {
    for await (const { type, value } of this.#subscriber) {
      const expected = lineOf(this.#agent, this.read);
      if (type !== expected.type || value !== expected.text) this.wrong += 1;
      this.read += 1;
      this.#screen.write(textLine(type, value));
      this.onChanged();
    }
    await this.#subscriber.close();
  }
}
