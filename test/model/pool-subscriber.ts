/** What a subscriber of frames does with the frame pool, one call into the real code an operation. */
import { lowWord } from '../../src/core/index.js';
import { POOL_RECORD_WORDS, Slot } from '../../src/layout/index.js';
import type { Doorbell, PoolReader } from '../../src/ring/index.js';
import type { Move, Program, Summary } from './automaton.js';
import type { PoolParts, PoolReaderPlan } from './pool-plan.js';
import { declareAtom } from './snapshot.js';

type ReaderPhase =
  'join' | 'look' | 'fence' | 'read' | 'release' | 'let go' | 'arm' | 'sleep' | 'end';

export class PoolSubscriber implements Program {
  readonly name: string;
  private phase: ReaderPhase;
  private reader: PoolReader | undefined;
  private readonly doorbell: Doorbell;
  private readonly page: Int32Array;
  private lease = -1;
  /** With two leases: the frame before, kept while the next one is read. */
  private kept = -1;
  private finishing = false;
  private lostFrom: number | undefined;

  constructor(
    private readonly parts: PoolParts,
    private readonly index: number,
    start: number,
  ) {
    this.name = `reader ${index}`;
    this.page = parts.pages[index] as Int32Array;
    this.doorbell = parts.code.readerDoorbell(this.page);
    const isLate = this.plan.late === true;
    this.phase = isLate ? 'join' : 'look';
    if (!isLate) this.reader = this.connect(start);
  }

  private get plan(): PoolReaderPlan {
    return this.parts.plan.readers[this.index] as PoolReaderPlan;
  }

  private connect(lastSequence: number): PoolReader {
    const { code, control, geometry } = this.parts;
    const { delivery, maxLag = 0, leases = 1, share = { index: 0, count: 1 } } = this.plan;
    const options = declareAtom({ delivery, maxLag, leases, lastSequence, share });
    return new code.PoolReader(control.words, this.page, geometry, options);
  }

  summary(): Summary {
    const { phase, reader, lostFrom } = this;
    return {
      phase,
      asleep: phase === 'sleep',
      ended: phase === 'end',
      ...(reader === undefined ? {} : { done: lowWord(reader.lastSequence) | 0 }),
      ...(lostFrom === undefined ? {} : { lostFrom }),
    };
  }

  moves(): readonly Move[] {
    if (this.phase === 'end') return [];
    if (this.phase === 'fence' && !this.finishing) {
      return [
        { name: 'fence reached', run: () => this.awaitFence() },
        { name: 'ended', run: () => this.endOfFences() },
      ];
    }
    if (this.phase !== 'sleep') return [{ name: this.phase, run: () => this.main() }];
    return [
      { name: 'woken', run: () => this.woken() },
      { name: 'ended', run: () => this.ended() },
    ];
  }

  private main(): void {
    switch (this.phase) {
      case 'join': {
        const { position } = this.parts.sockets.awaitWelcome(this.index);
        this.reader = this.connect(position);
        this.phase = 'look';
        return;
      }
      case 'look':
        return this.look(this.reader as PoolReader);
      case 'fence':
        return this.lookAtFence();
      case 'read':
        return this.read(this.reader as PoolReader);
      case 'release':
        return this.release(this.lease, 'look');
      case 'let go':
        return this.release(this.kept, this.finishing ? 'look' : 'arm');
      case 'arm':
        this.phase = this.doorbell.mustLookAgain() ? 'look' : 'sleep';
        if (this.phase === 'look') return;
        if (this.parts.plan.plant === 'wakes drained after the last look') {
          this.parts.sockets.drain(this.index);
        }
        return;
    }
  }

  private woken(): void {
    this.parts.sockets.awaitWake(this.index);
    this.doorbell.woken();
    this.phase = 'look';
  }

  private ended(): void {
    this.parts.sockets.awaitEnd(this.index);
    this.finishing = true;
    this.phase = this.parts.plan.plant === 'no look after the end of the socket' ? 'end' : 'look';
  }

