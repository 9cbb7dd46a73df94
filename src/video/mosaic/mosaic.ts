/**
 * A mosaic: many channels in one picture, at a rate of its own. At each tick every cell is drawn from the newest frame
 * that its input has; no input is ever waited for, and a frame that comes too late is in the next picture.
 */
import { isSluiceError } from '../../core/index.js';
import {
  type CloseReason,
  type FramePublisher,
  openPublisher,
  type PublisherStats,
} from '../../bus/index.js';
import type { VideoFormat } from '../../format/index.js';
import { Stream } from '../../gpu/index.js';
import { pixelsKernel } from '../conversion/pixels-kernel.js';
import { LatestFrames } from '../inputs/latest-frames.js';
import { Canvas } from './canvas.js';
import { checkMosaic, type MosaicOptions, type MosaicPlan } from './options.js';
import { StillPicture } from './still-picture.js';
import { columnsFor, MAX_TILES, tileRegions } from './tile-layout.js';
import { Tile, type TileState } from './tile.js';

/** One input of a mosaic at one moment. */
export interface MosaicInput {
  readonly channel: string;
  readonly state: TileState;
  /** Milliseconds since its newest frame came; since the mosaic began to look when there was none. */
  readonly ageMs: number;
}

/** What a mosaic has done. Plain JSON. */
export interface MosaicStats extends PublisherStats {
  /** Whether somebody watches, so that inputs are read. */
  readonly active: boolean;
  /** In the order of their cells. */
  readonly inputs: readonly MosaicInput[];
  /** Channels that found no cell free. */
  readonly leftOut: number;
}

interface Seen {
  /** When its newest frame came, or when it was first waited for. */
  sinceMs: number;
  since: Date;
  hasFrame: boolean;
}

const BLACK = [0, 0, 0] as const;
/** Who looks for a moment should see the inputs, not that they are being connected to. */
const GATHERING_MS = 1000;

/** A running mosaic. Whoever opened it closes it. */
export class Mosaic implements AsyncDisposable {
  readonly channel: string;
  /** Resolves when the mosaic has ended; never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #inputs: readonly string[];
  readonly #options: MosaicOptions;
  readonly #plan: MosaicPlan;
  readonly #output: FramePublisher<VideoFormat>;
  readonly #stream: Stream | undefined;
  readonly #seen = new Map<string, Seen>();
  #tiles: readonly Tile[] = [];
  #empty: readonly StillPicture[] = [];
  /** In host memory. A GPU draws all cells of every picture: that costs less than to keep them. */
  #canvas: Canvas | undefined;
  #frames: LatestFrames | undefined;
  #timer: NodeJS.Timeout | undefined;
  #leftOut = 0;
  #startedMs = 0;
  readonly #following: Promise<void>;
  #end: Promise<void> | undefined;

  private constructor(
    output: FramePublisher<VideoFormat>,
    inputs: readonly string[],
    options: MosaicOptions,
    plan: MosaicPlan,
    stream: Stream | undefined,
  ) {
    this.channel = output.channel;
    this.closed = output.closed;
    this.#inputs = inputs;
    this.#options = options;
    this.#plan = plan;
    this.#output = output;
    this.#stream = stream;
    this.#following = this.#follow();
    void this.closed.then(() => this.close());
  }

  /** @internal */
  static async open(
    channel: string,
    inputs: readonly string[],
    options: MosaicOptions,
  ): Promise<Mosaic> {
    const plan = checkMosaic(channel, inputs, options);
    const { memory = 'host', slots, allow, directory, label = 'sluice mosaic', signal } = options;
    const stream = memory === 'host' ? undefined : await Stream.create({ device: memory });
    try {
      if (stream !== undefined) pixelsKernel(stream.device);
      const output = await openPublisher(channel, {
        ...{ format: plan.format, memory, label },
        ...(stream === undefined ? {} : { stream }),
        ...(slots === undefined ? {} : { slots }),
        ...(signal === undefined ? {} : { signal }),
        ...(allow === undefined ? {} : { allow }),
        ...(directory === undefined ? {} : { directory }),
      });
      return new Mosaic(output, inputs, options, plan, stream);
    } catch (error) {
      await stream?.close();
      throw error;
    }
  }

  stats(): MosaicStats {
    const nowMs = performance.now();
    const inputs = this.#tiles.map(({ channel }) => {
      const seen = this.#seen.get(channel)!;
      return { channel, state: this.#stateOf(seen, nowMs), ageMs: nowMs - seen.sinceMs };
    });
    const active = this.#frames !== undefined;
    return Object.freeze({ ...this.#output.stats(), active, inputs, leftOut: this.#leftOut });
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
    await this.#stream?.close();
  }

  /** Inputs are read for as long as somebody watches. */
  async #follow(): Promise<void> {
    for await (const { subscribers } of this.#output.demand()) {
      if (subscribers > 0) this.#start();
      else await this.#stop();
    }
    await this.#stop();
  }

