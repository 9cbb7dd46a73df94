/**
 * The newest picture of each of several channels, held until a newer one comes: what filters and mosaics are made of.
 * Inputs are names and patterns. One that is not there is waited for; one that went comes back by itself, and one that
 * cannot be read is tried again: its format may be that of pictures next time.
 *
 * A frame of a GPU is announced before its data is complete. Either it is given out at once, and the stream waits; or,
 * with `onlyComplete`, the one before it is given out until it is complete, so that nobody who hangs holds up the
 * others. Those that come meanwhile are left with the publisher, since two frames are held: the next is the newest then.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isChannelPattern, isSluiceError } from '../../core/index.js';
import {
  type AllowedPeers,
  type Frame,
  type FrameSubscriber,
  type GroupSubscriber,
  openSubscriber,
  type SubscriberOptions,
} from '../../bus/index.js';
import { video, type VideoFormat } from '../../format/index.js';
import type { Stream } from '../../gpu/index.js';
import { keepReading } from './keep-reading.js';

export type VideoFrame = Frame<VideoFormat>;
type Input = FrameSubscriber<VideoFormat> | GroupSubscriber<VideoFrame>;

export interface LatestFramesOptions {
  /** Names and patterns. */
  readonly inputs: readonly string[];
  /** Where the frames are read: on the GPU of this stream, or in host memory. Frames of elsewhere are copied there. */
  readonly stream?: Stream | undefined;
  /**
   * The newest frame is given out until the next one is complete; what became so on a GPU is found by `look`. Otherwise
   * a frame is given out once, as soon as it is announced.
   */
  readonly onlyComplete: boolean;
  readonly label: string;
  readonly directory?: string | undefined;
  readonly allow?: AllowedPeers | undefined;
  /** Channels that are left out though a pattern matches them. */
  readonly isExcluded: (channel: string) => boolean;
  /** A channel has a newer frame than before. */
  readonly onFrame: (channel: string) => void;
  /** An input cannot be read: its format is not that of pictures, or it may not be. Told once until it gives frames. */
  readonly onFailure: (input: string, error: unknown) => void;
}

/** Between two looks whether a frame may be taken again. */
const LEASE_PAUSE_MS = 5;

export class LatestFrames {
  readonly #options: LatestFramesOptions;
  readonly #frames = new Map<string, VideoFrame>();
  /** Announced, not complete, by channel. */
  readonly #arriving = new Map<string, VideoFrame>();
  readonly #end = new AbortController();
  readonly #running: readonly Promise<void>[];

  constructor(options: LatestFramesOptions) {
    this.#options = options;
    this.#running = options.inputs.map((input) =>
      keepReading({
        signal: this.#end.signal,
        read: (onFrame) => this.#read(input, onFrame),
        onFailure: (failure) => options.onFailure(input, failure),
      }),
    );
  }

  /** Channels that have a frame, in the order of their names. */
  get channels(): readonly string[] {
    return [...this.#frames.keys()].sort();
  }

  /** Takes over what has become complete since, each told by `onFrame`. */
  look(): void {
    for (const [channel, frame] of this.#arriving) {
      const state = frame.released ? 'lost' : frame.state;
      if (state === 'pending') continue;
      this.#arriving.delete(channel);
      if (state === 'ready') this.#show(frame);
      else if (!frame.released) frame.release();
    }
  }

  /** The newest frame of a channel, still held here; undefined once its publisher's memory is gone. */
  peek(channel: string): VideoFrame | undefined {
    const frame = this.#frames.get(channel);
    if (frame?.released !== true) return frame;
    this.#frames.delete(channel);
    return undefined;
  }

  /** The newest frame of a channel, for the caller to release. */
  take(channel: string): VideoFrame | undefined {
    const frame = this.peek(channel);
    this.#frames.delete(channel);
    return frame;
  }

  /** Gives back what is held of a channel. */
  forget(channel: string): void {
    this.take(channel)?.release();
  }

  async close(): Promise<void> {
    this.#end.abort();
    for (const channel of this.#frames.keys()) this.forget(channel);
    for (const frame of this.#arriving.values()) if (!frame.released) frame.release();
    this.#arriving.clear();
    await Promise.all(this.#running);
  }

  /** Why no more frames come of it. */
  async #read(input: string, onFrame: () => void): Promise<unknown> {
    const subscriber = await this.#open(input);
    try {
      while (!(await this.#readUntilExhausted(subscriber, onFrame)));
      const { reason, error } = await subscriber.closed;
      return error ?? reason;
    } finally {
      await subscriber.close();
    }
  }

  /** False: as many frames as were granted are held, until one is complete or was used. */
  async #readUntilExhausted(subscriber: Input, onFrame: () => void): Promise<boolean> {
    try {
      for await (const frame of subscriber) {
        onFrame();
        this.#keep(frame);
      }
      return true;
    } catch (error) {
      if (!isSluiceError(error, 'LEASES_EXHAUSTED')) throw error;
      await sleep(LEASE_PAUSE_MS, undefined, { signal: this.#end.signal });
      return false;
    }
  }

  #open(input: string): Promise<Input> {
    const { stream, onlyComplete, label, directory, allow } = this.#options;
    const options: SubscriberOptions<VideoFormat> & { format: ReturnType<typeof video> } = {
      format: video() as VideoFormat,
      label,
      signal: this.#end.signal,
      copyTo: stream === undefined ? 'host' : `cuda:${stream.device.index}`,
      // Without a stream nothing waits for a frame before it is known to be complete. One is held while the next comes.
      ...(onlyComplete ? { maxHeld: 2 } : {}),
      ...(stream === undefined || onlyComplete ? {} : { stream }),
      ...(directory === undefined ? {} : { directory }),
      ...(allow === undefined ? {} : { allow }),
    };
    if (isChannelPattern(input)) return openSubscriber(input as `${string}*${string}`, options);
    return openSubscriber(input, options);
  }

  #keep(frame: VideoFrame): void {
    const { channel } = frame;
    if (this.#end.signal.aborted || this.#options.isExcluded(channel)) return;
    try {
      this.look();
      if (!this.#mustWait(frame)) this.#show(frame.retain());
      else if (!this.#arriving.has(channel)) this.#arriving.set(channel, frame.retain());
    } catch (error) {
      if (!isSluiceError(error, 'CLOSED')) throw error;
    }
  }

  #mustWait(frame: VideoFrame): boolean {
    const { stream, onlyComplete } = this.#options;
    return stream !== undefined && onlyComplete && frame.state !== 'ready';
  }

  /** It is the newest from here on. Frames that nobody completes were lost; the lineage says what became of them. */
  #show(frame: VideoFrame): void {
    const { channel } = frame;
    const { stream, onlyComplete, onFrame } = this.#options;
    if (stream !== undefined && onlyComplete) frame.waitOn(stream);
    this.forget(channel);
    this.#frames.set(channel, frame);
    onFrame(channel);
  }
}
