/** The publishing end of a frame channel. */
import { isDeepStrictEqual } from 'node:util';
import { assertInteger, isSluiceError, SluiceError } from '../../core/index.js';
import { completeFormat, frameByteLength, type FrameFormat } from '../../format/index.js';
import { HeaderDouble, MAX_POOL_SLOTS } from '../../layout/index.js';
import { Doorbell, NO_SLOT, type FrameRecord } from '../../ring/index.js';
import {
  closedError,
  type CloseReason,
  type Endpoint,
  type PublisherStats,
  type Status,
  type SubscriberInfo,
  type WaitOptions,
} from '../endpoint.js';
import { EventLoopTurn } from '../event-loop-turn.js';
import type { Manifest } from '../directory/manifest.js';
import { ChannelOwner } from './channel-owner.js';
import { demandOf, type Demand } from './demand.js';
import { defaultSlots, slotsNeeded } from './frame-slots.js';
import { FrameStream } from './frame-stream.js';
import { LoanedFrame, type PublishOptions } from './loaned-frame.js';
import { checkPublisherOptions, DEFAULT_PATIENCE_MS, type PublisherOptions } from './options.js';

/** How often to look while a frame's data is still being written: a fence rings nobody. */
const FENCE_POLL_MS = 1;
/** How long `close()` waits for a GPU to complete what was published. */
const CLOSE_PATIENCE_MS = 1000;

/**
 * Publishes frames: a slot is borrowed (`tryLoan`, `loan`), written in place and handed over by its `publish()`, or
 * bytes are copied in by `send()`. Every subscriber reads the one slot. Stands behind its loans as their `LoanHost`.
 */
export class FramePublisher<F extends FrameFormat> implements Endpoint<PublisherStats> {
  readonly channel: string;
  readonly closed: Promise<CloseReason>;
  readonly #owner: ChannelOwner<FrameStream<F>>;
  readonly #options: PublisherOptions<F>;
  readonly #patienceMs: number;
  readonly #loans = new Set<LoanedFrame<F>>();
  readonly #doorbell: Doorbell;
  readonly #turn = new EventLoopTurn();
  #passedOver = 0;
  #closing = false;
  /** Totals of the epochs before. */
  #earlier = { published: 0, bytes: 0, dropped: 0 };

  private constructor(owner: ChannelOwner<FrameStream<F>>, options: PublisherOptions<F>) {
    this.#owner = owner;
    this.#options = options;
    this.#patienceMs = options.patienceMs ?? DEFAULT_PATIENCE_MS;
    this.channel = owner.channel;
    this.closed = owner.closed;
    this.#doorbell = new Doorbell(() => this.#owner.stream.writer.roster.arm());
    owner.describe = () => this.stats();
    owner.onFreed = () => this.#doorbell.woken();
    this.#follow(owner.stream);
    owner.onClosing = () => {
      this.#keepTotals();
      this.#revokeLoans();
    };
    owner.onTick = () => this.#lookAtGpu();
    owner.countPublished(() => owner.stream.writer.published);
  }

  static async open<F extends FrameFormat>(
    channel: string,
    options: PublisherOptions<F>,
  ): Promise<FramePublisher<F>> {
    checkPublisherOptions(options, 'frame');
    const owner = await ChannelOwner.open(
      channel,
      options,
      (identity) => new FrameStream<F>(identity, options),
    );
    return new FramePublisher(owner, options);
  }

  get manifest(): Manifest {
    return this.#owner.stream.manifest;
  }

  /** The format of the current epoch. */
  get format(): F {
    return this.#owner.stream.format;
  }

  get subscribers(): readonly SubscriberInfo[] {
    return this.#owner.infos();
  }

