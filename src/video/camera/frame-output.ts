/** The frame channel of a camera: opened when the first format is known, a new epoch for each other one. */
import {
  type Demand,
  type FramePublisher,
  type LoanedFrame,
  openPublisher,
  type PublishOptions,
} from '../../bus/index.js';
import { frameByteLength, video, type VideoFormat } from '../../format/index.js';
import { isSluiceError } from '../../core/index.js';
import type { VideoParameters } from '../packets/index.js';
import type { CodedPicture } from './coded-picture.js';
import type { CameraOptions } from './options.js';

/** A place for one decoded picture: a slot, or memory that is copied to the GPU. */
export interface PicturePlace {
  readonly bytes: Uint8Array;
  publish(picture: CodedPicture): void;
  giveBack(): void;
}

/** What pictures of these parameters are as frames: their 4:2:0 form, in 8 bits or in 10. */
export function frameFormat({ width, height, bitDepth, color }: VideoParameters): VideoFormat {
  return video({ width, height, pixelFormat: bitDepth > 8 ? 'p010' : 'nv12', color });
}

export class FrameOutput {
  /** Of the newest frame; before the first -Infinity. */
  lastPtsNs = Number.NEGATIVE_INFINITY;
  /** CLOCK_MONOTONIC in ns, when the newest frame was published, and how long it was under way here. */
  onPublished: (picture: CodedPicture) => void = () => undefined;
  /** What observers of the channel are told of the camera. */
  describe: () => object = () => ({});
  readonly #channel: string;
  readonly #options: CameraOptions;
  /** Pictures wait for a slot. */
  readonly waits: boolean;
  readonly #shown: string;
  readonly #ending: AbortSignal;
  #publisher: FramePublisher<VideoFormat> | undefined;
  #dropped = 0;
  /** A picture is missing before the next frame, which says so. */
  #hasGap = false;
  #format: VideoFormat | undefined;
  #frameBytes = 0;
  #scratch: Uint8Array | undefined;
  /** Of the picture in `#scratch` to the GPU, where pictures wait. */
  #copying: Promise<void> = Promise.resolve();

  /** `waits`: a picture waits for a slot; else it is dropped. */
  constructor(
    channel: string,
    options: CameraOptions,
    about: { readonly waits: boolean; readonly shown: string; readonly ending: AbortSignal },
  ) {
    this.#channel = channel;
    this.#options = options;
    this.waits = about.waits;
    this.#shown = about.shown;
    this.#ending = about.ending;
  }

  /** Pictures that found no slot. */
  get dropped(): number {
    return this.#dropped;
  }

  get publisher(): FramePublisher<VideoFormat> | undefined {
    return this.#publisher;
  }

  /** The present one. */
  get format(): VideoFormat | undefined {
    return this.#format;
  }

  /** Of a frame of the present format. */
  get frameBytes(): number {
    return this.#frameBytes;
  }

