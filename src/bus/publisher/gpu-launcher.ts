/**
 * Brings batches of messages to the GPU and back: takes room in the ring, launches, looks for results, wakes readers.
 *
 * While anything is under way the ring is lent, and the publisher finds no room in it. It gets it back when nothing is,
 * or as soon as somebody wants to send: then no more is launched until it has had its turn. A GPU rings nothing, so
 * the host looks for results: in every turn of the event loop at first, then once a millisecond.
 */
import { distance32, lowWord, SluiceError } from '../../core/index.js';
import { SLOT_PAYLOAD_BYTES, slotsOfMessage } from '../../layout/index.js';
import type { RingStanding, RingWriter } from '../../ring/index.js';
import { type BatchLimits, checkContexts, CONTEXT_BYTES, fillPiece } from './gpu-batch.js';
import { type GpuRing, type LaunchPlan, MAX_LAUNCHES } from './gpu-ring.js';
import type { RingAccess } from './ring-access.js';

/** Where a batch went. */
export interface PublishedBatch {
  /** Sequence of the first message and of the last one. */
  readonly first: number;
  readonly last: number;
  /** Messages published; fewer than asked for only where the publisher drops when the ring is full. */
  readonly count: number;
}

export interface BatchRequest {
  /** Four words a context; undefined: on the device. */
  readonly contexts: Uint32Array | undefined;
  readonly pointer: number;
  /** Longest message. */
  readonly maxBytes: number;
  readonly count: number;
}

/** A batch on its way; made by {@link batchOf}. */
export interface Batch extends BatchRequest {
  /** Messages launched or dropped. */
  next: number;
  first: number;
  last: number;
  published: number;
  settled: boolean;
  readonly resolve: (published: PublishedBatch) => void;
  readonly reject: (reason: unknown) => void;
}

export function batchOf(
  request: BatchRequest,
  resolve: Batch['resolve'],
  reject: Batch['reject'],
): Batch {
  const { contexts, pointer, maxBytes, count } = request;
  const progress = { next: 0, first: 0, last: 0, published: 0, settled: false };
  return { contexts, pointer, maxBytes, count, ...progress, resolve, reject };
}

interface Launched {
  readonly batch: Batch;
  readonly number: number;
  /** Slots reserved for it. */
  readonly units: number;
  readonly messages: number;
  /** End of its contexts among the staged ones, counted without end. */
  readonly stagedEnd: number;
  readonly isLast: boolean;
}

/** How long after the last progress it is looked at in every turn of the event loop, before once a millisecond. */
const EAGER_MS = 1;

export class GpuLauncher {
  /** What it has done. */
  batches = 0;
  launches = 0;
  messages = 0;
  clamped = 0;
  /** Why nothing can be launched any more. */
  failure: unknown;
  readonly #access: RingAccess;
  readonly #writer: RingWriter;
  readonly #ring: GpuRing;
  readonly #limits: BatchLimits;
  readonly #queue: Batch[] = [];
  readonly #underWay: Launched[] = [];
  readonly #piece = { messages: 0, units: 0, last: 0 };
  /** The next launch, once its contexts are staged. */
  #prepared: LaunchPlan | undefined;
  #stagedHead = 0;
  #stagedTail = 0;
  /** Where the ring stands, until the first launch since it was lent. */
  #standing: RingStanding | undefined;
  #fullSinceMs = -1;
  /** Somebody who wanted to send had its turn since the last launch: the next turn is the GPU's. */
  #yielded = false;
  #active = false;
  /** Until a reader lets go, or somebody notifies. */
  #asleep = false;
  #running: Promise<void> | undefined;

  constructor(access: RingAccess, ring: GpuRing, limits: BatchLimits) {
    this.#access = access;
    this.#writer = access.owner.stream.writer;
    this.#ring = ring;
    this.#limits = limits;
  }

