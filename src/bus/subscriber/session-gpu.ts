/**
 * What a session has beside its pool when a GPU reads the frames: waits before the reader's work and releases behind
 * it, both in stream order, so that the processor waits for neither.
 *
 * The reader page is registered with the driver: streams wait on its mirror words and clear its lease words. It stays
 * registered, mapped and connected until every such store has landed; a publisher that saw the connection end before
 * would give away slots that are still being read.
 */
import type { SluiceError } from '../../core/index.js';
import {
  enqueueWait64,
  enqueueWaitEvent,
  enqueueWrite32,
  Event,
  type GpuDevice,
  isStickyCudaError,
  registerHostMemory,
  type Registration,
  useDevice,
} from '../../gpu/index.js';
import { Page } from '../../layout/index.js';
import type { Region } from '../../memory/index.js';
import { FenceReader, type PoolReader } from '../../ring/index.js';
import { Landing } from '../landing.js';
import type { SharedEvents } from '../local-streams.js';
import {
  addStreamWaiter,
  atQuietMoment,
  removeStreamWaiter,
  type StreamWaiter,
} from '../quiet-moment.js';
import type { FenceWatch } from './fence-guard.js';
import type { FrameLease } from './frame-lease.js';

/** How long a reader that closes waits for frames under way: far longer than a GPU that works takes for any. */
const CLOSE_PATIENCE_MS = 3000;

export class SessionGpu implements StreamWaiter {
  readonly device: GpuDevice;
  readonly fences: FenceReader;
  /** The second thread that looks after the streams; undefined where none of them can be left waiting. */
  readonly watch: FenceWatch | undefined;
  readonly #reader: PoolReader;
  /** Where publisher and subscriber are in one thread. */
  readonly #shared: SharedEvents | undefined;
  readonly #page: Registration;
  readonly #landing = new Landing();
  /** Streams that were told to wait for a frame: what a publisher's death could leave waiting for ever. */
  readonly #waiting = new Set<number>();
  /** Frames that a stream was told to wait for, some of them complete by now. */
  readonly #waited = new Set<FrameLease>();
  /** Leases that a stream will clear, by lease word. */
  readonly #queued = new Map<number, FrameLease>();
  /** Why the GPU is lost to this process. */
  #failure: SluiceError | undefined;