  private look(reader: PoolReader): void {
    const before = reader.lastSequence;
    this.lostFrom = undefined;
    this.lease = reader.tryClaim();
    this.account(reader, before);
    if (this.lease >= 0) {
      this.phase = this.parts.plan.deferred === true ? 'fence' : 'read';
      if (this.parts.plan.plant === 'a unit lowers the doorbell') this.doorbell.woken();
    } else if (this.lease !== this.parts.code.Claim.nothing) {
      this.parts.memory.fail(`an honest publisher, but the claim says ${this.lease}`);
    } else if (this.kept >= 0) this.phase = 'let go';
    else this.phase = this.finishing ? 'end' : 'arm';
    this.wakeIfAsked(reader);
  }

  /** Every sequence passed is delivered, skipped or lost, once. */
  private account(reader: PoolReader, before: number): void {
    const passed = reader.lastSequence - before;
    const { index, count } = this.plan.share ?? { index: 0, count: 1 };
    let members = 0;
    for (let i = 1; i <= passed; i++) if ((before + i) % count === index) members++;
    const delivered = this.lease >= 0 ? 1 : 0;
    if (this.lease >= 0 && this.lease === this.kept) {
      this.parts.memory.fail('a lease word was taken while it is in use');
    }
    if (this.plan.delivery === 'latest' && count === 1 && delivered === 0 && passed > 0) {
      this.parts.memory.fail('the newest frame was passed over although none is newer');
    }
    if (passed < 0) this.parts.memory.fail('the reader went backwards');
    if (members !== reader.skipped + reader.lost + delivered) {
      this.parts.memory.fail(
        `${members} frames passed, but ${delivered} delivered, ${reader.skipped} skipped and ` +
          `${reader.lost} lost`,
      );
    }
    if (delivered === 1 && reader.sequenceOf(this.lease) !== reader.lastSequence) {
      this.parts.memory.fail('the claimed frame is not the last one passed');
    }
    if (reader.lost > 0) this.lostFrom = lowWord(before) | 0;
    reader.skipped = 0;
    reader.lost = 0;
  }

  private check(reader: PoolReader, lease: number): void {
    const at = reader.slotOf(lease) * 2;
    const stamp = lowWord(reader.sequenceOf(lease)) | 0;
    for (let word = 0; word < (this.parts.plan.payloadWords ?? 1); word++) {
      const found = this.parts.data[at + word];
      if (found !== stamp) this.parts.memory.fail(`torn: frame ${stamp} shows ${found}`);
    }
  }

  /** The reader polls the fence; in steps, it waits until the word is the sequence. */
  private awaitFence(): void {
    const { control, memory } = this.parts;
    memory.awaitWord(control.words, this.fence, this.claimedLow);
    this.phase = 'read';
  }

  private endOfFences(): void {
    this.parts.sockets.awaitEnd(this.index);
    this.finishing = true;
  }

  /** The publisher died: what it had announced and not written never comes. */
  private lookAtFence(): void {
    const isThere = this.parts.control.words[this.fence] === this.claimedLow;
    this.phase = isThere ? 'read' : 'release';
  }

  private get fence(): number {
    const { recordsOffset } = this.parts.geometry;
    const slot = (this.reader as PoolReader).slotOf(this.lease);
    return recordsOffset / 4 + slot * POOL_RECORD_WORDS + Slot.fenceLow;
  }

  private get claimedLow(): number {
    return lowWord((this.reader as PoolReader).sequenceOf(this.lease)) | 0;
  }

  private read(reader: PoolReader): void {
    this.check(reader, this.lease);
    if ((this.plan.leases ?? 1) < 2) {
      this.phase = 'release';
      return;
    }
    if (this.kept >= 0) this.check(reader, this.kept);
    const older = this.kept;
    this.kept = this.lease;
    this.lease = older;
    this.phase = older >= 0 ? 'release' : 'look';
  }

  private release(lease: number, next: ReaderPhase): void {
    const reader = this.reader as PoolReader;
    reader.release(lease);
    // What the word held is not looked at again: equal states should be equal.
    (reader as unknown as { sequences: Float64Array }).sequences[lease] = 0;
    if (lease === this.kept) this.kept = -1;
    this.lease = -1;
    this.phase = next;
    this.wakeIfAsked(reader);
  }

  private wakeIfAsked(reader: PoolReader): void {
    if (!reader.mustWakePublisher) return;
    reader.mustWakePublisher = false;
    if (this.parts.plan.plant !== 'a reader rings nobody') this.parts.sockets.wakePublisher();
  }
}
