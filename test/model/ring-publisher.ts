/** What a publisher of messages does with a ring, one call into the real code an operation. */
import { distance32, lowWord } from '../../src/core/index.js';
import { Page } from '../../src/layout/index.js';
import type { Doorbell, MessageHeader, RingReaderEntry, RingWriter } from '../../src/ring/index.js';
import type { Move, Program, Summary } from './automaton.js';
import { payloadOf, type RingParts, type RingReaderPlan } from './ring-plan.js';
import type { Plant } from './plant.js';
import { declareAtom } from './snapshot.js';

const HEADER: MessageHeader = declareAtom({
  type: 0,
  key: false,
  ptsNs: 0,
  extended: false,
  idLow: 0,
  idHigh: 0,
  dtsNs: 0,
  captureTimeNs: 0,
});

export class RingPublisher implements Program {
  readonly name = 'publisher';
  private phase: 'write' | 'arm' | 'ring' | 'sleep' | 'done' = 'write';
  private step = 0;
  /** Messages of the current batch that are written. */
  private written = 0;
  /** Between arming and the look after it, in which the event loop has no turn. */
  private isLooking = false;
  private readonly writer: RingWriter;
  private readonly doorbell: Doorbell;
  private readonly entries: (RingReaderEntry | undefined)[];
  private readonly gone: boolean[];
  /** By reader: passed over, and not yet seen with room again. */
  private readonly passed: boolean[];

  constructor(private readonly parts: RingParts) {
    const { code, control, geometry, plan } = parts;
    const Writer = plan.layout === 'slots' ? code.SlotsWriter : code.BytesWriter;
    const now = (): number => (plan.samples === true ? lowWord(this.writer.head) : 0);
    this.writer = new Writer(control, geometry, { start: plan.start ?? 0, now });
    this.doorbell = new code.Doorbell(() => this.writer.roster.arm());
    this.gone = plan.readers.map(() => false);
    this.passed = plan.readers.map(() => false);
    this.entries = plan.readers.map((reader, index) =>
      reader.late === undefined ? this.admit(index, this.writer.head) : undefined,
    );
  }

  get head(): number {
    return this.writer.head;
  }

  private admit(reader: number, position: number): RingReaderEntry {
    const { budget = 0 } = this.parts.plan.readers[reader] as RingReaderPlan;
    const page = this.parts.pages[reader] as Int32Array;
    return this.writer.addReader({ page, budget }, position);
  }

  summary(): Summary {
    return { phase: this.phase, ended: this.phase === 'done' };
  }

  moves(): readonly Move[] {
    const moves: Move[] = [];
    const { plan } = this.parts;
    const isRunning = this.phase !== 'done';
    if (isRunning && this.phase !== 'sleep') {
      moves.push({ name: this.phase, run: () => this.main() });
    }
    if (this.phase === 'arm' || this.isLooking) return moves;
    if (isRunning && plan.policy !== 'drop') moves.push({ name: 'woken', run: () => this.woken() });
    if (this.phase === 'sleep' && plan.policy === 'pass over') {
      moves.push({ name: 'pass over', run: () => this.passOver() });
    }
    for (const [reader, { late }] of plan.readers.entries()) {
      if (this.entries[reader] === undefined) {
        if (late !== undefined && this.gone[reader] !== true) {
          moves.push({ name: 'admit', run: () => this.join(reader, late) });
        }
      } else if (plan.readersDie === true) {
        moves.push({ name: 'discard', run: () => this.discard(reader) });
      }
    }
    return moves;
  }

  private main(): void {
    switch (this.phase) {
      case 'write':
        return this.write();
      case 'arm':
        this.isLooking = this.doorbell.mustLookAgain();
        this.phase = this.isLooking ? 'write' : 'sleep';
        return;
      case 'ring': {
        const { sockets } = this.parts;
        this.writer.roster.ring((entry) => sockets.wakeReader(this.entries.indexOf(entry)));
        this.phase = 'write';
        return this.finishStep();
      }
    }
  }

  private get lengths(): readonly number[] {
    const entry = this.parts.plan.messages[this.step] ?? [];
    return typeof entry === 'number' ? [entry] : entry;
  }

