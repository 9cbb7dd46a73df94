/**
 * Pictures of a channel for any number of clients, each at its own pace.
 *
 * One picture is shown at a time, the newest. A client that has taken one whole gets the picture that is shown then, so a
 * slow one passes over those between; nobody waits for anybody. The publisher's slot is held only while its picture is the
 * newest, which no publisher takes anyway. When the next comes, clients in the middle of the old one get a copy of what they
 * still have to read: one picture a client is all the memory that a slow one costs.
 *
 * Without clients nothing is subscribed, so a camera that decodes on demand may rest.
 */
import { isSluiceError, SluiceError } from '../../core/index.js';
import type { VideoFormat } from '../../format/index.js';
import type { Frame, FrameSubscriber } from '../../bus/index.js';
import { USUAL_RATE } from '../container/frame-rate.js';
import type { ClientWriter } from './client-writer.js';
import { DemandLoop } from './demand-loop.js';
import { FramePace } from './frame-pace.js';
import { DescriptorDelivery } from './descriptor-delivery.js';
import { type PictureDelivery, StreamDelivery } from './picture-delivery.js';
import { fitPicture, type PictureFit, targetFormat } from './picture-fit.js';
import type { GpuPictures } from './gpu-pictures.js';
import { openPictureSource } from './picture-source.js';
import { type PictureMemory, ShownPicture } from './shown-picture.js';
import type { TapCounters, TapSource } from './tap-source.js';
import type { PictureTapFormat, TapOptions } from './options.js';

/** How long no picture may have come before 'hold' goes on with the last one. */
const HOLD_AFTER_MS = 1000;

interface ClientState {
  /** Number of the last picture it was given; 0: none, not even the beginning. */
  last: number;
  /** Number of the last picture that it gets: its publisher has ended. */
  until: number;
}

export class FrameTap implements TapSource {
  readonly #channel: string;
  readonly #options: TapOptions & { readonly as: PictureTapFormat };
  readonly #delivery: PictureDelivery;
  readonly #counters: TapCounters;
  readonly #fail: (error: SluiceError) => void;
  readonly #clients = new Map<ClientWriter, ClientState>();
  readonly #pace: FramePace;
  readonly #loop: DemandLoop;
  #target: VideoFormat | undefined;
  #memory: PictureMemory | undefined;
  #fit: { readonly source: VideoFormat; readonly fit: PictureFit } | undefined;
  #shown: ShownPicture | undefined;
  #numbers = 0;
  /** One frame at a time is all that was granted: it cannot be held while the next is awaited. */
  #keepsAtOnce = false;
  #holdTimer: NodeJS.Timeout | undefined;

