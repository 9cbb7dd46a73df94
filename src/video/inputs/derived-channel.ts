/**
 * A channel that is made of pictures of others: what filters and mosaics have in common.
 *
 * ```text
 *   nobody reads ─────────── a subscriber comes ──────────▶ inputs are read
 *        ▲                                                         │
 *        └── the last one goes: frames of inputs are given back, ──┘
 *            a GPU is through with them, the work ends
 * ```
 */
import { isSluiceError } from '../../core/index.js';
import {
  type CloseReason,
  type FramePublisher,
  type LoanedFrame,
  openPublisher,
} from '../../bus/index.js';
import type { FrameFormat } from '../../format/index.js';
import { Stream } from '../../gpu/index.js';
import { pixelsKernel } from '../conversion/pixels-kernel.js';
import type { DerivedOptions } from './derived-options.js';
import { LatestFrames } from './latest-frames.js';

/** What is made of the inputs. */
export interface DerivedWork {
  /** Inputs are read from now on. */
  begin(): void;
  /** An input has a newer frame. */
  onFrame(channel: string): void;
  /** Nobody reads any more, and nothing that was enqueued on a GPU is under way. */
  end(): void;
}

export interface DerivedParts<F extends FrameFormat> {
  readonly format: F;
  readonly inputs: readonly string[];
  readonly options: DerivedOptions;
  /** How lists call it unless `options` say. */
  readonly label: string;
}

/** To be closed. */
export class DerivedChannel<F extends FrameFormat> {
  readonly output: FramePublisher<F>;
  /** Undefined where the processor does the work. */
  readonly stream: Stream | undefined;
  /** Resolves when the output has ended; never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #parts: DerivedParts<F>;
  #frames: LatestFrames | undefined;
  #following: Promise<void> = Promise.resolve();
  #end: Promise<void> | undefined;

  private constructor(
    output: FramePublisher<F>,
    stream: Stream | undefined,
    parts: DerivedParts<F>,
  ) {
    this.output = output;
    this.stream = stream;
    this.closed = output.closed;
    this.#parts = parts;
  }

  static async open<F extends FrameFormat>(
    channel: string,
    parts: DerivedParts<F>,
  ): Promise<DerivedChannel<F>> {
    const { format, options } = parts;
    const { memory = 'host', slots, allow, directory, label = parts.label, signal } = options;
    const stream = memory === 'host' ? undefined : await Stream.create({ device: memory });
    try {
      if (stream !== undefined) pixelsKernel(stream.device);
      const output = await openPublisher(channel, {
        ...{ format, memory, label },
        ...(stream === undefined ? {} : { stream }),
        ...(slots === undefined ? {} : { slots }),
        ...(signal === undefined ? {} : { signal }),
        ...(allow === undefined ? {} : { allow }),
        ...(directory === undefined ? {} : { directory }),
      });
      return new DerivedChannel<F>(output as FramePublisher<F>, stream, parts);
    } catch (error) {
      await stream?.close();
      throw error;
    }
  }

  /** The newest frames of the inputs; undefined while nobody reads. */
  get frames(): LatestFrames | undefined {
    return this.#frames;
  }

  /** Works whenever somebody reads, until the end. Once. */
  follow(work: DerivedWork): void {
    this.#following = this.#follow(work);
    void this.closed.then(() => this.close());
  }

  /** Gives a slot to `fill`, which publishes it. Not called when none is free, or the output has ended. */
  publish(fill: (loan: LoanedFrame<F>) => void): void {
    try {
      using loan = this.output.tryLoan();
      if (loan !== undefined) fill(loan);
    } catch (error) {
      // The output has ended, and says why.
      if (!isSluiceError(error, 'CLOSED') && !isSluiceError(error, 'CUDA_ERROR')) throw error;
    }
  }

  /** Idempotent; a second call joins the first. */
  close(): Promise<void> {
    this.#end ??= this.#close();
    return this.#end;
  }

  async #close(): Promise<void> {
    await this.output.close();
    await this.#following;
    await this.stream?.close();
  }

  async #follow(work: DerivedWork): Promise<void> {
    for await (const { subscribers } of this.output.demand()) {
      if (subscribers > 0) this.#start(work);
      else await this.#stop(work);
    }
    await this.#stop(work);
  }

  #start(work: DerivedWork): void {
    if (this.#frames !== undefined) return;
    const { inputs, options } = this.#parts;
    const { label = this.#parts.label, directory, allow, onProblem } = options;
    this.#frames = new LatestFrames({
      ...{ inputs, stream: this.stream, label, directory, allow },
      // A pattern may match what is made of its own channels.
      isExcluded: (channel) => channel === this.output.channel,
      onFrame: (channel) => work.onFrame(channel),
      onFailure: onProblem ?? (() => undefined),
    });
    work.begin();
  }

  async #stop(work: DerivedWork): Promise<void> {
    const frames = this.#frames;
    if (frames === undefined) return;
    this.#frames = undefined;
    await frames.close();
    if (this.stream !== undefined) await this.stream.synchronize().catch(() => undefined);
    work.end();
  }
}