  /** Whether the slots are in the memory of a GPU. */
  get isOnGpu(): boolean {
    return (this.#options.memory ?? 'host') !== 'host';
  }

  /** From here on frames are of this format. Not while a place is out. */
  async begin(format: VideoFormat): Promise<void> {
    await this.#copying;
    this.#format = format;
    this.#frameBytes = frameByteLength(format);
    if (this.#publisher !== undefined) {
      await this.#publisher.setFormat(format);
      return;
    }
    const { memory, slots, allow, directory, label = 'sluice camera' } = this.#options;
    this.#publisher = await openPublisher(this.#channel, {
      format,
      label,
      whenFull: this.waits ? 'wait' : 'drop',
      userData: { camera: { input: this.#shown.slice(0, 1024) } },
      userStats: () => ({ camera: this.describe() }),
      ...(memory === undefined ? {} : { memory }),
      ...(slots === undefined ? {} : { slots }),
      ...(allow === undefined ? {} : { allow }),
      ...(directory === undefined ? {} : { directory }),
    });
  }

  /** Who reads, again at each change, until the channel ends. */
  async *demand(): AsyncGenerator<Demand, void, undefined> {
    if (this.#publisher !== undefined) yield* this.#publisher.demand({ signal: this.#ending });
  }

  /** Undefined: there is no slot, the picture is dropped. A promise where pictures wait. */
  place(): PicturePlace | undefined | Promise<PicturePlace | undefined> {
    const publisher = this.#publisher;
    if (publisher === undefined) return undefined;
    if (this.isOnGpu) {
      return this.waits ? this.#waitForCopyPlace(publisher) : this.#copyPlace(publisher);
    }
    const loan = publisher.tryLoan();
    if (loan !== undefined) return this.#loanPlace(loan);
    if (this.waits) return this.#waitForPlace(publisher);
    this.#drop();
    return undefined;
  }

  /** A slot for a picture that a GPU decodes into it; undefined when there is none: the picture is dropped. */
  async loan(): Promise<LoanedFrame<VideoFormat> | undefined> {
    const publisher = this.#publisher;
    const loan = publisher?.tryLoan();
    if (loan !== undefined || publisher === undefined) return loan;
    if (this.waits) return this.#waitForLoan(publisher);
    this.#drop();
    return undefined;
  }

  /** What travels with the frame of a picture. */
  timesOf(picture: CodedPicture): PublishOptions {
    const { ptsNs, captureTimeNs, id, keyFrame } = picture;
    const discontinuity = picture.discontinuity || this.#hasGap;
    return { ptsNs, captureTimeNs, id, keyFrame, discontinuity };
  }

  /** The frame of a picture went out. */
  published(picture: CodedPicture): void {
    this.#hasGap = false;
    this.lastPtsNs = Math.max(this.lastPtsNs, picture.ptsNs);
    this.onPublished(picture);
  }

  /** Resolves when the last picture went out, or failed to. */
  async settled(): Promise<void> {
    await this.#copying.catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.settled();
    await this.#publisher?.close();
  }

  async #waitForPlace(publisher: FramePublisher<VideoFormat>): Promise<PicturePlace | undefined> {
    const loan = await this.#waitForLoan(publisher);
    return loan && this.#loanPlace(loan);
  }

  async #waitForLoan(
    publisher: FramePublisher<VideoFormat>,
  ): Promise<LoanedFrame<VideoFormat> | undefined> {
    try {
      return await publisher.loan({ signal: this.#ending });
    } catch (error) {
      if (this.#ending.aborted || isSluiceError(error, 'CLOSED')) return undefined;
      throw error;
    }
  }

  #loanPlace(loan: LoanedFrame<VideoFormat>): PicturePlace {
    return {
      bytes: loan.bytes,
      publish: (picture) => {
        loan.publish(this.timesOf(picture));
        this.published(picture);
      },
      giveBack: () => loan[Symbol.dispose](),
    };
  }

  /** Nothing waits: a picture is dropped that finds no slot, or the GPU behind with those before. */
  #copyPlace(publisher: FramePublisher<VideoFormat>): PicturePlace {
    const bytes = this.#scratchBytes();
    return {
      bytes,
      publish: (picture) => {
        if (publisher.send(bytes, this.timesOf(picture)) === undefined) this.#drop();
        else this.published(picture);
      },
      giveBack: () => undefined,
    };
  }

  async #waitForCopyPlace(
    publisher: FramePublisher<VideoFormat>,
  ): Promise<PicturePlace | undefined> {
    await this.#copying;
    const loan = await this.#waitForLoan(publisher);
    if (loan === undefined) return undefined;
    const bytes = this.#scratchBytes();
    return {
      bytes,
      publish: (picture) => {
        this.#copying = this.#copyInTurn(loan, bytes, picture);
        // Whoever wants the next place, another format or the end is told.
        this.#copying.catch(() => undefined);
      },
      giveBack: () => loan[Symbol.dispose](),
    };
  }

  async #copyInTurn(
    loan: LoanedFrame<VideoFormat>,
    bytes: Uint8Array,
    picture: CodedPicture,
  ): Promise<void> {
    try {
      await loan.publishCopyInTurn(bytes, this.timesOf(picture), this.#ending);
      this.published(picture);
    } catch (error) {
      this.#drop();
      if (!this.#ending.aborted && !isSluiceError(error, 'CLOSED')) throw error;
    } finally {
      loan[Symbol.dispose]();
    }
  }

  #drop(): void {
    this.#dropped += 1;
    this.#hasGap = true;
  }

  #scratchBytes(): Uint8Array {
    const byteLength = this.#frameBytes;
    if (this.#scratch?.byteLength !== byteLength) this.#scratch = new Uint8Array(byteLength);
    return this.#scratch;
  }
}
