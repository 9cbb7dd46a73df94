/**
 * A mosaic: many channels in one picture, at a rate of its own. At each tick every cell is drawn from the newest frame
 * that its input has; no input is ever waited for, and a frame that comes too late is in the next picture.
 */
import type { CloseReason, LoanedFrame, PublisherStats } from '../../bus/index.js';
import { monotonicNs } from '../../ffi/index.js';
import type { VideoFormat } from '../../format/index.js';
import { DerivedChannel } from '../inputs/derived-channel.js';
import { Overlay } from '../overlay/overlay.js';
import { type RecentDetections, recentDetections } from '../overlay/recent-detections.js';
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

const LABEL = 'sluice mosaic';
const BLACK = [0, 0, 0] as const;
/** Who looks for a moment should see the inputs, not that they are being connected to. */
const GATHERING_MS = 1000;

/** A running mosaic. Whoever opened it closes it. */
export class Mosaic implements AsyncDisposable {
  readonly channel: string;
  /** Resolves when the mosaic has ended; never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #plan: MosaicPlan;
  readonly #derived: DerivedChannel<VideoFormat>;
  readonly #options: MosaicOptions;
  readonly #overlay: Overlay;
  readonly #seen = new Map<string, Seen>();
  #tiles: readonly Tile[] = [];
  #empty: readonly StillPicture[] = [];
  /** In host memory. A GPU draws all cells of every picture: that costs less than to keep them. */
  #canvas: Canvas | undefined;
  #detections: RecentDetections | undefined;
  #timer: NodeJS.Timeout | undefined;
  #leftOut = 0;
  #startedMs = 0;
  /** CLOCK_MONOTONIC, ns: the same moment. */
  #startedNs = 0;

  private constructor(
    derived: DerivedChannel<VideoFormat>,
    options: MosaicOptions,
    plan: MosaicPlan,
  ) {
    this.channel = derived.output.channel;
    this.closed = derived.closed;
    this.#derived = derived;
    this.#options = options;
    this.#plan = plan;
    this.#overlay = new Overlay(plan.format, derived.stream);
    derived.follow({
      begin: () => this.#begin(),
      onFrame: (channel) => this.#onFrame(channel),
      end: () => this.#end(),
    });
  }

  /** @internal */
  static async open(
    channel: string,
    inputs: readonly string[],
    options: MosaicOptions,
  ): Promise<Mosaic> {
    const plan = checkMosaic(channel, inputs, options);
    const { format } = plan;
    const parts = { format, inputs, options, onlyComplete: true, label: LABEL };
    return new Mosaic(await DerivedChannel.open(channel, parts), options, plan);
  }

  stats(): MosaicStats {
    const nowMs = performance.now();
    const inputs = this.#tiles.map(({ channel }) => {
      const seen = this.#seen.get(channel)!;
      return { channel, state: this.#stateOf(seen, nowMs), ageMs: nowMs - seen.sinceMs };
    });
    const { output, frames } = this.#derived;
    const active = frames !== undefined;
    return Object.freeze({ ...output.stats(), active, inputs, leftOut: this.#leftOut });
  }

  /** Ends it. Idempotent; a second call joins the first. */
  close(): Promise<void> {
    return this.#derived.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #begin(): void {
    this.#startedMs = performance.now();
    this.#startedNs = monotonicNs();
    this.#detections = recentDetections(this.#plan, this.#options, this.#options.label ?? LABEL);
    for (const channel of this.#plan.named) this.#await(channel);
    this.#layOut();
    this.#schedule(this.#startedMs);
  }

  #end(): void {
    clearTimeout(this.#timer);
    void this.#detections?.close();
    this.#detections = undefined;
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
      this.#derived.frames?.forget(channel);
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
    const { stream } = this.#derived;
    this.#tiles = channels.map((channel, index) => {
      const region = regions[index]!;
      return new Tile({ channel, target: format, region, stream, labels, filter });
    });
    this.#empty = regions
      .slice(channels.length)
      .map((region) => new StillPicture(BLACK, format, region, stream));
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
    const nextMs = dueMs + Math.max(0, Math.floor((nowMs - dueMs) / periodMs)) * periodMs;
    this.#timer = setTimeout(
      () => {
        // Nobody watches any more, and the last frames are being given back.
        if (this.#derived.frames === undefined) return;
        this.#derived.attempt(() => this.#tick(nextMs));
        this.#schedule(nextMs + periodMs);
      },
      Math.max(0, nextMs - nowMs),
    );
  }

  #tick(dueMs: number): void {
    this.#derived.frames?.look();
    this.#dropSilent();
    if (!this.#isGathering()) this.#derived.publish((loan) => this.#draw(loan, dueMs));
  }

  #draw(loan: LoanedFrame<VideoFormat>, dueMs: number): void {
    const { frames, stream } = this.#derived;
    const [nowMs, captureTimeNs] = [performance.now(), monotonicNs()];
    const canvas = this.#canvas;
    const planes = canvas?.planes ?? loan.planes;
    if (canvas === undefined) for (const still of this.#empty) still.paint(planes);
    const marks = this.#tiles.flatMap((tile) => {
      const seen = this.#seen.get(tile.channel)!;
      const frame = frames?.peek(tile.channel);
      const state = this.#stateOf(seen, nowMs);
      return tile.draw(frame, state, clockTime(seen.since), this.#detections, planes);
    });
    canvas?.copyTo(loan.bytes);
    this.#overlay.draw(marks, loan.planes);
    // Even, however late a timer was: encoders and players go by it.
    const ptsNs = this.#startedNs + Math.round((dueMs - this.#startedMs) * 1e6);
    loan.publish({ captureTimeNs, ptsNs, ...(stream === undefined ? {} : { stream }) });
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

  /** Lets go of channels of patterns that have been silent for long. */
  #dropSilent(): void {
    const nowMs = performance.now();
    const { named, leaveMs } = this.#plan;
    const gone = [...this.#seen].filter(
      ([channel, { sinceMs }]) => !named.includes(channel) && nowMs - sinceMs > leaveMs,
    );
    for (const [channel] of gone) {
      this.#seen.delete(channel);
      this.#derived.frames?.forget(channel);
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
