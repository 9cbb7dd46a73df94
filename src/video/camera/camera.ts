/** A camera: an input that is opened again when it is lost, its channels, and what they tell of it. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CloseReason, WaitOptions } from '../../bus/index.js';
import { EventFeed } from '../../bus/event-feed.js';
import { assertChannelName, SluiceError } from '../../core/index.js';
import { monotonicNs, SystemCallError } from '../../ffi/index.js';
import type { VideoFormat } from '../../format/index.js';
import { type CameraFailure, isShortage } from '../ffmpeg/index.js';
import { Backoff } from './backoff.js';
import type { CameraStats } from './camera-stats.js';
import type { CameraStatus } from './camera-status.js';
import type { PictureLook } from './coded-picture.js';
import type { Want } from './decode-line.js';
import type { Decoder } from './decoder.js';
import { type Feed, PictureIds } from './feed.js';
import { FrameOutput } from './frame-output.js';
import { NvDecoder, nvdecCodec } from '../nvdec/index.js';
import { HostDecoder } from './host-decoder.js';
import { type CameraInput, cameraInput } from './input.js';
import { type CameraOptions, checkCameraOptions } from './options.js';
import { type FeedParts, PacketFeed } from './packet-feed.js';
import { RawFeed } from './raw-feed.js';
import { Timeline } from './timeline.js';

/** Of a decoder on the GPU, before ffmpeg takes over; fewer than end the decoding. */
const MAX_GPU_FAILURES = 2;

/**
 * An input that is read, and decoded once, for any number of readers. It publishes `<channel>` (frames), and where the
 * input has them `<channel>/packets`, `<channel>/audio` and, as samples, `<channel>/audio/pcm`. Whoever opened it
 * closes it.
 */
export class Camera implements AsyncDisposable {
  readonly channel: string;
  /** Resolves when the camera has ended; never rejects. 'ended': the file or the pictures came to their end. */
  readonly closed: Promise<CloseReason>;
  readonly #input: CameraInput;
  readonly #options: CameraOptions;
  readonly #output: FrameOutput;
  readonly #feed: Feed;
  readonly #ending = new AbortController();
  readonly #events = new EventFeed<CameraStatus>();
  /** Settled by the first format, or by a failure that no waiting mends. */
  readonly #opened: Promise<void>;
  #resolveOpened: () => void = () => undefined;
  #state: CameraStats['state'] = 'connecting';
  #lastError = '';
  #reconnects = 0;
  #liveSinceMs: number | undefined;
  #lastFrameNs = 0;
  #frames = 0;
  #decodesOnGpu = false;
  #gpuFailures = 0;
  #lastFormat: VideoFormat | undefined;
  #reason: CloseReason | undefined;
  #want: Want = 'none';