  /**
   * A slot to write into, or undefined when none is free (by `whenFull: 'drop'`, one more in `stats().dropped`).
   * Never waits. Throws `CLOSED`.
   */
  tryLoan(): LoanedFrame<F> | undefined {
    const loan = this.#take();
    if (loan === undefined && this.#options.whenFull !== 'wait') this.#countDrop();
    return loan;
  }

  /** A slot to write into, as soon as one is free. Rejects with `CLOSED` or the signal's reason. */
  async loan({ signal }: WaitOptions = {}): Promise<LoanedFrame<F>> {
    const startedMs = performance.now();
    if (this.#turn.isOver) await this.#turn.pass();
    for (;;) {
      signal?.throwIfAborted();
      const loan = this.#take();
      if (loan !== undefined) return loan;
      if (this.#doorbell.mustLookAgain()) continue;
      this.#turn.waited();
      await this.#waitForSlot(startedMs, signal);
      this.#doorbell.woken();
    }
  }

  /**
   * Copies `data` into a slot and publishes it: `data` holds the whole frame, laid out as the format says.
   * Returns the sequence, or undefined when no slot is free.
   */
  send(data: ArrayBufferView, options: PublishOptions = {}): number | undefined {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const needed = this.#owner.stream.frameBytes;
    if (
      bytes.byteLength > needed ||
      (bytes.byteLength < needed && options.byteLength === undefined)
    ) {
      throw new RangeError(
        `send(): a frame of this format has ${needed} bytes, got ${bytes.byteLength}; pass byteLength for a shorter one`,
      );
    }
    const loan = this.tryLoan();
    if (loan === undefined) return undefined;
    try {
      const sequence = loan.publishCopy(bytes, options);
      if (sequence === undefined && this.#options.whenFull !== 'wait') this.#countDrop();
      return sequence;
    } finally {
      loan[Symbol.dispose]();
    }
  }

  /**
   * Says that the data of a frame published `deferred` is complete now. False when the frame is not known any more.
   */
  complete(sequence: number): boolean {
    assertInteger('sequence', sequence, 1, Number.MAX_SAFE_INTEGER);
    this.#assertOpen('complete()');
    const completed = this.#owner.stream.writer.complete(sequence);
    if (completed) this.#owner.stream.writer.roster.ring(this.#owner.wakeReader);
    return completed;
  }

  /**
   * Starts a new epoch: another format, another number of slots. Subscribers go over by themselves once they have
   * read what was published before. Loans that are out end here. Does nothing when nothing would change.
   */
  async setFormat(format: F, { slots }: { readonly slots?: number } = {}): Promise<void> {
    this.#assertOpen('setFormat()');
    const complete = completeFormat(format) as F;
    const current = this.#owner.stream;
    if (isDeepStrictEqual(complete, current.format) && (slots ?? current.slots) === current.slots)
      return;
    const { manifest, writer } = current;
    const options = { ...this.#options, format: complete, slots: this.#slotsFor(complete, slots) };
    const next = new FrameStream<F>(
      { ...manifest, epoch: manifest.epoch + 1 },
      options,
      writer.published,
    );
    const totals = this.#totals();
    try {
      this.#owner.replaceStream(next);
    } catch (error) {
      next.close();
      throw error;
    }
    this.#earlier = totals;
    this.#revokeLoans();
    this.#follow(next);
  }

  /** What subscribers were granted goes on in the next epoch, so it must have the slots for it. */
  #slotsFor(format: F, wanted: number | undefined): number {
    const grants = [...this.#owner.members.values()].map(({ grant }) => grant);
    const needed = slotsNeeded(grants);
    if (wanted === undefined) {
      return Math.max(needed, this.#options.slots ?? defaultSlots(frameByteLength(format)));
    }
    assertInteger('slots', wanted, 2, MAX_POOL_SLOTS);
    if (wanted >= needed) return wanted;
    throw new SluiceError(
      'LEASES_EXHAUSTED',
      `setFormat(): ${this.channel} has ${grants.length} subscribers that were granted ${needed} slots in all, ` +
        `${wanted} are too few`,
      {
        details: { slots: wanted, neededSlots: needed },
        remedy: `Pass slots: ${needed} or more, or leave it out.`,
      },
    );
  }

  /** Who reads at the moment, again at each change: what a source may sleep by. The present state comes first. */
  demand(options: WaitOptions = {}): AsyncIterable<Demand> {
    return demandOf(this.#owner, options.signal);
  }

  stats(): PublisherStats {
    const { writer, slots } = this.#owner.stream;
    const totals = this.#totals();
    return Object.freeze({
      ...totals,
      ratePerSecond: this.#owner.ratePerSecond,
      subscribers: this.#owner.members.size,
      slotsHeld: this.#owner.end === undefined ? writer.slotsHeld() : 0,
      slots,
      passedOver: this.#passedOver,
    });
  }

  status({ signal }: WaitOptions = {}): AsyncIterable<Status> {
    return this.#owner.status(signal);
  }

  /** Ends the channel, once what streams still write is there: a frame that was published is not lost by it. */
  async close(): Promise<void> {
    const { stream } = this.#owner;
    this.#closing = true;
    if (this.#owner.end === undefined && stream.gpu !== undefined) {
      await stream.untilComplete(CLOSE_PATIENCE_MS);
    }
    await this.#owner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal */
  publishLoan(
    loan: LoanedFrame<F>,
    stream: FrameStream<F>,
    slot: number,
    record: FrameRecord,
    options: PublishOptions,
  ): number {
    const sequence = this.#announce(stream, slot, record, options);
    this.#loans.delete(loan);
    stream.writer.roster.ring(this.#owner.wakeReader);
    // What was the newest frame until now may be taken: another loan() can be waiting for that slot.
    this.#owner.freed.notify();
    return sequence;
  }

  /** When the GPU does not take the work, parts of it may have been enqueued: the slot cannot be had back, nor others. */
  #announce(
    stream: FrameStream<F>,
    slot: number,
    record: FrameRecord,
    options: PublishOptions,
  ): number {
    try {
      return stream.publish(slot, record, options);
    } catch (error) {
      if (isSluiceError(error, 'CUDA_ERROR')) void this.#owner.close({ reason: 'failed', error });
      throw error;
    }
  }

  /** Readers wait for frames that a lost GPU will never complete, and only the end of the channel frees them. */
  #lookAtGpu(): void {
    const { gpu, writer } = this.#owner.stream;
    const error = gpu !== undefined && writer.hasPending() ? gpu.failure : undefined;
    if (error !== undefined) void this.#owner.close({ reason: 'failed', error });
  }

  #follow(stream: FrameStream<F>): void {
    stream.onFault = (error) => void this.#owner.close({ reason: 'failed', error });
    stream.onFreed = () => {
      this.#doorbell.woken();
      this.#owner.freed.notify();
    };
  }

  /** @internal */
  giveBack(loan: LoanedFrame<F>, stream: FrameStream<F>, slot: number): void {
    this.#loans.delete(loan);
    stream.giveBack(slot);
    this.#owner.freed.notify();
  }

  #take(): LoanedFrame<F> | undefined {
    this.#assertOpen('loan()');
    const stream = this.#owner.stream;
    const slot = stream.writer.tryTake();
    if (slot === NO_SLOT) return undefined;
    const loan = new LoanedFrame(this, stream, slot);
    this.#loans.add(loan);
    return loan;
  }

  async #waitForSlot(startedMs: number, signal: AbortSignal | undefined): Promise<void> {
    const stream = this.#owner.stream;
    if (stream.writer.hasPending() || stream.releasesAreSilent)
      return this.#owner.freed.wait(signal, FENCE_POLL_MS);
    if (this.#options.whenFull !== 'wait' || this.#patienceMs === Infinity) {
      return this.#owner.freed.wait(signal);
    }
    const leftMs = this.#patienceMs - (performance.now() - startedMs);
    if (leftMs > 0) return this.#owner.freed.wait(signal, leftMs);
    // What readers did meanwhile counts before they are judged: cursors are read again by passOver itself.
    this.#passedOver += stream.writer.passOver();
    return this.#owner.freed.wait(signal, FENCE_POLL_MS);
  }

  #countDrop(): void {
    const doubles = this.#owner.stream.views.doubles;
    doubles[HeaderDouble.dropped] = (doubles[HeaderDouble.dropped] ?? 0) + 1;
  }

  #totals(): { published: number; bytes: number; dropped: number } {
    if (this.#owner.end !== undefined) return this.#earlier;
    const { doubles } = this.#owner.stream.views;
    return {
      published: this.#earlier.published + (doubles[HeaderDouble.published] ?? 0),
      bytes: this.#earlier.bytes + (doubles[HeaderDouble.bytes] ?? 0),
      dropped: this.#earlier.dropped + (doubles[HeaderDouble.dropped] ?? 0),
    };
  }

  #keepTotals(): void {
    this.#earlier = this.#totals();
  }

  #revokeLoans(): void {
    for (const loan of this.#loans) loan.revoke();
    this.#loans.clear();
  }

  #assertOpen(attempt: string): void {
    const end = this.#owner.end ?? (this.#closing ? { reason: 'closed' as const } : undefined);
    if (end !== undefined) throw closedError(attempt, this.channel, end);
  }
}
