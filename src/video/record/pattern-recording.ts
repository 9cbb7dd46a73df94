/** Packets of all channels that match, those that come later too: a recording of its own for each. */
import { type CloseReason, watchChannels } from '../../bus/index.js';
import {
  assertChannelPattern,
  channelFileStem,
  channelMatcher,
  type SluiceError,
} from '../../core/index.js';
import { monotonicNs } from '../../ffi/index.js';
import { channelOfPackets, packetChannelOf } from '../packets/packet-channel.js';
import { Ending } from './ending.js';
import { checkRecordOptions, type RecordingType, type RecordOptions } from './options.js';
import { Recording, type RecordingStats } from './recording.js';
import { segmentPath } from './segments.js';

/** In the name of the file: stands for the channel, with `~` for `/`. */
export const PLACE_OF_CHANNEL = '{channel}';

/** A recording of one of the channels has begun, or has ended. */
export interface RecordingChange {
  readonly type: 'begun' | 'ended';
  readonly channel: string;
  readonly stats: RecordingStats;
  /** What ended it, where that was not its publisher. */
  readonly error?: SluiceError;
}

/** See `RecordOptions`; the name of the file has `{channel}` in it. */
export interface PatternRecordOptions extends RecordOptions {
  readonly onChange?: (change: RecordingChange) => void;
}

/** Recordings under way. Whoever opened it closes it. */
export class PatternRecording implements AsyncDisposable {
  readonly pattern: string;
  /**
   * Resolves when it has ended and all files are complete; never rejects. 'failed': of the channels that were recorded
   * the last has failed.
   */
  readonly closed: Promise<CloseReason>;
  readonly #type: RecordingType;
  readonly #options: PatternRecordOptions;
  readonly #ending: Ending;
  readonly #startedNs = monotonicNs();
  readonly #recordings = new Map<string, Recording>();
  /** Channels of which there is a file already. */
  readonly #recorded = new Set<string>();
  readonly #ends = new Set<Promise<void>>();
  #totals = { files: 0, packets: 0, soundPackets: 0, lost: 0, passedOver: 0, bytes: 0 };

  /** @internal Use `openPatternRecording()`. */
  constructor(pattern: string, type: RecordingType, options: PatternRecordOptions) {
    this.#type = type;
    this.pattern = pattern;
    this.#options = options;
    this.#ending = new Ending(options.signal);
    this.closed = this.#ending.of(() => this.#record());
  }

  /** Of all channels together; `channels`: those that are recorded now. */
  stats(): Omit<RecordingStats, 'file'> & { readonly channels: number } {
    const total = { ...this.#totals };
    for (const recording of this.#recordings.values()) add(total, recording.stats());
    return Object.freeze({ channels: this.#recordings.size, ...total });
  }

  /** Ends all; resolves when the files are complete. Idempotent. */
  async close(): Promise<void> {
    this.#ending.end({ reason: 'closed' });
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #record(): Promise<void> {
    const { signal } = this.#ending;
    const { directory } = this.#options;
    const place = directory === undefined ? { signal } : { directory, signal };
    const { watched, isWanted } = packetChannelsOf(this.pattern);
    try {
      for await (const { type, manifest } of watchChannels(watched, place)) {
        const { channel } = manifest;
        if (type !== 'retired' && isWanted(channel)) await this.#follow(channelOfPackets(channel));
      }
    } finally {
      await Promise.all([...this.#recordings.values()].map((recording) => recording.close()));
      await Promise.all(this.#ends);
    }
  }

  /** Not while it is recorded: with segments that goes on with the next publisher by itself. */
  async #follow(channel: string): Promise<void> {
    if (this.#ending.signal.aborted || this.#recordings.has(channel)) return;
    const { onChange: _, signal: __, ...options } = this.#options;
    const named = options.file.replaceAll(PLACE_OF_CHANNEL, channelFileStem(channel));
    const isAgain = this.#recorded.has(channel) && options.segmentSeconds === undefined;
    const file = isAgain ? segmentPath(named, new Date()) : named;
    // All of a channel that came since then is new.
    const sinceStart = (monotonicNs() - this.#startedNs) / 1e9;
    const preRollSeconds = (options.preRollSeconds ?? 0) + sinceStart;
    // A file that is there already ends this one alone, when it is to be begun.
    const recording = new Recording(channel, this.#type, { ...options, file, preRollSeconds });
    this.#recorded.add(channel);
    this.#recordings.set(channel, recording);
    this.#options.onChange?.({ type: 'begun', channel, stats: recording.stats() });
    const end = this.#whenEnded(recording).finally(() => this.#ends.delete(end));
    this.#ends.add(end);
  }

  async #whenEnded(recording: Recording): Promise<void> {
    const { error } = await recording.closed;
    const stats = recording.stats();
    add(this.#totals, stats);
    this.#recordings.delete(recording.channel);
    const about = { type: 'ended', channel: recording.channel, stats } as const;
    this.#options.onChange?.(error === undefined ? about : { ...about, error });
    // Others go on; when there are none, nobody would see that nothing is recorded.
    if (error !== undefined && this.#recordings.size === 0) this.#ending.fail(error);
  }
}

/** Nothing can stand behind `**`: of all that matches the packets are told apart here. */
function packetChannelsOf(pattern: string): {
  readonly watched: string;
  readonly isWanted: (channel: string) => boolean;
} {
  if (!/(?:^|\/)\*\*$/.test(pattern)) {
    return { watched: packetChannelOf(pattern), isWanted: () => true };
  }
  const matches = channelMatcher(pattern);
  const isPackets = (channel: string): boolean => packetChannelOf(channel) === channel;
  const isWanted = (channel: string): boolean =>
    isPackets(channel) && matches(channelOfPackets(channel));
  return { watched: pattern, isWanted };
}

type Totals = { -readonly [K in Exclude<keyof RecordingStats, 'file'>]: number };

function add(totals: Totals, stats: RecordingStats): void {
  for (const name of Object.keys(totals) as (keyof Totals)[]) totals[name] += stats[name];
}

/**
 * Records the packets of every channel that matches, each into a file of its own, those that come later from their first
 * key frame on. Without segments a channel that comes again gets another file, with the time in its name. It ends when
 * it is told to, or when nothing is recorded any more because of a failure.
 *
 * Rejects as `openRecording` does, and with `RangeError` for a file without `{channel}`.
 *
 * @example
 * await using all = await openPatternRecording('camera/*', { file: '{channel}.mp4', segmentSeconds: 600 });
 */
export async function openPatternRecording(
  pattern: string,
  options: PatternRecordOptions,
): Promise<PatternRecording> {
  assertChannelPattern(pattern);
  const { onChange: _, ...common } = options;
  const type = checkRecordOptions(common);
  checkPlaceOfChannel(options.file);
  return new PatternRecording(pattern, type, options);
}

/** Throws `RangeError` for a file that several channels would share. */
export function checkPlaceOfChannel(file: string): void {
  if (file.includes(PLACE_OF_CHANNEL)) return;
  throw new RangeError(
    `a pattern may match several channels: put ${PLACE_OF_CHANNEL} in the name of the file, got ${JSON.stringify(file)}`,
  );
}
