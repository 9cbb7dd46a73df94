import { type InputEvent, InputDecoder, type ReplyEvent } from '../input/index.js';
import { FrameEncoder, type TerminalCapabilities } from '../output/index.js';
import { View, type ViewOptions } from './view.js';
import type { ViewAction } from './view-pane.js';

/** An ESC that nothing follows for so long was the key. */
export const ESCAPE_TIMEOUT_MS = 30;

/** A frame for the user's terminal. */
export interface PresentedFrame {
  /** Valid until the next frame; empty: nothing to write. */
  readonly bytes: Uint8Array;
  /** Pane name to the version that the frame shows. */
  readonly versions: ReadonlyMap<string, number>;
}

/**
 * A view on a terminal somewhere: its bytes in, frames out. Pure, so that the same runs beside the terminal and at the
 * other end of a socket. The owner keeps to this: each frame is written whole before the next is taken.
 */
export class Presenter {
  readonly view: View;
  readonly #decoder = new InputDecoder();
  readonly #encoder: FrameEncoder;
  readonly #onReply: (reply: ReplyEvent) => void;

  constructor(
    options: ViewOptions,
    capabilities: TerminalCapabilities,
    onReply: (reply: ReplyEvent) => void = () => undefined,
  ) {
    this.view = new View(options);
    this.#encoder = new FrameEncoder({ ...options, ...capabilities });
    this.#onReply = onReply;
  }

  /** `timeout` is to be called when nothing follows for ESCAPE_TIMEOUT_MS. */
  get escapePending(): boolean {
    return this.#decoder.pending;
  }

  /** Bytes of the terminal; what they ask for, in order. */
  feed(bytes: Uint8Array): readonly ViewAction[] {
    return this.#handle(this.#decoder.feed(bytes));
  }

  timeout(): readonly ViewAction[] {
    return this.#handle(this.#decoder.timeout());
  }

  resize(columns: number, rows: number): void {
    this.view.resize(columns, rows);
    this.#encoder.resize(columns, rows);
  }

  /** The terminal shows something else, perhaps: the next frame draws all of it. */
  redraw(): void {
    this.#encoder.invalidate();
  }

  /** The frame of now. */
  frame(): PresentedFrame {
    const { grid, cursor, versions } = this.view.compose();
    return { bytes: this.#encoder.encode(grid, cursor), versions };
  }

  #handle(events: readonly InputEvent[]): readonly ViewAction[] {
    const actions: ViewAction[] = [];
    for (const event of events) {
      if (event.type === 'reply') this.#onReply(event);
      else actions.push(...this.view.handle(event));
    }
    for (const action of actions) if (action.type === 'redraw') this.redraw();
    return actions;
  }
}
