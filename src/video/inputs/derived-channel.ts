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
import { isSluiceError, SluiceError } from '../../core/index.js';
import {
  type CloseReason,
  type FramePublisher,
  type LoanedFrame,
  openPublisher,
} from '../../bus/index.js';
import type { FrameFormat } from '../../format/index.js';
import { type GpuDevice, Stream } from '../../gpu/index.js';
import { overlayKernel, pixelsKernel } from '../conversion/shipped-kernel.js';
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
  /** On a GPU: `LatestFramesOptions.onlyComplete`. */
  readonly onlyComplete: boolean;
  /** How lists call it unless `options` say. */
  readonly label: string;
}

/** To be closed. */
export class DerivedChannel<F extends FrameFormat> {
  readonly output: FramePublisher<F>;
  /** Undefined where the processor does the work. */
  readonly stream: Stream | undefined;
  /** Resolves when the output has ended, by itself or because its work failed; never rejects. */
  readonly closed: Promise<CloseReason>;
  #failure: SluiceError | undefined;
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
    this.closed = output.closed.then((end) =>
      this.#failure === undefined ? end : { reason: 'failed', error: this.#failure },
    );
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
      if (stream !== undefined) loadKernels(stream.device);
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

  /**
   * Runs what is done for the output. A failure ends it, and nobody else in this process: a GPU without memory, for
   * example. One that the output has ended with is told by `closed` already.
   */
  attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Gives a slot to `fill`, which publishes it. Not called when none is free. */
  publish(fill: (loan: LoanedFrame<F>) => void): void {
    this.attempt(() => {
      using loan = this.output.tryLoan();
      if (loan !== undefined) fill(loan);
    });
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
    const { inputs, options, onlyComplete } = this.#parts;
    const { label = this.#parts.label, directory, allow, onProblem } = options;
    this.#frames = new LatestFrames({
      ...{ inputs, stream: this.stream, onlyComplete, label, directory, allow },
      // A pattern may match what is made of its own channels.
      isExcluded: (channel) => channel === this.output.channel,
      onFrame: (channel) => this.attempt(() => work.onFrame(channel)),
      onFailure: onProblem ?? (() => undefined),
    });
    this.attempt(() => work.begin());
  }

  async #stop(work: DerivedWork): Promise<void> {
    const frames = this.#frames;
    if (frames === undefined) return;
    this.#frames = undefined;
    try {
      await frames.close();
      await this.stream?.synchronize();
    } catch (error) {
      this.#fail(error);
    }
    this.attempt(() => work.end());
  }

  #fail(error: unknown): void {
    if (!(error instanceof SluiceError)) throw error;
    if (isSluiceError(error, 'CLOSED')) return;
    this.#failure ??= error;
    void this.close();
  }
}

/** Before there is work to wait for. */
function loadKernels(device: GpuDevice): void {
  pixelsKernel(device);
  overlayKernel(device);
}