  /** The rest of a batch whose beginning is written, or the next batch. */
  private write(): void {
    const { plan } = this.parts;
    const lengths = this.lengths.slice(this.written);
    let sequence = this.writer.startAtHead().sequence;
    const payloads = lengths.map((words) => {
      const payload = payloadOf(sequence, words);
      sequence += plan.layout === 'slots' ? this.writer.unitsFor(words * 4) : 1;
      return payload;
    });
    if (plan.samples === true) this.writer.sampleNext();
    this.seeWhoHasRoom();
    const isBatch = payloads.length > 1;
    const count = isBatch
      ? this.writer.tryWriteBatch(payloads, HEADER)
      : Number(this.writer.tryWrite(payloads[0] as Uint8Array, HEADER));
    this.isLooking = false;
    this.checkBudgets(count);
    this.written += count;
    const isDropped = count < payloads.length && plan.policy === 'drop';
    if (isDropped) this.written = this.lengths.length;
    if (count === payloads.length && plan.lowers === 'when served') this.doorbell.woken();
    if (count > 0) this.phase = 'ring';
    else if (isDropped) this.finishStep();
    else this.phase = 'arm';
  }

  private finishStep(): void {
    if (this.written < this.lengths.length) return;
    this.written = 0;
    this.step++;
    this.phase = this.step === this.parts.plan.messages.length ? 'done' : 'write';
  }

  private lag(reader: number): number {
    const page = this.parts.pages[reader] as Int32Array;
    return distance32(lowWord(this.writer.head), Atomics.load(page, Page.cursor));
  }

  /** Who was passed over and has room again by now, before the writer looks itself. */
  private seeWhoHasRoom(): void {
    for (const [reader, entry] of this.entries.entries()) {
      if (entry === undefined || this.passed[reader] !== true) continue;
      // The writer looks again after one write-ahead and then needs room for one more.
      const isBack = entry.budget - this.lag(reader) >= 2 * this.writer.writeAhead;
      if (isBack) this.passed[reader] = false;
    }
  }

  /** A write that puts a reader beyond its budget needs an earlier decision to pass over it. */
  private checkBudgets(count: number): void {
    if (count === 0 || this.parts.plan.policy !== 'pass over') return;
    for (const [reader, entry] of this.entries.entries()) {
      if (entry === undefined || entry.budget === 0 || this.passed[reader] === true) continue;
      if (this.lag(reader) > entry.budget) {
        this.parts.memory.fail(`reader ${reader} had caught up and is passed over again`);
      }
    }
  }

  private forgets(planted: Plant): boolean {
    const { plan } = this.parts;
    return plan.plant === planted || plan.lowers === 'when served';
  }

  /** The event loop reads a WAKE, whether somebody waits for it or not. */
  private woken(): void {
    this.parts.sockets.awaitPublisherWake();
    if (this.phase === 'sleep') this.phase = 'write';
    else if (this.forgets('a WAKE that nobody waits for is forgotten')) return;
    this.doorbell.woken();
  }

  private passOver(): void {
    const words = this.lengths[this.written] as number;
    this.writer.passOver(this.writer.unitsFor(words * 4));
    for (const [reader, entry] of this.entries.entries()) {
      if (entry?.passedOver === true) this.passed[reader] = true;
    }
    this.phase = 'write';
  }

  private join(reader: number, late: 'head' | 'newest' | 'oldest'): void {
    const { writer } = this;
    const start =
      late === 'head'
        ? writer.startAtHead()
        : late === 'newest'
          ? writer.startAtNewest()
          : writer.startAt(1);
    this.entries[reader] = this.admit(reader, start.position);
    // The new page's flag is down whatever the doorbell says: the next wait must arm again.
    if (!this.forgets('a join leaves the doorbell as it is')) this.doorbell.woken();
    this.parts.sockets.welcome(reader, start.position, start.sequence);
  }

  private discard(reader: number): void {
    this.parts.sockets.awaitClosed(reader);
    this.writer.removeReader(this.entries[reader] as RingReaderEntry);
    this.entries[reader] = undefined;
    this.gone[reader] = true;
    if (this.parts.plan.plant === 'a discarded page wakes nobody') return;
    this.doorbell.woken();
    if (this.phase === 'sleep') this.phase = 'write';
  }
}
