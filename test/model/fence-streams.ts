/** GPU streams: they do what was queued, in order, whether the process that queued it lives or not. */
import { highWord, lowWord } from '../../src/core/index.js';
import { Page, POOL_RECORD_WORDS, Slot } from '../../src/layout/index.js';
import type { Move, Program, Summary } from './automaton.js';
import { type FenceParts, type Job, stampOf, type Work, type WorkQueue } from './fence-plan.js';

abstract class GpuStream implements Program {
  abstract readonly name: string;
  private job: Job | undefined;
  private next = 0;

  constructor(
    protected readonly parts: FenceParts,
    private readonly queue: WorkQueue,
    /** Jobs that will ever be queued, at most. */
    private readonly jobs: number,
  ) {}

  summary(): Summary {
    return { phase: this.job === undefined ? 'idle' : 'at work', asleep: this.job === undefined };
  }

  moves(): readonly Move[] {
    const { job } = this;
    if (job !== undefined) return [{ name: 'job', run: () => this.run(job) }];
    return this.next === this.jobs ? [] : [{ name: 'take', run: () => this.take() }];
  }

  private take(): void {
    this.job = this.queue.await(this.next++);
  }

  private run(job: Job): void {
    for (const work of job) this.step(work);
    this.job = undefined;
  }

  protected abstract step(work: Work): void;

  /** Index of the low word of a mirror in its page. */
  protected mirror(slot: number): number {
    return this.parts.code.FenceReader.mirrorOffsetBytes(slot) / 4;
  }
}

export class PublisherStream extends GpuStream {
  readonly name: string;

  constructor(parts: FenceParts, stream: number) {
    super(parts, parts.publisherQueues[stream] as WorkQueue, parts.plan.frames);
    this.name = `P's GPU ${stream}`;
  }

  protected step(work: Work): void {
    const { memory, data, pages, registered, control, geometry } = this.parts;
    if (work.do === 'write') {
      Atomics.store(data, work.slot, stampOf(work.sequence));
    } else if (work.do === 'mirror') {
      if (registered[work.reader] === 0) memory.fail('GPU fault: a store to an unregistered page');
      this.store(pages[work.reader] as Int32Array, this.mirror(work.slot), work.sequence);
    } else if (work.do === 'fence') {
      const record = geometry.recordsOffset / 4 + work.slot * POOL_RECORD_WORDS;
      this.store(control.words, record + Slot.fenceLow, work.sequence);
    }
  }

  private store(words: Int32Array, index: number, sequence: number): void {
    this.parts.memory.storePair(words, index, lowWord(sequence), highWord(sequence));
  }
}

export class ReaderStream extends GpuStream {
  readonly name: string;

  constructor(
    parts: FenceParts,
    private readonly reader: number,
  ) {
    super(parts, parts.readerQueues[reader] as WorkQueue, parts.plan.frames);
    this.name = `R${reader}'s GPU`;
  }

  protected step(work: Work): void {
    const { memory, pages } = this.parts;
    const page = pages[this.reader] as Int32Array;
    if (work.do === 'wait') {
      const { slot, sequence } = work;
      memory.awaitPair(page, this.mirror(slot), lowWord(sequence), highWord(sequence));
    } else if (work.do === 'read') {
      this.read(work.slot, work.sequence, work.job);
    } else if (work.do === 'release') {
      const held = Atomics.exchange(page, Page.lease + work.lease, 0);
      if (held !== work.slot + 1) memory.fail('a stream released a lease that is not its own');
    }
  }

  /** Torn data may only come to a stream that poison let go: its process decides what it is worth. */
  private read(slot: number, sequence: number, job: number): void {
    const { memory, data, poisoned, torn } = this.parts;
    if (data[slot] === stampOf(sequence)) return;
    if (poisoned[this.reader] !== 1) {
      memory.fail(`torn: a GPU that reads frame ${sequence} finds ${data[slot]}`);
    }
    (torn[this.reader] as Int32Array)[job] = 1;
  }
}
