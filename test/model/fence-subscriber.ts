/** What a subscriber whose GPU reads the frames does, one turn of its event loop an operation. */
import { lowWord } from '../../src/core/index.js';
import { Header, Page, POOL_RECORD_WORDS, Slot } from '../../src/layout/index.js';
import type { FenceReader, PoolReader } from '../../src/ring/index.js';
import type { Move, Program, Summary } from './automaton.js';
import type { FenceParts, FenceReaderPlan, Work } from './fence-plan.js';
import { declareAtom } from './snapshot.js';

type Phase =
  | 'join'
  | 'look'
  | 'idle'
  | 'full'
  | 'use'
  | 'poll'
  | 'snapshot'
  | 'poison'
  | 'drain'
  | 'closing'
  | 'end';

/** Work queued on the stream, not yet seen to be through. */
interface Queued {
  readonly job: number;
  readonly slot: number;
  readonly sequence: number;
  readonly lease: number;
  /** False: the publisher died before the data was there, whatever comes later. */
  valid: boolean;
}

export class FenceSubscriber implements Program {
  readonly name: string;
  private phase: Phase;
  private reader: PoolReader | undefined;
  private fences: FenceReader | undefined;
  private readonly page: Int32Array;
  private lease = -1;
  private jobs = 0;
  private readonly queued: Queued[] = [];
  private finishing = false;
  private closes = false;

  constructor(
    private readonly parts: FenceParts,
    private readonly index: number,
    private readonly start: number,
  ) {
    this.name = `reader ${index}`;
    this.page = parts.pages[index] as Int32Array;
    const isLate = this.plan.late === true;
    this.phase = isLate ? 'join' : 'look';
    if (!isLate) this.connect(start, start + 1);
  }

  private get plan(): FenceReaderPlan {
    return this.parts.plan.readers[this.index] as FenceReaderPlan;
  }

  private connect(lastSequence: number, mirroredFrom: number): void {
    const { code, control, geometry } = this.parts;
    const { delivery, maxLag = 0, leases = 1 } = this.plan;
    const share = { index: 0, count: 1 };
    const options = declareAtom({ delivery, maxLag, leases, lastSequence, share });
    this.reader = new code.PoolReader(control.words, this.page, geometry, options);
    this.fences = new code.FenceReader(control.words, this.page, geometry, mirroredFrom);
  }

  summary(): Summary {
    const { phase, reader, closes } = this;
    const done = reader === undefined || closes ? undefined : lowWord(reader.lastSequence) | 0;
    return {
      phase,
      asleep: phase === 'idle',
      ended: phase === 'end',
      ...(done === undefined ? {} : { done }),
    };
  }

  moves(): readonly Move[] {
    const ended: Move = { name: 'ended', run: () => this.ended() };
    switch (this.phase) {
      case 'end':
        return [];
      case 'idle': {
        const moves = [{ name: 'new frame', run: () => this.awaitFrame() }, ended];
        if (this.plan.closes === true) moves.push({ name: 'close', run: () => this.close() });
        return moves;
      }
      case 'full':
        return [{ name: 'lease free', run: () => this.awaitLease() }, ended];
      case 'poll':
        return [{ name: 'fence reached', run: () => this.awaitFence() }, ended];
      case 'drain':
        return this.drain();
      case 'closing':
        return this.closing(ended);
      default:
        return [{ name: this.phase, run: () => this.main() }];
    }
  }

  private main(): void {
    const reader = this.reader as PoolReader;
    switch (this.phase) {
      case 'join': {
        const { position, sequence } = this.parts.sockets.awaitWelcome(this.index);
        // It begins with the newest frame, which may be under way.
        this.connect(Math.max(position - 1, this.start), sequence);
        this.phase = 'look';
        return;
      }
      case 'look':
        return this.look(reader);
      case 'use':
        return this.use(reader, this.fences as FenceReader);
      case 'snapshot':
        return this.decide(this.fences as FenceReader);
      case 'poison':
        this.fences?.poison();
        this.phase = 'drain';
        return;
    }
  }

  private look(reader: PoolReader): void {
    this.lease = reader.tryClaim();
    const { Claim } = this.parts.code;
    if (this.lease >= 0) {
      this.settle(this.lease);
      this.phase = 'use';
    } else if (this.lease === Claim.nothing) this.phase = this.finishing ? 'drain' : 'idle';
    else if (this.lease === Claim.noLease) this.phase = this.finishing ? 'drain' : 'full';
    else this.parts.memory.fail(`an honest publisher, but the claim says ${this.lease}`);
  }

  private use(reader: PoolReader, fences: FenceReader): void {
    const { lease } = this;
    const slot = reader.slotOf(lease);
    const sequence = reader.sequenceOf(lease);
    const way = fences.wayToWait(slot, sequence);
    if (way === 'poll' && !this.finishing) {
      this.phase = 'poll';
      return;
    }
    this.phase = 'look';
    if (way === 'poll') reader.release(lease);
    else this.enqueue(reader, way === 'queue');
    // What the word held is not looked at again: equal states should be equal.
    (reader as unknown as { sequences: Float64Array }).sequences[lease] = 0;
    this.lease = -1;
  }