  /** Launches at once what there is room for; what follows happens in turns of the event loop. */
  submit(batch: Batch): void {
    this.#queue.push(batch);
    if (this.#active) {
      this.#step();
      if (this.#asleep) this.#access.owner.freed.notify();
      return;
    }
    this.#active = true;
    this.#running = this.#run();
  }

  /** Rejects a batch that is not launched to its end yet, and launches no more of it. */
  cancel(batch: Batch, reason: unknown): void {
    const index = this.#queue.indexOf(batch);
    if (index < 0) return;
    this.#queue.splice(index, 1);
    if (index === 0) this.#forgetStep();
    this.#reject(batch, reason);
    this.#access.owner.freed.notify();
  }

  /**
   * Rejects what is not launched, and with `all` what is not announced, too; resolves when nothing is under way. What was
   * launched is announced in any case.
   */
  async end(error: () => unknown, all: boolean): Promise<void> {
    if (all) for (const { batch } of this.#underWay) this.#reject(batch, error());
    for (const batch of this.#queue.splice(0)) this.#reject(batch, error());
    this.#forgetStep();
    this.#access.owner.freed.notify();
    await this.#running;
  }

  #forgetStep(): void {
    this.#prepared = undefined;
    this.#fullSinceMs = -1;
  }

  async #run(): Promise<void> {
    let progressMs = performance.now();
    for (;;) {
      const progressed = this.#step();
      if (this.#queue.length === 0 && this.#underWay.length === 0) break;
      const nowMs = performance.now();
      if (progressed) progressMs = nowMs;
      if (nowMs - progressMs < EAGER_MS) await nextTurn();
      else await this.#rest();
    }
    // No wait since the last look, so that whoever comes next starts anew.
    this.#giveBack();
    this.#fullSinceMs = -1;
    this.#yielded = false;
    this.#active = false;
  }

  /** One look at everything; true when something moved. Never throws. */
  #step(): boolean {
    try {
      const confirmed = this.#confirm();
      return this.#launchMore() || confirmed;
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  /** Nothing moved for a while: look at the stream's health, or sleep until a reader lets go. */
  async #rest(): Promise<void> {
    const { doorbell, owner, patienceMs } = this.#access;
    if (this.#underWay.length > 0) {
      this.#checkStream();
      await new Promise((resolve) => setTimeout(resolve, 1));
      return;
    }
    if (doorbell.mustLookAgain()) return;
    const leftMs = this.#fullSinceMs + patienceMs - performance.now();
    this.#asleep = true;
    await owner.freed.wait(undefined, leftMs === Infinity ? undefined : Math.max(0, leftMs));
    this.#asleep = false;
    doorbell.woken();
  }

  #checkStream(): void {
    try {
      if (!this.#ring.idle || this.#confirm()) return;
      throw new SluiceError(
        'CUDA_ERROR',
        `the GPU ended a batch of ${this.#access.owner.channel} without announcing it`,
        { details: { launches: this.launches } },
      );
    } catch (error) {
      // The context is lost, or the stream is gone: nothing that was launched writes any more.
      this.#fail(error);
      for (const { batch } of this.#underWay.splice(0)) this.#reject(batch, error);
    }
  }

  /** Launches no more. What is under way is still waited for. */
  #fail(error: unknown): void {
    this.failure ??= error;
    this.#prepared = undefined;
    for (const batch of this.#queue.splice(0)) this.#reject(batch, error);
  }

  #launchMore(): boolean {
    let progressed = false;
    for (;;) {
      const batch = this.#queue[0];
      if (batch === undefined) return progressed;
      if (this.#writer.wanted && !this.#yielded) {
        // Whoever wants to send has its turn before the next launch, and only one: it could fill the ring for ever.
        if (this.#underWay.length > 0) return progressed;
        this.#giveBack();
        this.#yielded = true;
        return true;
      }
      if (!this.#advance(batch)) return progressed;
      progressed = true;
    }
  }

  /** Launches or drops the next step of a batch; false when it must wait. */
  #advance(batch: Batch): boolean {
    if (this.#underWay.length >= MAX_LAUNCHES) return false;
    const plan = (this.#prepared ??= this.#prepare(batch));
    // Refused, it is no longer the first: the next one is looked at.
    if (plan === undefined) return this.#queue[0] !== batch;
    if (!this.#writer.lent) this.#standing = this.#writer.lend();
    if (!this.#writer.reserve(plan.units)) return this.#withoutRoom(batch, plan);
    this.#fullSinceMs = -1;
    this.#launch(batch, plan);
    return true;
  }

  #launch(batch: Batch, plan: LaunchPlan): void {
    const number = this.#ring.launch(plan, this.#standing);
    this.#standing = undefined;
    this.#prepared = undefined;
    this.#yielded = false;
    this.launches++;
    if (plan.contextsPointer === 0) this.#stagedHead += plan.messages;
    batch.next += plan.messages;
    const isLast = batch.next === batch.count;
    this.#underWay.push({
      batch,
      number,
      units: plan.units,
      messages: plan.messages,
      stagedEnd: this.#stagedHead,
      isLast,
    });
    if (isLast) this.#queue.shift();
  }

  /** The next step of a batch; undefined while there is no space for its contexts, and when it was refused. */
  #prepare(batch: Batch): LaunchPlan | undefined {
    return batch.contexts === undefined ? this.#prepareOnDevice(batch) : this.#stage(batch);
  }

  #prepareOnDevice({ pointer, next, count, maxBytes }: Batch): LaunchPlan {
    const { maxUnits, maxMessages } = this.#limits;
    const unitsEach = slotsOfMessage(maxBytes);
    const most = Math.min(Math.floor(maxUnits / unitsEach), maxMessages);
    const messages = Math.min(count - next, most);
    return {
      contextsPointer: pointer + next * CONTEXT_BYTES,
      at: 0,
      messages,
      units: messages * unitsEach,
      last: 0,
      uniform: unitsEach === 1,
      maxBytes,
    };
  }

  #stage(batch: Batch): LaunchPlan | undefined {
    const { stagedCapacity, staged } = this.#ring;
    const { maxMessages } = this.#limits;
    let at = this.#stagedHead % stagedCapacity;
    if (at + maxMessages > stagedCapacity) {
      this.#stagedHead += stagedCapacity - at;
      at = 0;
    }
    if (this.#stagedHead + maxMessages - this.#stagedTail > stagedCapacity) return undefined;
    const piece = this.#piece;
    const contexts = batch.contexts as Uint32Array;
    try {
      fillPiece(contexts, batch.next, this.#limits, piece, staged, at);
      if (batch.next === 0 && piece.messages < batch.count) checkContexts(contexts, this.#limits);
    } catch (error) {
      // The caller's mistake, found before anything of the batch was launched: the others go on.
      this.#queue.shift();
      this.#reject(batch, error);
      return undefined;
    }
    const uniform = piece.units === piece.messages;
    return {
      contextsPointer: 0,
      at,
      messages: piece.messages,
      units: piece.units,
      last: piece.last,
      uniform,
      maxBytes: uniform ? SLOT_PAYLOAD_BYTES : batch.maxBytes,
    };
  }

  /** True when it dropped the step, or passed over who was in the way. */
  #withoutRoom(batch: Batch, plan: LaunchPlan): boolean {
    // What is under way takes room that readers cannot give back yet: no fault of theirs.
    if (this.#underWay.length > 0) return false;
    const nowMs = performance.now();
    if (this.#fullSinceMs < 0) this.#fullSinceMs = nowMs;
    if (nowMs - this.#fullSinceMs >= this.#access.patienceMs) {
      const passed = this.#writer.passOver(plan.units);
      this.#access.countPassedOver(passed);
      if (passed > 0) return true;
    }
    if (this.#access.whenFull !== 'drop') return false;
    this.#access.countDrops(plan.messages);
    this.#prepared = undefined;
    batch.next += plan.messages;
    if (batch.next === batch.count) {
      this.#queue.shift();
      this.#resolve(batch);
    }
    return true;
  }

  /** Takes over what the GPU has announced since the last look. */
  #confirm(): boolean {
    const ring = this.#ring;
    let confirmed = 0;
    for (; confirmed < this.#underWay.length; confirmed++) {
      const launched = this.#underWay[confirmed] as Launched;
      const { batch, number } = launched;
      if (!ring.isAnnounced(number)) break;
      const head = ring.headAfter(number);
      const newestStart = ring.newestStart(number);
      this.#writer.confirm(launched.units, head, newestStart);
      this.#stagedTail = launched.stagedEnd;
      this.clamped += ring.clamped(number);
      this.messages += launched.messages;
      if (batch.published === 0) batch.first = head - ring.units(number) + 1;
      batch.last = head - distance32(lowWord(head), newestStart) + 1;
      batch.published += launched.messages;
      if (launched.isLast) this.#resolve(batch);
    }
    if (confirmed === 0) return false;
    this.#underWay.splice(0, confirmed);
    this.#writer.roster.ring(this.#access.wake);
    return true;
  }

  #giveBack(): void {
    if (!this.#writer.lent) return;
    const { owner } = this.#access;
    this.#writer.takeBack();
    this.#standing = undefined;
    owner.onFreed();
    owner.freed.notify();
  }

  #resolve(batch: Batch): void {
    if (batch.settled) return;
    batch.settled = true;
    this.batches++;
    const { published } = batch;
    const none = this.#writer.head;
    batch.resolve({
      first: published > 0 ? batch.first : none + 1,
      last: published > 0 ? batch.last : none,
      count: published,
    });
  }

  #reject(batch: Batch, reason: unknown): void {
    if (batch.settled) return;
    batch.settled = true;
    batch.reject(reason);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