  #start(): void {
    if (this.#frames !== undefined) return;
    this.#startedMs = performance.now();
    const { label = 'sluice mosaic', directory, allow, onProblem } = this.#options;
    for (const channel of this.#plan.named) this.#await(channel);
    this.#frames = new LatestFrames(
      {
        ...{ inputs: this.#inputs, stream: this.#stream, label, directory, allow },
        onFrame: (channel) => this.#onFrame(channel),
        onFailure: onProblem ?? (() => undefined),
      },
      (channel) => channel === this.channel,
    );
    this.#layOut();
    this.#schedule(performance.now());
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#timer);
    const frames = this.#frames;
    this.#frames = undefined;
    await frames?.close();
    if (this.#stream !== undefined) await this.#stream.synchronize().catch(() => undefined);
    this.#closeTiles();
    this.#seen.clear();
  }

  #await(channel: string): void {
    this.#seen.set(channel, { sinceMs: performance.now(), since: new Date(), hasFrame: false });
  }

  #onFrame(channel: string): void {
    const known = this.#seen.get(channel);
    if (known !== undefined) {
      known.sinceMs = performance.now();
      known.since = new Date();
      known.hasFrame = true;
      return;
    }
    if (this.#seen.size >= MAX_TILES) {
      this.#leftOut += 1;
      this.#frames?.forget(channel);
      return;
    }
    this.#await(channel);
    this.#onFrame(channel);
    this.#layOut();
  }

  /** Those that are named first, as they were named; then the others by their names. */
  #layOut(): void {
    this.#closeTiles();
    const { format, columns, labels, filter, named } = this.#plan;
    const others = [...this.#seen.keys()].filter((channel) => !named.includes(channel)).sort();
    const channels = [...named, ...others];
    const wide = columns ?? columnsFor(channels.length);
    const regions = tileRegions(channels.length, format, wide);
    const stream = this.#stream;
    this.#tiles = channels.map((channel, index) => {
      const region = regions[index]!;
      return new Tile({ channel, target: format, region, stream, labels, filter });
    });
    this.#empty = regions
      .slice(channels.length)
      .map((region) => StillPicture.color(BLACK, format, region, stream));
    const canvas = stream === undefined ? new Canvas(format) : undefined;
    if (canvas !== undefined) for (const still of this.#empty) still.paint(canvas.planes);
    this.#canvas = canvas;
  }

  #closeTiles(): void {
    for (const part of [...this.#tiles, ...this.#empty]) part.close();
    this.#tiles = [];
    this.#empty = [];
    this.#canvas = undefined;
  }

  /** By the clock since the start: what one picture is late is not added to the next. Pictures that are missed are. */
  #schedule(dueMs: number): void {
    const nowMs = performance.now();
    const periodMs = 1000 / this.#plan.framesPerSecond;
    const nextMs = Math.max(dueMs, nowMs - periodMs);
    this.#timer = setTimeout(
      () => {
        this.#tick();
        if (this.#frames !== undefined) this.#schedule(nextMs + periodMs);
      },
      Math.max(0, nextMs - nowMs),
    );
  }

  #tick(): void {
    this.#letGo();
    if (this.#isGathering()) return;
    try {
      using loan = this.#output.tryLoan();
      if (loan === undefined) return;
      const nowMs = performance.now();
      const canvas = this.#canvas;
      const planes = canvas?.planes ?? loan.planes;
      if (canvas === undefined) for (const still of this.#empty) still.paint(planes);
      for (const tile of this.#tiles) {
        const seen = this.#seen.get(tile.channel)!;
        const frame = this.#frames?.peek(tile.channel);
        const state = this.#stateOf(seen, nowMs);
        tile.draw(frame, state, clockTime(seen.since), planes);
      }
      canvas?.copyTo(loan.bytes);
      loan.publish(this.#stream === undefined ? {} : { stream: this.#stream });
    } catch (error) {
      // The output has ended, and says why.
      if (!isSluiceError(error, 'CLOSED') && !isSluiceError(error, 'CUDA_ERROR')) throw error;
    }
  }

  /** At the start, until the inputs that are named have a frame, and one at least has. */
  #isGathering(): boolean {
    if (performance.now() - this.#startedMs > GATHERING_MS) return false;
    const all = [...this.#seen.values()];
    return all.length === 0 || !all.every(({ hasFrame }) => hasFrame);
  }

  #stateOf({ hasFrame, sinceMs }: Seen, nowMs: number): TileState {
    if (!hasFrame) return 'waiting';
    return nowMs - sinceMs > this.#plan.staleMs ? 'dead' : 'live';
  }

  /** Channels of patterns that have been silent for long. */
  #letGo(): void {
    const nowMs = performance.now();
    const { named, leaveMs } = this.#plan;
    const gone = [...this.#seen].filter(
      ([channel, { sinceMs }]) => !named.includes(channel) && nowMs - sinceMs > leaveMs,
    );
    for (const [channel] of gone) {
      this.#seen.delete(channel);
      this.#frames?.forget(channel);
    }
    if (gone.length > 0) this.#layOut();
  }
}

/** Of the wall clock here: 14:03:22. */
function clockTime(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
}

/**
 * Opens a mosaic: the pictures of `inputs` (1 to 36 names and patterns) in one picture, in the channel `output`. It works
 * only while somebody watches. Rejects with `TypeError`, `RangeError`, and as `openPublisher`.
 */
export function openMosaic(
  output: string,
  inputs: readonly string[],
  options: MosaicOptions = {},
): Promise<Mosaic> {
  return Mosaic.open(output, inputs, options);
}