  /** Wait, read and release in stream order. */
  private enqueue(reader: PoolReader, waits: boolean): void {
    const { lease } = this;
    const slot = reader.slotOf(lease);
    const sequence = reader.sequenceOf(lease);
    const job = this.jobs++;
    const work: Work[] = waits ? [{ do: 'wait', slot, sequence }] : [];
    work.push({ do: 'read', slot, sequence, job });
    const { plant } = this.parts.plan;
    if (plant !== 'the CPU releases') work.push({ do: 'release', lease, slot });
    this.parts.readerQueues[this.index]?.push(job, work);
    if (plant === 'the CPU releases') {
      reader.release(lease);
      return;
    }
    reader.releaseQueued(lease);
    this.queued.push({ job, slot, sequence, lease, valid: true });
  }

  private awaitFrame(): void {
    const last = lowWord((this.reader as PoolReader).lastSequence);
    this.parts.memory.awaitChange(this.parts.control.words, Header.head, last | 0);
    this.phase = 'look';
  }

  private awaitLease(): void {
    this.awaitLanded(this.queued[0] as Queued);
    this.phase = 'look';
  }

  /** A CPU polls the fence; in steps, it waits until the word is the sequence. */
  private awaitFence(): void {
    const { control, geometry, memory } = this.parts;
    const reader = this.reader as PoolReader;
    const record = geometry.recordsOffset / 4 + reader.slotOf(this.lease) * POOL_RECORD_WORDS;
    const low = lowWord(reader.sequenceOf(this.lease)) | 0;
    if (low === 0) memory.awaitChange(control.words, record + Slot.fenceHigh, 0);
    else memory.awaitWord(control.words, record + Slot.fenceLow, low);
    this.phase = 'use';
  }

  private ended(): void {
    this.parts.sockets.awaitEnd(this.index);
    this.finishing = true;
    this.phase = 'snapshot';
  }

  /** What is not complete now is lost: a fence that a dying GPU reaches later says nothing about what was read. */
  private decide(fences: FenceReader): void {
    const { plant } = this.parts.plan;
    if (plant !== 'decided after the poison') {
      for (const each of this.queued) each.valid = fences.reached(each.slot, each.sequence);
    }
    this.parts.poisoned[this.index] = 1;
    fences.publisherEnded();
    this.phase = 'poison';
  }

  /** Until the stream is idle; then a frame still held, those not yet looked at, and again. */
  private drain(): readonly Move[] {
    const [first] = this.queued;
    if (first === undefined) return [{ name: 'drained', run: () => this.drained() }];
    const landed: Move = {
      name: 'landed',
      run: () => {
        this.awaitLanded(first);
        this.settle(first.lease);
      },
    };
    if (this.parts.plan.plant === 'poison once') return [landed];
    return [landed, { name: 'poison again', run: () => this.fences?.poison() }];
  }

  private drained(): void {
    const reader = this.reader as PoolReader;
    if (this.lease >= 0) this.phase = 'use';
    else if (this.closes) this.shut();
    else if (reader.lag === 0) this.phase = 'end';
    else this.phase = 'look';
  }

  private close(): void {
    this.closes = true;
    this.phase = 'closing';
  }

  private closing(ended: Move): readonly Move[] {
    const [first] = this.queued;
    if (first === undefined || this.parts.plan.plant === 'closed at once') {
      return [{ name: 'close', run: () => this.shut() }];
    }
    const landed: Move = {
      name: 'landed',
      run: () => {
        this.awaitLanded(first);
        this.settle(first.lease);
      },
    };
    return this.parts.plan.plant === 'close() is deaf' ? [landed] : [landed, ended];
  }

  private shut(): void {
    this.parts.sockets.close(this.index);
    this.queued.length = 0;
    this.phase = 'end';
  }

  private awaitLanded({ lease, slot }: Queued): void {
    this.parts.memory.awaitChange(this.page, Page.lease + lease, slot + 1);
    if (this.reader?.landed(lease) !== true) this.parts.memory.fail('a release came to nothing');
  }

  /** The work that had this lease is through: what it read must be what it was taken for. */
  private settle(lease: number): void {
    const at = this.queued.findIndex((each) => each.lease === lease);
    if (at < 0) return;
    const [through] = this.queued.splice(at, 1) as [Queued];
    if (!this.finishing) return;
    const { memory, plan, torn } = this.parts;
    const isTorn = (torn[this.index] as Int32Array)[through.job] === 1;
    const isValid =
      plan.plant === 'decided after the poison'
        ? this.fences?.reached(through.slot, through.sequence) === true
        : through.valid;
    if (isTorn && isValid) memory.fail(`torn: frame ${through.sequence} passes for complete`);
  }
}
