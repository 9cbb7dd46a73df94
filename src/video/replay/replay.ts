/** A recording played back: the same channels, formats, times and ids, as far apart as they were. */
import { setTimeout as sleep } from 'node:timers/promises';
import { assertChannelName, assertInteger, assertKnownKeys } from '../../core/index.js';
import type { CloseReason } from '../../bus/index.js';
import { readMcap, type RecordedUnit } from '../mcap/mcap-reader.js';
import { Ending } from '../record/ending.js';
import { ReplayedChannel } from './replayed-channel.js';

/** A timer of more than 24 days fires at once. */
const MAX_SLEEP_MS = 3_600_000;

/** How to play a file back. */
export interface ReplayOptions {
  /** Times as fast, more than 0. Default 1; `Infinity`: as fast as readers of every unit take it. */
  readonly speed?: number;
  /** Begin again at the end. Default false. */
  readonly loop?: boolean;
  /** Put before the names of the channels, such as `replay/`. Default nothing: the names that they had. */
  readonly prefix?: string;
  /** Each channel begins when it has so many subscribers. Default 0. */
  readonly subscribers?: number;
  /** Ends it. */
  readonly signal?: AbortSignal;
  /** Runtime directory; by default the process's own. */
  readonly directory?: string;
  /** How lists call the publishers. Default 'replay'. */
  readonly label?: string;
}

/** What has been played so far. Plain JSON. */
export interface ReplayStats {
  readonly channels: number;
  readonly units: number;
  /** Not published, because readers held every slot. */
  readonly dropped: number;
  /** How often it has come to the end of the file. */
  readonly rounds: number;
}

/** A file that is being played. Whoever opened it closes it. */
export class Replay implements AsyncDisposable {
  readonly file: string;
  /** Resolves when it has ended; never rejects. 'ended': the file came to its end. */
  readonly closed: Promise<CloseReason>;
  readonly #options: ReplayOptions;
  readonly #ending: Ending;
  readonly #channels = new Map<string, ReplayedChannel>();
  #units = 0;
  #rounds = 0;
  /** Where the times of a round begin: of the file, and of this process's clock in ms. */
  #origin: { readonly fileNs: number; readonly startedMs: number } | undefined;

  /** @internal Use `openReplay()`. */
  constructor(file: string, options: ReplayOptions) {
    this.file = file;
    this.#options = options;
    this.#ending = new Ending(options.signal);
    this.closed = this.#ending.of(() => this.#play());
  }

  stats(): ReplayStats {
    const dropped = [...this.#channels.values()].reduce((sum, channel) => sum + channel.dropped, 0);
    return Object.freeze({
      channels: this.#channels.size,
      units: this.#units,
      dropped,
      rounds: this.#rounds,
    });
  }

  /** Ends it and its channels. Idempotent. */
  async close(): Promise<void> {
    this.#ending.end({ reason: 'closed' });
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #play(): Promise<void> {
    const { signal } = this.#ending;
    try {
      do {
        const before = this.#units;
        this.#origin = undefined;
        for await (const unit of readMcap(this.file)) {
          await this.#publish(unit, signal);
          if (signal.aborted) break;
        }
        this.#rounds += 1;
        // A file without a unit would be read again and again in vain.
        if (this.#units === before) break;
      } while (this.#options.loop === true && !signal.aborted);
    } finally {
      await Promise.all([...this.#channels.values()].map((channel) => channel.close()));
    }
  }

  async #publish(unit: RecordedUnit, signal: AbortSignal): Promise<void> {
    const channel = await this.#channelOf(unit, signal);
    await this.#untilDue(unit.timeNs, signal);
    await channel.publish(unit, signal);
    this.#units += 1;
  }

  async #channelOf(unit: RecordedUnit, signal: AbortSignal): Promise<ReplayedChannel> {
    const { prefix = '', subscribers = 0, directory, label = 'replay' } = this.#options;
    const name = `${prefix}${unit.channel.channel}`;
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    const channel = await ReplayedChannel.open(name, unit.channel, {
      label,
      ...(directory === undefined ? {} : { directory }),
    });
    this.#channels.set(name, channel);
    await channel.untilRead(subscribers, signal);
    // Who waits for readers does not have to make up for it.
    if (subscribers > 0) this.#origin = undefined;
    return channel;
  }

  /** By the clock since the start of the round, so that delays do not add up. */
  async #untilDue(timeNs: number, signal: AbortSignal): Promise<void> {
    const { speed = 1 } = this.#options;
    if (speed === Infinity) return;
    this.#origin ??= { fileNs: timeNs, startedMs: performance.now() };
    const { fileNs, startedMs } = this.#origin;
    const dueMs = startedMs + (timeNs - fileNs) / 1e6 / speed;
    for (let waitMs = dueMs - performance.now(); waitMs > 0; waitMs = dueMs - performance.now()) {
      await sleep(Math.min(waitMs, MAX_SLEEP_MS), undefined, { signal });
    }
  }
}

const KNOWN = ['speed', 'loop', 'prefix', 'subscribers', 'signal', 'directory', 'label'] as const;

/**
 * Plays a file of `openMcapRecording` back as the channels that were recorded. Readers of every unit hold it up and miss
 * nothing.
 *
 * Rejects with `TypeError`/`RangeError` for bad arguments and the signal's reason. What goes wrong later ends it, and
 * `closed` tells: `CHANNEL_IN_USE` while the recorded channels are live (`prefix` gives others), `FORMAT_MISMATCH` for a
 * file that is none, `SYSTEM`.
 */
export async function openReplay(file: string, options: ReplayOptions = {}): Promise<Replay> {
  assertKnownKeys('openReplay()', options, KNOWN);
  const { speed, prefix = '', subscribers } = options;
  if (speed !== undefined && !(speed > 0)) {
    throw new RangeError(`speed must be more than 0, got ${speed}`);
  }
  if (subscribers !== undefined) assertInteger('subscribers', subscribers, 0, 1024);
  assertChannelName(`${prefix}a`);
  return new Replay(file, options);
}
