/** A feed of raw pictures: while nobody wants frames, its reader does not run. */
import type { CameraFailure } from '../ffmpeg/index.js';
import { monotonicNs } from '../../ffi/index.js';
import type { CodedPicture, PictureLook } from './coded-picture.js';
import type { Want } from './decode-line.js';
import type { Feed } from './feed.js';
import { frameFormat } from './frame-output.js';
import type { FeedParts } from './packet-feed.js';
import { isFailure, rawPicture, RawSource } from './raw-source.js';

export class RawFeed implements Feed {
  readonly codec = 'raw';
  readonly bitsPerSecond = 0;
  readonly decodeMs = 0;
  readonly passedOver = 0;
  readonly packetsChannel = undefined;
  readonly audioChannel = undefined;
  readonly pcmChannel = undefined;
  pictures = 0;
  readonly #parts: FeedParts;
  #source: RawSource | undefined;
  #want: Want = 'none';
  #wanted: (() => void) | undefined;
  #isPaused = false;
  #closed = false;

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  set want(want: Want) {
    this.#want = want;
    if (want !== 'none') this.#wanted?.();
    else if (this.#source !== undefined) {
      this.#isPaused = true;
      void this.#source.close();
    }
  }

  get decoder(): string {
    return this.#source === undefined ? '' : 'ffmpeg';
  }

  get processes(): Feed['processes'] {
    return { reader: this.#source?.pid, decoder: undefined, sound: undefined };
  }

  async connect(): Promise<CameraFailure | undefined> {
    const look = await this.#withSource((source) => source.probe());
    if (this.#closed) return undefined;
    if (isFailure(look)) return look;
    await this.#parts.output.begin(frameFormat(look.parameters));
    this.#parts.events.format();
    this.#parts.events.live(this.codec);
    for (;;) {
      while (this.#want === 'none' && !this.#closed) await this.#untilWanted();
      if (this.#closed) return undefined;
      this.#isPaused = false;
      const end = await this.#play(look);
      if (!this.#isPaused || this.#closed) return end;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wanted?.();
    await this.#source?.close();
  }

  #play(look: PictureLook): Promise<CameraFailure | undefined> {
    const { timeline, ids, output } = this.#parts;
    timeline.reconnect();
    let isFirst = true;
    const picture = (pts: number, seen: PictureLook): CodedPicture => {
      const ptsNs = timeline.place(pts, seen.timeBase, monotonicNs());
      const isBroken = isFirst && output.lastPtsNs > Number.NEGATIVE_INFINITY;
      isFirst = false;
      this.pictures += 1;
      return rawPicture(seen, pts, ptsNs, ids.next(), isBroken);
    };
    return this.#withSource((source) => source.play(look, { picture }));
  }

  async #withSource<T>(use: (source: RawSource) => Promise<T>): Promise<T> {
    const { channel, input, output } = this.#parts;
    const source = new RawSource(channel, input, output);
    this.#source = source;
    if (this.#closed) await source.close();
    try {
      return await use(source);
    } finally {
      this.#source = undefined;
    }
  }

  #untilWanted(): Promise<void> {
    return new Promise((resolve) => (this.#wanted = resolve));
  }
}
