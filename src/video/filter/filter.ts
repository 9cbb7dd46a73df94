/**
 * A filter: pictures of channels as tensors or other pictures in a channel of its own.
 *
 * ```text
 *   nobody reads ──────────── a subscriber comes ───────────▶ inputs are read
 *        ▲                                                          │ a frame of any input
 *        │ the last one goes: inputs and their frames are let go    ▼
 *        └──────────────────────────────────────────── collecting: the newest frame of each input
 *                                                                   │ all that are expected have one,
 *                                                                   ▼ or maxWaitMs have passed
 *                                                      convert into a loan, say of what, publish
 * ```
 *
 * An input is expected in the next batch when it was in the last one or came since. One that fails to come once delays
 * one batch by `maxWaitMs` and is not waited for until it is there again. Without a batch nothing is ever waited for.
 * All of it is one thread: a frame that comes while another is converted replaces the one before it.
 */
import { isSluiceError } from '../../core/index.js';
import {
  type CloseReason,
  type FramePublisher,
  type LoanedFrame,
  type MessagePublisher,
  openPublisher,
  type PublisherStats,
} from '../../bus/index.js';
import type { JsonFormat, TensorFormat, VideoFormat } from '../../format/index.js';
import { Stream } from '../../gpu/index.js';
import { planPicture, planTensor } from '../../pixels/index.js';
import { elementByteLength } from '../../tensor/index.js';
import { type ConversionTarget, FrameConverter } from '../conversion/frame-converter.js';
import { pixelsKernel } from '../conversion/pixels-kernel.js';
import { LatestFrames, type VideoFrame } from '../inputs/latest-frames.js';
import { describeInput, filterInputs, type FilterInputs } from './filter-inputs.js';
import {
  checkFilter,
  DEFAULT_WAIT_MS,
  type FilterOptions,
  type FilterPlan,
  isTensorTarget,
} from './options.js';

/** More channels than a group has at once. */
const MOST_CONVERTERS = 512;

type Output = TensorFormat<'data'> | VideoFormat;

/** What a filter has done. Plain JSON. */
export interface FilterStats extends PublisherStats {
  /** Pictures converted: as many as frames, or more in batches. */
  readonly pictures: number;
  /** Whether somebody reads, so that inputs are read. */
  readonly active: boolean;
  /** Channels whose frames go in at the moment. */
  readonly inputs: readonly string[];
}

/** A running filter. Whoever opened it closes it. */
export class Filter implements AsyncDisposable {
  readonly channel: string;
  /** Resolves when the filter has ended; never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #inputs: readonly string[];
  readonly #options: FilterOptions;
  readonly #plan: FilterPlan;
  readonly #output: FramePublisher<Output>;
  readonly #sources: MessagePublisher<JsonFormat<FilterInputs>> | undefined;
  readonly #stream: Stream | undefined;
  readonly #converters = new Map<string, FrameConverter>();
  readonly #waiting = new Set<string>();
  #expected = new Set<string>();
  #frames: LatestFrames | undefined;
  #timer: NodeJS.Timeout | undefined;
  #pictures = 0;
  #sequence = 0;
  #following: Promise<void>;
  #end: Promise<void> | undefined;

  private constructor(parts: FilterParts) {
    this.channel = parts.output.channel;
    this.closed = parts.output.closed;
    this.#inputs = parts.inputs;
    this.#options = parts.options;
    this.#plan = parts.plan;
    this.#output = parts.output;
    this.#sources = parts.sources;
    this.#stream = parts.stream;
    this.#following = this.#follow();
    void this.closed.then(() => this.close());
  }

  /** @internal */
  static async open(
    channel: string,
    inputs: readonly string[],
    options: FilterOptions,
  ): Promise<Filter> {
    const plan = checkFilter(channel, inputs, options);
    const { memory = 'host', slots, allow, directory, label = 'sluice filter', signal } = options;
    const common = {
      label,
      ...(signal === undefined ? {} : { signal }),
      ...(allow === undefined ? {} : { allow }),
      ...(directory === undefined ? {} : { directory }),
    };
    const stream = memory === 'host' ? undefined : await Stream.create({ device: memory });
    let output: FramePublisher<Output> | undefined;
    try {
      if (stream !== undefined) pixelsKernel(stream.device);
      output = await openPublisher<Output>(channel, {
        ...common,
        format: plan.format,
        memory,
        ...(slots === undefined ? {} : { slots }),
        ...(stream === undefined ? {} : { stream }),
      });
      const isTensor = isTensorTarget(options.to);
      const format = filterInputs();
      const sources = isTensor
        ? await openPublisher(`${channel}/inputs`, { ...common, format, whenFull: 'overwrite' })
        : undefined;
      return new Filter({ inputs, options, plan, output, sources, stream });
    } catch (error) {
      await output?.close();
      await stream?.close();
      throw error;
    }
  }