  private constructor(channel: string, options: CameraOptions) {
    assertChannelName(channel);
    checkCameraOptions(options);
    this.channel = channel;
    this.#options = options;
    this.#input = cameraInput(options);
    const { shown, waits } = this.#input;
    const ending = this.#ending.signal;
    this.#output = new FrameOutput(channel, options, { shown, waits, ending });
    this.#output.onPublished = () => {
      this.#frames += 1;
      this.#lastFrameNs = monotonicNs();
    };
    this.#output.describe = () => this.#shortStats();
    const parts = this.#parts();
    this.#feed = this.#input.isRaw ? new RawFeed(parts) : new PacketFeed(parts);
    this.#opened = new Promise((resolve) => (this.#resolveOpened = resolve));
    this.closed = this.#live();
  }

  /** @internal */
  static async open(channel: string, options: CameraOptions): Promise<Camera> {
    options.signal?.throwIfAborted();
    const camera = new Camera(channel, options);
    const abort = (): void => void camera.#end({ reason: 'aborted' });
    options.signal?.addEventListener('abort', abort, { once: true });
    const forget = (): void => options.signal?.removeEventListener('abort', abort);
    void camera.closed.then(forget, forget);
    await Promise.race([camera.#opened, camera.closed]);
    const reason = camera.#reason;
    if (reason?.error !== undefined) throw reason.error;
    options.signal?.throwIfAborted();
    if (camera.format === undefined) {
      const found = `${channel}: ${camera.#input.shown} has ended without a picture`;
      throw new SluiceError('CAMERA_FORMAT', found);
    }
    return camera;
  }

  /** The format of its frames. */
  get format(): VideoFormat | undefined {
    return this.#output.publisher?.format ?? this.#lastFormat;
  }

  /** The channel of its packets; undefined while the input has none that a channel carries. */
  get packets(): string | undefined {
    return this.#feed.packetsChannel;
  }

  /** The channel of its sound, as packets. */
  get audio(): string | undefined {
    return this.#feed.audioChannel;
  }

  /** The channel of its sound, as samples: decoded while somebody subscribes. */
  get pcm(): string | undefined {
    return this.#feed.pcmChannel;
  }

  /** @internal The processes that work for it. */
  get processes(): Feed['processes'] {
    return this.#feed.processes;
  }

  stats(): CameraStats {
    const feed = this.#feed;
    return Object.freeze({
      state: this.#state,
      input: this.#input.shown,
      codec: feed.codec,
      decoder: feed.decoder,
      wanted: this.#want,
      frames: this.#frames,
      framesPerSecond: this.#output.publisher?.stats().ratePerSecond ?? 0,
      bitsPerSecond: feed.bitsPerSecond,
      pictures: feed.pictures,
      dropped: this.#output.dropped + feed.passedOver,
      decodeMs: Math.round(feed.decodeMs * 100) / 100,
      lastFrameAgeMs: this.#frames === 0 ? -1 : (monotonicNs() - this.#lastFrameNs) / 1e6,
      reconnects: this.#reconnects,
      lastError: this.#lastError,
    });
  }

  /** Text as short as what observers are told has room for. */
  #shortStats(): CameraStats {
    const stats = this.stats();
    const [input, lastError] = [stats.input, stats.lastError].map((text) => text.slice(0, 500));
    return { ...stats, input: input ?? '', lastError: lastError ?? '' };
  }

  /** What happens from now on, the present state first. Ends with the camera or the signal. */
  status({ signal }: WaitOptions = {}): AsyncIterable<CameraStatus> {
    return this.#events.follow(() => {
      const { format } = this;
      const present: CameraStatus[] = [];
      if (this.#state === 'live') present.push({ type: 'live', codec: this.#feed.codec });
      if (format !== undefined) present.push({ type: 'format', format });
      return present;
    }, signal);
  }

  /** Ends its channels and processes. Idempotent. */
  async close(): Promise<void> {
    await this.#end({ reason: 'closed' });
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #parts(): FeedParts {
    const { channel } = this;
    return {
      channel,
      options: this.#options,
      input: this.#input,
      output: this.#output,
      timeline: new Timeline(),
      ids: new PictureIds(randomBytes(4).readUInt32LE()),
      ending: this.#ending.signal,
      makeDecoder: (look) => this.#makeDecoder(look),
      events: {
        live: (codec) => this.#isLive(codec),
        format: () => this.#hasFormat(),
        decoderFailed: (error) => this.#decoderFailed(error),
        soundFailed: (error) => this.#tellFailure(error),
      },
    };
  }

  /** On the GPU where it decodes such pictures; a GPU that fails at it, more than once, is asked no more. */
  #makeDecoder(look: PictureLook): Decoder {
    const { decodeThreads: threads = 1, memory = 'host' } = this.#options;
    const { waits } = this.#input;
    const mayUseGpu = memory !== 'host' && this.#gpuFailures < MAX_GPU_FAILURES;
    const codec = mayUseGpu ? nvdecCodec(look, memory) : undefined;
    this.#decodesOnGpu = codec !== undefined;
    if (codec === undefined) {
      return new HostDecoder(this.channel, look, this.#output, { threads, waits });
    }
    return new NvDecoder(this.channel, codec, memory, this.#output, { waits });
  }

  #decoderFailed(error: SluiceError): void {
    if (this.#decodesOnGpu) this.#gpuFailures += 1;
    this.#tellFailure(error);
  }

  #tellFailure(error: SluiceError): void {
    this.#lastError = error.message;
    this.#tell({ type: 'decoder', error });
  }

  async #live(): Promise<CloseReason> {
    // Not before the constructor is through.
    await Promise.resolve();
    try {
      await this.#stayConnected();
    } finally {
      this.#lastFormat = this.format;
      this.#ending.abort();
      await this.#feed.close();
      await this.#output.close();
      this.#state = 'ended';
      this.#events.end();
    }
    return this.#reason ?? { reason: 'closed' };
  }

  /** Connects, again and again, until the end. Rejects with what a publisher says of arguments. */
  async #stayConnected(): Promise<void> {
    const backoff = new Backoff();
    while (this.#reason === undefined) {
      const failure = await this.#connect();
      if (this.#reason !== undefined) break;
      if (failure === undefined) {
        this.#reason = { reason: 'ended' };
        break;
      }
      if (this.format === undefined && this.#endsAtStart(failure)) {
        this.#reason = { reason: 'failed', error: failure.error };
        break;
      }
      const heldMs = this.#liveSinceMs === undefined ? 0 : performance.now() - this.#liveSinceMs;
      const retryInMs = backoff.next(heldMs);
      this.#isLost(failure, retryInMs);
      await sleep(retryInMs, undefined, { signal: this.#ending.signal }).catch(() => undefined);
      this.#reconnects += 1;
    }
  }

  async #connect(): Promise<CameraFailure | undefined> {
    try {
      return await this.#feed.connect();
    } catch (error) {
      if (error instanceof SluiceError) return { error, isLasting: !isShortage(error) };
      if (!(error instanceof SystemCallError)) throw error;
      const message = `${this.channel}: cannot open ${this.#input.shown}: ${error.message}`;
      return { error: new SluiceError('SYSTEM', message, { cause: error }), isLasting: false };
    }
  }

  #endsAtStart({ isLasting }: CameraFailure): boolean {
    return isLasting || this.#options.whenMissing === 'fail';
  }

  async #end(reason: CloseReason): Promise<void> {
    this.#reason ??= reason;
    this.#ending.abort();
    await this.#feed.close();
  }

  #tell(status: CameraStatus): void {
    this.#events.emit(status);
    this.#options.onStatus?.(status);
  }

  #isLive(codec: string): void {
    this.#state = 'live';
    this.#liveSinceMs = performance.now();
    this.#lastError = '';
    this.#tell({ type: 'live', codec });
  }

  #isLost({ error }: CameraFailure, retryInMs: number): void {
    this.#state = this.format === undefined ? 'connecting' : 'lost';
    this.#liveSinceMs = undefined;
    this.#lastError = error.message;
    this.#tell({ type: 'lost', error, retryInMs });
  }

  #hasFormat(): void {
    const format = this.#output.publisher?.format;
    if (format === undefined) return;
    this.#tell({ type: 'format', format });
    if (this.#lastFormat === undefined) this.#followDemand();
    this.#lastFormat = format;
    this.#resolveOpened();
  }

  /** From the first format on: who reads decides what is decoded. */
  #followDemand(): void {
    const { decode = 'always' } = this.#options;
    if (decode === 'always') this.#decodeOnly('all');
    else if (decode === 'key') this.#decodeOnly('key');
    else void this.#onDemand();
    void this.#output.publisher?.closed.then(({ error }) => {
      if (error !== undefined) void this.#end({ reason: 'failed', error });
    });
  }

  async #onDemand(): Promise<void> {
    for await (const { subscribers, keyFramesOnly } of this.#output.demand()) {
      this.#decodeOnly(subscribers === 0 ? 'none' : keyFramesOnly ? 'key' : 'all');
    }
  }

  #decodeOnly(want: Want): void {
    this.#want = want;
    this.#feed.want = want;
  }
}

/**
 * Opens an input and publishes what it gives; resolves when the format of its frames is known. The frame channel is
 * `channel`; packets and sound go beside it.
 * Rejects with CAMERA_UNREACHABLE, CAMERA_DENIED or CAMERA_FORMAT for what no waiting mends (see `whenMissing`),
 * with UNSUPPORTED without ffmpeg, with what `openPublisher` rejects with, and with the signal's reason.
 *
 * @example
 * await using camera = await openCamera('camera/door', { input: 'rtsp://user:password@10.0.0.7/stream1' });
 */
export function openCamera(channel: string, options: CameraOptions): Promise<Camera> {
  return Camera.open(channel, options);
}