  constructor(
    device: GpuDevice,
    page: Region,
    reader: PoolReader,
    fences: FenceReader,
    channel: string,
    shared: SharedEvents | undefined,
    watch: (() => FenceWatch) | undefined,
  ) {
    this.device = device;
    this.fences = fences;
    this.#reader = reader;
    this.#shared = shared;
    useDevice(device);
    this.#page = registerHostMemory(new Uint8Array(page.buffer), {
      device,
      attempt: `register the reader page of ${channel} with the GPU`,
    });
    try {
      this.watch = watch?.();
    } catch (error) {
      this.#page.close();
      throw error;
    }
    addStreamWaiter(this);
  }

  /** Work that is enqueued in `stream` from here on runs when the frame is complete. */
  wait(stream: number, lease: FrameLease): void {
    useDevice(this.device);
    const { slot, sequence } = lease;
    const event =
      sequence >= (this.#shared?.from ?? Infinity) ? this.#shared?.bySlot[slot] : undefined;
    if (event !== undefined) return enqueueWaitEvent(stream, event);
    const address = this.#page.devicePointer + FenceReader.mirrorOffsetBytes(slot);
    enqueueWait64(stream, address, sequence);
    this.#waiting.add(stream);
    this.#waited.add(lease);
  }

  get waits(): boolean {
    if (this.#failure !== undefined) return false;
    this.#forgetLanded();
    for (const lease of this.#waited) {
      // A slot that was given back may show another frame: the stream is through with this one.
      const isThrough = lease.ended && this.#queued.get(lease.word) !== lease;
      if (!isThrough && !this.fences.reached(lease.slot, lease.sequence)) return true;
      this.#waited.delete(lease);
    }
    return false;
  }

  /** Gives the lease back behind the work that is in `stream`, and in each of `others`, now. */
  release(lease: FrameLease, stream: number, others: Iterable<number>): void {
    useDevice(this.device);
    for (const other of others) {
      if (other !== stream) this.#order(other, stream);
    }
    enqueueWrite32(stream, this.#page.devicePointer + (Page.lease + lease.word) * 4, 0);
    this.#forgetLanded();
    this.#queued.set(lease.word, lease);
    this.#reader.releaseQueued(lease.word);
  }

  /** Gives a lease back that no stream reads under. */
  giveBack(word: number): void {
    this.watch?.clear(word);
    this.#reader.release(word);
  }

  /** Leases that a stream has not cleared yet. */
  get queued(): readonly FrameLease[] {
    this.#forgetLanded();
    return [...this.#queued.values()];
  }

  /**
   * The publisher is dead. Which frames are lost is decided first, by this thread or the guard, and those who depend
   * on them hear of it; only then the streams are freed, again and again until they are idle, because the last stores
   * of a dying GPU come late.
   */
  publisherEnded(held: Iterable<FrameLease>): void {
    this.watch?.publisherEnds();
    for (const lease of [...held, ...this.queued]) {
      if (lease.fenceState() === 'lost') lease.lose();
    }
    this.fences.publisherEnded();
    this.fences.poison();
    this.watch?.publisherEnded();
    const passed = [...this.#waiting].map((stream) => this.#mark(stream));
    this.#landing.when(
      () => {
        this.fences.poison();
        return this.#failure !== undefined || passed.every((event) => this.#reached(event));
      },
      () => {
        for (const event of passed) event?.close();
        this.watch?.remove();
      },
    );
  }

  /**
   * Calls `done` once no stream names this session's memory any more. A publisher that lives and never completes a frame
   * keeps nobody from closing: after a while `giveUp` is called, to take its frames for lost.
   */
  whenIdle(done: () => void, giveUp: () => void): void {
    const sinceMs = performance.now();
    let isPatient = true;
    const isIdle = (): boolean => {
      if (this.#isIdle()) return this.watch?.remove() !== false;
      if (isPatient && performance.now() - sinceMs >= CLOSE_PATIENCE_MS) {
        isPatient = false;
        giveUp();
      }
      return false;
    };
    this.#landing.when(
      atQuietMoment(isIdle),
      // Behind whatever else is waited for: a stream that was freed by poison must have read on.
      () => void this.#afterLanding(done),
    );
  }

  async #afterLanding(done: () => void): Promise<void> {
    await this.#landing.settled;
    done();
  }

  /** The GPU answers no more: nothing that was enqueued will land, and nothing of it reads any more. */
  fail(error: SluiceError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const word of this.#queued.keys()) this.giveBack(word);
    this.#queued.clear();
    this.#landing.look();
  }

  /** Keeps the process alive until nothing is waited for. */
  settle(): Promise<void> {
    return this.#landing.settle();
  }

  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** Only when idle. */
  close(): void {
    removeStreamWaiter(this);
    useDevice(this.device);
    this.#page.close();
  }

  #isIdle(): boolean {
    return this.#failure !== undefined || this.queued.length === 0;
  }

  /** What is in `before` now runs before what comes into `after`. */
  #order(before: number, after: number): void {
    const event = Event.create({ device: this.device.index });
    try {
      event.record(BigInt(before));
      enqueueWaitEvent(after, event);
    } finally {
      // The driver keeps it until the streams have passed it.
      event.close();
    }
  }

  #mark(stream: number): Event | undefined {
    try {
      useDevice(this.device);
      const event = Event.create({ device: this.device.index });
      event.record(BigInt(stream));
      return event;
    } catch (error) {
      this.#noteFailure(error);
      return undefined;
    }
  }

  #reached(event: Event | undefined): boolean {
    try {
      useDevice(this.device);
      return event === undefined || event.reached;
    } catch (error) {
      this.#noteFailure(error);
      return true;
    }
  }

  #noteFailure(error: unknown): void {
    if (!isStickyCudaError(error)) throw error;
    this.fail(error as SluiceError);
  }

  #forgetLanded(): void {
    for (const word of this.#queued.keys()) {
      if (this.#reader.landed(word)) this.#queued.delete(word);
    }
  }
}
