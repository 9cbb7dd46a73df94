/**
 * A filter: pictures of channels as tensors or other pictures in a channel of its own, while somebody reads it.
 *
 * ```text
 *   a frame of any input ──▶ collecting: the newest frame of each input
 *                              │ all that are expected have one,
 *                              ▼ or maxWaitMs have passed
 *                            convert into a loan, say of what, publish
 * ```
 *
 * An input is expected in the next batch when it was in the last one or came since. One that fails to come once delays
 * one batch by `maxWaitMs` and is not waited for until it is there again. Without a batch nothing is ever waited for.
 * All of it is one thread: a frame that comes while another is converted replaces the one before it.
 */
import { isSluiceError } from '../../core/index.js';
import {
  type CloseReason,
  type LoanedFrame,
  type MessagePublisher,
  openPublisher,
  type PublisherStats,
} from '../../bus/index.js';
import type { JsonFormat, TensorFormat, VideoFormat } from '../../format/index.js';
import { planPicture, planTensor } from '../../pixels/index.js';
import { elementByteLength } from '../../tensor/index.js';
import { type ConversionTarget, FrameConverter } from '../conversion/frame-converter.js';
import { DerivedChannel } from '../inputs/derived-channel.js';
import type { VideoFrame } from '../inputs/latest-frames.js';
import { detectionMarks } from '../overlay/detection-marks.js';
import { Overlay } from '../overlay/overlay.js';
import { type RecentDetections, recentDetections } from '../overlay/recent-detections.js';
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

const LABEL = 'sluice filter';

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
  readonly #options: FilterOptions;
  readonly #plan: FilterPlan;
  readonly #derived: DerivedChannel<Output>;
  readonly #sources: MessagePublisher<JsonFormat<FilterInputs>> | undefined;
  readonly #converters = new Map<string, FrameConverter>();
  readonly #waiting = new Set<string>();
  /** Of pictures, not of tensors. */
  readonly #overlay: Overlay | undefined;
  #detections: RecentDetections | undefined;
  #expected = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #pictures = 0;
  #sequence = 0;

  private constructor(
    derived: DerivedChannel<Output>,
    sources: MessagePublisher<JsonFormat<FilterInputs>> | undefined,
    options: FilterOptions,
    plan: FilterPlan,
  ) {
    this.channel = derived.output.channel;
    this.closed = derived.closed;
    this.#derived = derived;
    this.#sources = sources;
    this.#options = options;
    this.#plan = plan;
    const { format } = plan;
    this.#overlay = format.kind === 'video' ? new Overlay(format, derived.stream) : undefined;
    derived.follow({
      begin: () => {
        this.#detections = recentDetections(plan.overlay, options, options.label ?? LABEL);
      },
      onFrame: (channel) => this.#onFrame(channel),
      end: () => this.#letGo(),
    });
    void this.closed.then(() => this.close());
  }

  /** @internal */
  static async open(
    channel: string,
    inputs: readonly string[],
    options: FilterOptions,
  ): Promise<Filter> {
    const plan = checkFilter(channel, inputs, options);
    const parts = { format: plan.format, inputs, options, onlyComplete: false, label: LABEL };
    const derived = await DerivedChannel.open<Output>(channel, parts);
    try {
      const { allow, directory, signal } = options;
      const sources = isTensorTarget(options.to)
        ? await openPublisher(`${channel}/inputs`, {
            ...{ format: filterInputs(), whenFull: 'overwrite', label: options.label ?? LABEL },
            ...(signal === undefined ? {} : { signal }),
            ...(allow === undefined ? {} : { allow }),
            ...(directory === undefined ? {} : { directory }),
          })
        : undefined;
      return new Filter(derived, sources, options, plan);
    } catch (error) {
      await derived.close();
      throw error;
    }
  }

  stats(): FilterStats {
    const { output, frames } = this.#derived;
    const inputs = [...this.#expected].sort();
    const active = frames !== undefined;
    return Object.freeze({ ...output.stats(), pictures: this.#pictures, active, inputs });
  }

  /** Ends it. Idempotent; a second call joins the first. */
  async close(): Promise<void> {
    await this.#derived.close();
    await this.#sources?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #letGo(): void {
    void this.#detections?.close();
    this.#detections = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.clear();
    this.#expected.clear();
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
      this.#derived.publish((loan) => this.#fill(loan, frames));
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
      const frame = this.#derived.frames?.take(channel);
      if (frame !== undefined && this.#isUsable(frame)) taken.push(frame);
    }
    return taken;
  }

  /** A picture whose colours cannot be converted is left out, and said once a format. */
  #isUsable(frame: VideoFrame): boolean {
    let converter = this.#converters.get(frame.channel);
    if (converter === undefined) {
      this.#dropConverters();
      converter = new FrameConverter((source) => this.#planOf(source), this.#derived.stream);
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
    const { stream, output } = this.#derived;
    const described = frames.map((frame, index) => {
      const converter = this.#converters.get(frame.channel)!;
      const target = this.#targetOf(loan, index);
      const { placement } = converter.planFor(frame);
      converter.run(frame, target);
      const found = this.#detections?.of(frame) ?? [];
      this.#overlay?.draw(detectionMarks(found, placement), target);
      return describeInput(frame, placement);
    });
    const sources = frames.toSorted((a, b) => b.captureTimeNs - a.captureTimeNs);
    const { epoch } = output.manifest;
    const sequence = this.#sequence + 1;
    this.#sources?.trySend({ epoch, sequence, inputs: described }, { frame: sources[0]! });
    const shape = this.#plan.batch === undefined ? undefined : this.#shapeOf(frames.length);
    this.#sequence = loan.publish({
      source: sources,
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
    const isHost = this.#derived.stream === undefined;
    return [
      {
        pitchBytes,
        bytes: isHost ? loan.bytes.subarray(offset, offset + pictureBytes) : new Uint8Array(),
        pointer: isHost ? 0n : loan.pointer + BigInt(offset),
      },
    ];
  }
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