  stats(): FilterStats {
    const active = this.#frames !== undefined;
    const inputs = [...this.#expected].sort();
    return Object.freeze({ ...this.#output.stats(), pictures: this.#pictures, active, inputs });
  }

  /** Ends it. Idempotent; a second call joins the first. */
  close(): Promise<void> {
    this.#end ??= this.#close();
    return this.#end;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#output.close();
    await this.#following;
    await this.#sources?.close();
    await this.#stream?.close();
  }

  /** Inputs are read for as long as somebody reads what is made of them. */
  async #follow(): Promise<void> {
    for await (const { subscribers } of this.#output.demand()) {
      if (subscribers > 0) this.#start();
      else await this.#stop();
    }
    await this.#stop();
  }

  #start(): void {
    if (this.#frames !== undefined) return;
    const { label = 'sluice filter', directory, allow, onProblem } = this.#options;
    const onFailure = onProblem ?? (() => undefined);
    this.#frames = new LatestFrames(
      {
        ...{ inputs: this.#inputs, stream: this.#stream, label, directory, allow, onFailure },
        onFrame: (channel) => this.#onFrame(channel),
      },
      (channel) => channel === this.channel,
    );
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const frames = this.#frames;
    this.#frames = undefined;
    this.#waiting.clear();
    this.#expected.clear();
    await frames?.close();
    if (this.#stream !== undefined) await this.#stream.synchronize().catch(() => undefined);
    for (const converter of this.#converters.values()) converter.close();
    this.#converters.clear();
  }

  #onFrame(channel: string): void {
    this.#waiting.add(channel);
    this.#expected.add(channel);
    const { batch } = this.#plan;
    const isWhole =
      batch === undefined ||
      this.#waiting.size >= batch ||
      [...this.#expected].every((expected) => this.#waiting.has(expected));
    if (isWhole) this.#publish();
    else {
      const { maxWaitMs = DEFAULT_WAIT_MS } = this.#options;
      this.#timer ??= setTimeout(() => {
        this.#expected = new Set(this.#waiting);
        this.#publish();
      }, maxWaitMs);
    }
  }

  #publish(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const frames = this.#takeFrames();
    if (frames.length === 0) return;
    try {
      using loan = this.#output.tryLoan();
      if (loan !== undefined) this.#fill(loan, frames);
    } catch (error) {
      // The output has ended, and says why.
      if (!isSluiceError(error, 'CLOSED') && !isSluiceError(error, 'CUDA_ERROR')) throw error;
    } finally {
      for (const frame of frames) if (!frame.released) frame.release();
    }
  }

  /** Those that came first, as many as fit, each with a converter. */
  #takeFrames(): VideoFrame[] {
    const most = this.#plan.batch ?? 1;
    const taken: VideoFrame[] = [];
    for (const channel of this.#waiting) {
      if (taken.length === most) break;
      this.#waiting.delete(channel);
      const frame = this.#frames?.take(channel);
      if (frame !== undefined && this.#isUsable(frame)) taken.push(frame);
    }
    return taken;
  }

  /** A picture whose colours cannot be converted is left out, and said once a format. */
  #isUsable(frame: VideoFrame): boolean {
    let converter = this.#converters.get(frame.channel);
    if (converter === undefined) {
      this.#dropConverters();
      converter = new FrameConverter((source) => this.#planOf(source), this.#stream);
      this.#converters.set(frame.channel, converter);
    }
    try {
      converter.planFor(frame);
      return true;
    } catch (error) {
      if (!isSluiceError(error, 'UNSUPPORTED')) throw error;
      this.#expected.delete(frame.channel);
      this.#options.onProblem?.(frame.channel, error);
      frame.release();
      return false;
    }
  }

  /** Of channels that come and go under a pattern. */
  #dropConverters(): void {
    if (this.#converters.size < MOST_CONVERTERS) return;
    for (const [channel, converter] of this.#converters) {
      if (this.#expected.has(channel)) continue;
      converter.close();
      this.#converters.delete(channel);
    }
  }

  #planOf(source: VideoFormat) {
    const { to, fit, padding, filter } = this.#options;
    const options = {
      ...(fit === undefined ? {} : { fit }),
      ...(padding === undefined ? {} : { padding }),
      ...(filter === undefined ? {} : { filter }),
    };
    if (isTensorTarget(to)) return planTensor(source, to, options);
    return planPicture(source, this.#plan.format as VideoFormat, options);
  }

  #fill(loan: LoanedFrame<Output>, frames: readonly VideoFrame[]): void {
    const stream = this.#stream;
    const described = frames.map((frame, index) => {
      const converter = this.#converters.get(frame.channel)!;
      converter.run(frame, this.#targetOf(loan, index));
      return describeInput(frame, converter.planFor(frame).placement);
    });
    const newest = frames.reduce((a, b) => (b.captureTimeNs > a.captureTimeNs ? b : a));
    const { epoch } = this.#output.manifest;
    const sequence = this.#sequence + 1;
    this.#sources?.trySend({ epoch, sequence, inputs: described }, { frame: newest });
    const shape = this.#plan.batch === undefined ? undefined : this.#shapeOf(frames.length);
    this.#sequence = loan.publish({
      source: newest,
      ...(stream === undefined ? {} : { stream }),
      ...(shape === undefined ? {} : { shape }),
    });
    this.#pictures += frames.length;
  }

