/**
 * The newest picture of each of several channels, held until a newer one comes: what filters and mosaics are made of.
 * Inputs are names and patterns. One that is not there is waited for; one that went comes back by itself.
 */
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

export type VideoFrame = Frame<VideoFormat>;
type Input = FrameSubscriber<VideoFormat> | GroupSubscriber<VideoFrame>;

export interface LatestFramesOptions {
  /** Names and patterns. */
  readonly inputs: readonly string[];
  /** Where the frames are read: on the GPU of this stream, or in host memory. Frames of elsewhere are copied there. */
  readonly stream?: Stream | undefined;
  readonly label: string;
  readonly directory?: string | undefined;
  readonly allow?: AllowedPeers | undefined;
  /** Channels that are left out though a pattern matches them. */
  readonly isExcluded: (channel: string) => boolean;
  /** A channel has a newer frame than before. */
  readonly onFrame: (channel: string) => void;
  /** An input ended for good: its format is not that of pictures, or it may not be read. */
  readonly onFailure: (input: string, error: unknown) => void;
}

export class LatestFrames {
  readonly #options: LatestFramesOptions;
  readonly #frames = new Map<string, VideoFrame>();
  readonly #end = new AbortController();
  readonly #running: readonly Promise<void>[];

  constructor(options: LatestFramesOptions) {
    this.#options = options;
    this.#running = options.inputs.map((input) => this.#follow(input));
  }

  /** Channels that have a frame, in the order of their names. */
  get channels(): readonly string[] {
    return [...this.#frames.keys()].sort();
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
    await Promise.all(this.#running);
  }

  async #follow(input: string): Promise<void> {
    const { signal } = this.#end;
    let subscriber: Input | undefined;
    try {
      subscriber = await this.#open(input);
      for await (const frame of subscriber) this.#keep(frame);
    } catch (error) {
      if (!signal.aborted) this.#options.onFailure(input, error);
    } finally {
      await subscriber?.close();
    }
    if (signal.aborted || subscriber === undefined) return;
    const { reason, error } = await subscriber.closed;
    if (reason !== 'aborted') this.#options.onFailure(input, error ?? reason);
  }

  #open(input: string): Promise<Input> {
    const { stream, label, directory, allow } = this.#options;
    const options: SubscriberOptions<VideoFormat> & { format: ReturnType<typeof video> } = {
      format: video() as VideoFormat,
      label,
      signal: this.#end.signal,
      ...(stream === undefined
        ? { copyTo: 'host' }
        : { stream, copyTo: `cuda:${stream.device.index}` }),
      ...(directory === undefined ? {} : { directory }),
      ...(allow === undefined ? {} : { allow }),
    };
    if (isChannelPattern(input)) return openSubscriber(input as `${string}*${string}`, options);
    return openSubscriber(input, options);
  }

  #keep(frame: VideoFrame): void {
    const { channel } = frame;
    if (this.#end.signal.aborted || this.#options.isExcluded(channel)) return;
    // Frames that nobody completes were lost; on a GPU the stream waits, and the lineage says what became of them.
    try {
      this.forget(channel);
      this.#frames.set(channel, frame.retain());
    } catch (error) {
      if (!isSluiceError(error, 'CLOSED')) throw error;
      return;
    }
    this.#options.onFrame(channel);
  }
}