  constructor(
    channel: string,
    options: TapOptions & { readonly as: PictureTapFormat },
    counters: TapCounters,
    fail: (error: SluiceError) => void,
  ) {
    this.#channel = channel;
    this.#options = options;
    this.#delivery =
      options.as === 'unixfd'
        ? new DescriptorDelivery((client) => this.#offerAgain(client))
        : new StreamDelivery(options.as);
    this.#counters = counters;
    this.#fail = (error) => {
      fail(error);
      this.#delivery.close();
    };
    this.#pace = new FramePace(options.framesPerSecond);
    this.#loop = new DemandLoop({
      isWanted: () => this.#clients.size > 0,
      read: (signal) => this.#readPublisher(signal),
      onLost: () => {
        if (options.whenLost !== 'hold') this.#endClients();
      },
      onRest: () => {
        clearTimeout(this.#holdTimer);
        this.#pace.restart();
        this.#shown?.supersede();
        this.#shown = undefined;
      },
      onFailure: this.#fail,
    });
  }

  join(client: ClientWriter): void {
    this.#clients.set(client, { last: 0, until: Infinity });
    this.#offer(client);
    this.#loop.changed();
  }

  leave(client: ClientWriter): void {
    this.#delivery.left(client);
    this.#clients.delete(client);
    this.#loop.changed();
  }

  drained(client: ClientWriter): void {
    this.#delivery.drained(client);
    this.#offerAgain(client);
  }

  input(client: ClientWriter, bytes: Uint8Array): void {
    this.#delivery.input?.(client, bytes);
  }

  async close(): Promise<void> {
    await this.#loop.close();
    this.#delivery.close();
  }

  async #readPublisher(signal: AbortSignal): Promise<void> {
    const { directory, label, as } = this.#options;
    const reading = {
      label: label ?? `tap (${as})`,
      signal,
      ...(directory === undefined ? {} : { directory }),
    };
    const source = await openPictureSource(this.#channel, reading, (format) => {
      const target = this.#targetOf(format);
      return { target, places: this.#delivery.planes(target) };
    });
    this.#counters.reading = true;
    try {
      for (;;) {
        const frame = await this.#next(source.subscriber, signal);
        if (frame === undefined) break;
        await this.#take(frame, source.gpu, signal);
      }
    } finally {
      this.#counters.reading = false;
      // Closing the subscriber ends the frames that are held.
      this.#detach();
      this.#shown?.keep();
      await source.close();
    }
  }

  /** Undefined when the publisher has ended and everything was read. */
  async #next(
    subscriber: FrameSubscriber<VideoFormat>,
    signal: AbortSignal,
  ): Promise<Frame<VideoFormat> | undefined> {
    for (;;) {
      try {
        return await subscriber.receive({ signal });
      } catch (error) {
        if (isSluiceError(error, 'LEASES_EXHAUSTED') && !this.#keepsAtOnce) {
          this.#keepsAtOnce = true;
          this.#detach();
          this.#shown?.keep();
          continue;
        }
        if (!isSluiceError(error, 'CLOSED')) throw error;
        const end = await subscriber.closed;
        if (end.error !== undefined) throw end.error;
        return undefined;
      }
    }
  }

  async #take(
    frame: Frame<VideoFormat>,
    gpu: GpuPictures | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      if (frame.ptsNs < this.#delivery.earliestNs) return frame.release();
      if (!this.#pace.takes(frame.ptsNs)) return frame.release();
      if (frame.state !== 'ready') await frame.ready({ signal });
    } catch (error) {
      if (!frame.released) frame.release();
      if (isSluiceError(error, 'FRAME_LOST')) return;
      throw error;
    }
    const { ptsNs } = frame;
    const memory = this.#memoryFor(frame.format);
    let made: Uint8Array | undefined;
    if (gpu !== undefined) await gpu.make(frame, (made = memory.take()));
    this.#detach();
    this.#shown?.supersede();
    const number = ++this.#numbers;
    this.#shown =
      made === undefined
        ? ShownPicture.of(number, frame, this.#fitOf(frame.format), memory)
        : ShownPicture.made(number, ptsNs, made, memory);
    if (this.#keepsAtOnce) this.#shown.keep();
    for (const client of this.#clients.keys()) this.#offer(client);
    this.#holdSoon(HOLD_AFTER_MS);
  }

  /** The tap's format is that of its first picture, for good: no reader of such a stream can change its size. */
  #targetOf(source: VideoFormat): VideoFormat {
    const { size, pixelFormat } = this.#options;
    this.#target ??= targetFormat(source, this.#delivery.pixelFormats, {
      ...(size === undefined ? {} : { size }),
      ...(pixelFormat === undefined ? {} : { pixelFormat }),
    });
    return this.#target;
  }

  #memoryFor(source: VideoFormat): PictureMemory {
    this.#memory ??= this.#delivery.memory(this.#targetOf(source));
    return this.#memory;
  }

  #fitOf(source: VideoFormat): PictureFit {
    if (this.#fit?.source === source) return this.#fit.fit;
    const target = this.#targetOf(source);
    const fit = fitPicture(source, target, this.#delivery.planes(target));
    this.#fit = { source, fit };
    return fit;
  }

  /** Gives the client what is shown, if it has room and has not had it. */
  #offer(client: ClientWriter): void {
    const state = this.#clients.get(client);
    const shown = this.#shown;
    const rate = this.#pace.rate;
    const delivery = this.#delivery;
    if (state === undefined || !client.idle) return;
    if (state.last >= state.until || (shown?.number ?? 0) > state.until)
      return delivery.end(client);
    if (shown === undefined || shown.number <= state.last) return;
    if (!delivery.hasRoom(client)) {
      // Who gives nothing back is not waited for at the end.
      if (state.until !== Infinity) delivery.end(client);
      return;
    }
    if (rate === undefined && delivery.needsRate) return;
    const target = this.#target as VideoFormat;
    if (state.last === 0) delivery.begin(client, target, rate);
    else this.#counters.framesSkipped += shown.number - state.last - 1;
    state.last = shown.number;
    delivery.give(client, shown, target);
    this.#counters.framesSent += 1;
    client.flush();
    if (client.idle) this.drained(client);
  }

  /** Outside the reading: what goes wrong ends that, too. */
  #offerAgain(client: ClientWriter): void {
    try {
      this.#offer(client);
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      this.#fail(error);
      void this.#loop.close();
    }
  }

  #detach(): void {
    for (const client of this.#clients.keys()) client.detach();
  }

  /** Behind the last picture, which they still get. */
  #endClients(): void {
    this.#pace.settle(USUAL_RATE);
    for (const [client, state] of this.#clients) {
      state.until = Math.min(state.until, this.#numbers);
      this.#offer(client);
    }
  }

  #holdSoon(afterMs: number): void {
    if (this.#options.whenLost !== 'hold') return;
    clearTimeout(this.#holdTimer);
    this.#holdTimer = setTimeout(() => this.#repeat(), afterMs);
  }

  /** The last picture once more, an interval later. */
  #repeat(): void {
    const shown = this.#shown;
    if (shown === undefined || this.#loop.closed) return;
    this.#pace.settle(USUAL_RATE);
    const { numerator, denominator } = this.#pace.rate ?? USUAL_RATE;
    this.#numbers += 1;
    shown.number = this.#numbers;
    shown.ptsNs += Math.round((denominator * 1e9) / numerator);
    this.#counters.framesRepeated += 1;
    for (const client of this.#clients.keys()) this.#offer(client);
    this.#holdSoon((denominator * 1000) / numerator);
  }
}
