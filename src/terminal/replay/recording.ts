import { printable, SluiceError } from '../../core/index.js';
import type { TerminalSize } from '../../ffi/index.js';
import { announcedSize, type TerminalMessage } from '../stream/index.js';
import { PROGRAM_STARTS, RecordedEvents } from './recorded-events.js';

/** Held in memory, so that every moment can be reached. */
export const MAX_RECORDING_BYTES = 1 << 30;
/** What an event takes beside its bytes. */
const EVENT_BYTES = 17;

/** One terminal, or one agent that speaks in lines. */
export interface RecordedAgent {
  /** Foreign: through printable() before it is shown. */
  readonly name: string;
  /** What its channel said of its terminal; undefined: it has none, or tells later. */
  readonly size: TerminalSize | undefined;
  readonly events: RecordedEvents;
}

export interface Recording {
  /** In the order in which they began. */
  readonly agents: readonly RecordedAgent[];
  /** When the first event was, in ms since 1970; undefined: nobody knows. Times of events count from it. */
  readonly startedMs: number | undefined;
  /** Time of the last event. */
  readonly lengthMs: number;
}

interface Begun extends RecordedAgent {
  /** Who published it; another one means another program. */
  source: number;
}

/** Gathers the agents of a file, or of several, on one clock. */
export class RecordingBuilder {
  readonly #title: string;
  readonly #agents = new Map<string, Begun>();
  #bytes = 0;

  /** `title`: of what is gathered, for messages. */
  constructor(title: string) {
    this.#title = title;
  }

  has(name: string): boolean {
    return this.#agents.has(name);
  }

  /** There is such an agent, published by `source` from here on; `userData`: of its channel, foreign. */
  begin(
    name: string,
    source: number,
    userData: Readonly<Record<string, unknown>>,
    timeMs: number,
  ): void {
    const known = this.#agents.get(name);
    if (known === undefined) {
      const events = new RecordedEvents();
      this.#agents.set(name, { name, size: announcedSize(userData), events, source });
    } else if (known.source !== source) {
      known.source = source;
      known.events.add(PROGRAM_STARTS, new Uint8Array(), timeMs);
    }
  }

  /**
   * What an agent that has begun did at a time, in ms of a clock that is the same for all. Throws `NO_SPACE` when there
   * is more than fits.
   */
  add(name: string, { type, bytes }: TerminalMessage, timeMs: number): void {
    this.#agents.get(name)?.events.add(type, bytes, timeMs);
    this.#bytes += bytes.byteLength + EVENT_BYTES;
    if (this.#bytes <= MAX_RECORDING_BYTES) return;
    throw new SluiceError(
      'NO_SPACE',
      `${printable(this.#title)} has more than 1 GiB of agents' output, which does not fit into memory`,
      { remedy: 'Record fewer agents, or for a shorter time, into one file.' },
    );
  }

  /** All times of an agent, by so much. */
  shift(name: string, ms: number): void {
    this.#agents.get(name)?.events.shift(ms);
  }

  /** `isWallClock`: times were in ms since 1970. */
  finish(isWallClock: boolean): Recording {
    const agents = [...this.#agents.values()].filter(({ events }) => events.count > 0);
    const firsts = agents.map(({ events }) => events.timeMs(0));
    const startMs = firsts.length === 0 ? 0 : Math.min(...firsts);
    for (const { events } of agents) events.shift(-startMs);
    const lasts = agents.map(({ events }) => events.timeMs(events.count - 1));
    agents.sort((a, b) => a.events.timeMs(0) - b.events.timeMs(0));
    return {
      agents,
      startedMs: isWallClock && agents.length > 0 ? startMs : undefined,
      lengthMs: Math.max(0, ...lasts),
    };
  }
}
