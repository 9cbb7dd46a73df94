import type { TerminalSize } from '../../ffi/index.js';
import type { ViewPane } from '../view/index.js';
import { PlayedAgent } from './played-agent.js';
import type { RecordedAgent } from './recording.js';

/** Whether there is time to go on. */
export type HasTime = () => boolean;

/**
 * A recorded agent at a moment of the recording. Forward it is played on; back, where something has happened since, it is
 * played anew from the start beside what is shown, which it replaces when it is there. So the screen of a moment is always
 * the one that playing straight to it gives.
 */
export class ReplayedAgent {
  readonly #recorded: RecordedAgent;
  readonly #color: number;
  #shown: PlayedAgent;
  #playing: PlayedAgent;
  /** Index of the first event that was not played. */
  #next = 0;
  /** Of an agent without a size of its own. */
  #paneSize: TerminalSize | undefined;

  /** `color`: colour word of the name. */
  constructor(recorded: RecordedAgent, color: number) {
    this.#recorded = recorded;
    this.#color = color;
    this.#shown = this.#begin();
    this.#playing = this.#shown;
  }

  get name(): string {
    return this.#recorded.name;
  }

  get pane(): ViewPane {
    return this.#shown.pane;
  }

  /** When it does something next, Infinity: never again. */
  get nextEventMs(): number {
    const { events } = this.#recorded;
    return this.#next < events.count ? events.timeMs(this.#next) : Infinity;
  }

  /** When it did something last, 0: not yet. */
  get lastEventMs(): number {
    return this.#next === 0 ? 0 : this.#recorded.events.timeMs(this.#next - 1);
  }

  /** When it may look otherwise next. */
  get nextChangeMs(): number {
    return Math.min(this.nextEventMs, this.#playing.nextMs);
  }

  /** The size of its pane. Whether it has to be played anew for it: an agent without a terminal wraps its lines there. */
  resize(size: TerminalSize): boolean {
    const { columns, rows } = this.#paneSize ?? this.#playing.screen;
    const isSame = columns === size.columns && rows === size.rows;
    if (isSame || this.#recorded.size !== undefined) return false;
    this.#paneSize = size;
    this.#restart();
    return true;
  }

  /** Forward or back: to be reached with `advance`. */
  seek(toMs: number): void {
    if (toMs >= this.#playing.nowMs) return;
    // Nothing has happened since: it looks the same.
    if (toMs >= this.#playing.changedMs) this.#playing.setBack(toMs);
    else this.#restart();
  }

  /** Plays until `toMs`, which is included, while there is time; whether it is there. Never goes back. */
  advance(toMs: number, hasTime: HasTime): boolean {
    const { events } = this.#recorded;
    while (this.nextEventMs <= toMs) {
      if (!hasTime()) return false;
      const at = this.#next;
      const message = { type: events.type(at), bytes: events.bytes(at) };
      this.#playing.take(message, events.timeMs(at));
      this.#next += 1;
    }
    this.#playing.moveTo(toMs);
    return true;
  }

  /** What was played is shown from here on. */
  settle(): void {
    if (this.#shown === this.#playing) return;
    this.#shown.close();
    this.#shown = this.#playing;
  }

  close(): void {
    this.#playing.close();
    this.#shown.close();
  }

  #restart(): void {
    if (this.#playing !== this.#shown) this.#playing.close();
    this.#playing = this.#begin();
    this.#next = 0;
  }

  #begin(): PlayedAgent {
    const { name, size } = this.#recorded;
    const agent = new PlayedAgent({ name, color: this.#color, size });
    if (this.#paneSize !== undefined) agent.resize(this.#paneSize);
    return agent;
  }
}