  #shapeOf(pictures: number): readonly number[] {
    const { tensors } = this.#plan.format as TensorFormat<'data'>;
    return [pictures, ...tensors.data.shape.slice(1)];
  }

  /** The planes of a picture, or the part of the tensor that is picture `index`. */
  #targetOf(loan: LoanedFrame<Output>, index: number): readonly ConversionTarget[] {
    if (loan.format.kind === 'video') return loan.planes;
    const { to } = this.#options;
    const { dtype, shape } = loan.format.tensors.data;
    const element = elementByteLength(dtype);
    const picture = (this.#plan.batch === undefined ? shape : shape.slice(1)) as readonly number[];
    const pictureBytes = picture.reduce((count, length) => count * length, element);
    const isPlanar = isTensorTarget(to) && to.layout === 'chw';
    const pitchBytes = to.width * element * (isPlanar ? 1 : picture.at(-1)!);
    const offset = index * pictureBytes;
    const isHost = this.#stream === undefined;
    return [
      {
        pitchBytes,
        bytes: isHost ? loan.bytes.subarray(offset, offset + pictureBytes) : new Uint8Array(),
        pointer: isHost ? 0n : loan.pointer + BigInt(offset),
      },
    ];
  }
}

interface FilterParts {
  readonly inputs: readonly string[];
  readonly options: FilterOptions;
  readonly plan: FilterPlan;
  readonly output: FramePublisher<Output>;
  readonly sources: MessagePublisher<JsonFormat<FilterInputs>> | undefined;
  readonly stream: Stream | undefined;
}

/**
 * Opens a filter: the pictures of `inputs` (names, patterns) as tensors or as pictures of another format, in the channel
 * `output`. It works only while somebody reads the output. Tensors have a second channel, `<output>/inputs`, that says
 * of what each was made. Rejects with `TypeError`, `RangeError`, and as `openPublisher`.
 */
export function openFilter(
  output: string,
  inputs: readonly string[],
  options: FilterOptions,
): Promise<Filter> {
  return Filter.open(output, inputs, options);
}
