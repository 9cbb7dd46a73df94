/** What a publisher of frames does with the frame pool, one call into the real code an operation. */
import { lowWord } from '../../src/core/index.js';
import type { Doorbell, FrameRecord, PoolReaderEntry, PoolWriter } from '../../src/ring/index.js';
import type { Move, Program, Summary } from './automaton.js';
import type { PoolParts, PoolReaderPlan } from './pool-plan.js';
import type { Plant } from './plant.js';
import { declareAtom } from './snapshot.js';

const RECORD: FrameRecord = declareAtom({
  flags: 0,
  byteLength: 8,
  ptsNs: 0,
  captureTimeNs: 0,
  publishTimeNs: 0,
  idLow: 1,
  idHigh: 1,
  dims: [],
  userData: undefined,
});

export class PoolPublisher implements Program {
  readonly name = 'publisher';
  private phase: 'take' | 'arm' | 'write' | 'publish' | 'ring' | 'sleep' | 'done' = 'take';
  private tried = 0;
  private slot = -1;
  /** Between arming and the look after it, in which the event loop has no turn. */
  private isLooking = false;
  private readonly writer: PoolWriter;
  private readonly doorbell: Doorbell;
  private readonly entries: (PoolReaderEntry | undefined)[];
  private readonly gone: boolean[];

  /** Frames announced whose data is not there: sequence and slot, the oldest first. */
  private readonly pending: { readonly sequence: number; readonly slot: number }[] = [];

  constructor(private readonly parts: PoolParts) {
    const { code, control, geometry, plan } = parts;
    this.writer = new code.PoolWriter(control, geometry, {
      start: plan.start ?? 0,
      lossless: plan.policy === 'lossless' || plan.policy === 'pass over',
    });
    this.doorbell = new code.Doorbell(() => this.writer.roster.arm());
    this.gone = plan.readers.map(() => false);
    this.entries = plan.readers.map((reader, index) =>
      reader.late === true ? undefined : this.admit(index),
    );
  }

  get published(): number {
    return this.writer.published;
  }

  private admit(reader: number): PoolReaderEntry {
    const { leases = 1, maxLag = 0 } = this.parts.plan.readers[reader] as PoolReaderPlan;
    const page = this.parts.pages[reader] as Int32Array;
    return this.writer.addReader({ page, leases, maxLag }, this.writer.published);
  }

  summary(): Summary {
    return { phase: this.phase, ended: this.phase === 'done' && this.pending.length === 0 };
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
    if (this.pending.length > 0) moves.push({ name: 'complete', run: () => this.complete() });
    if (plan.givesBack === true && this.phase === 'write') {
      moves.push({ name: 'give back', run: () => this.giveBack() });
    }
    for (let reader = 0; reader < plan.readers.length; reader++) {
      const isLate = plan.readers[reader]?.late === true;
      if (this.entries[reader] === undefined) {
        if (isLate && this.gone[reader] !== true)
          moves.push({ name: 'admit', run: () => this.join(reader) });
      } else if (plan.readersDie === true) {
        moves.push({ name: 'discard', run: () => this.discard(reader) });
      }
    }
    return moves;
  }

  private main(): void {
    const { writer, parts } = this;
    switch (this.phase) {
      case 'take':
        return this.take();
      case 'arm':
        this.isLooking = this.doorbell.mustLookAgain();
        this.phase = this.isLooking ? 'take' : 'sleep';
        return;
      case 'write':
        if (parts.plan.deferred !== true) this.write(this.slot, writer.published + 1);
        this.phase = 'publish';
        return;
      case 'publish':
        this.publish();
        this.slot = -1;
        this.phase = 'ring';
        return;
      case 'ring':
        writer.roster.ring((entry) => parts.sockets.wakeReader(this.entries.indexOf(entry)));
        return this.countTry();
    }
  }

  private write(slot: number, sequence: number): void {
    const { data, plan } = this.parts;
    const words = plan.payloadWords ?? 1;
    for (let word = 0; word < words; word++) data[slot * 2 + word] = lowWord(sequence) | 0;
  }

  private publish(): void {
    const deferred = this.parts.plan.deferred === true;
    const sequence = this.writer.publish(this.slot, RECORD, deferred);
    if (deferred) this.pending.push({ sequence, slot: this.slot });
  }

  /** What writes the data knows nothing of the pool: it writes where it was told to. */
  private complete(): void {
    const { sequence, slot } = this.pending.shift() as { sequence: number; slot: number };
    this.write(slot, sequence);
    if (!this.writer.complete(sequence)) this.parts.memory.fail('a pending slot was taken');
    // A fence rings nobody: the owner polls while one is missing.
    if (this.phase === 'sleep') this.phase = 'take';
  }

  private forgets(planted: Plant): boolean {
    const { plan } = this.parts;
    return plan.plant === planted || plan.lowers === 'when served';
  }

  /** The event loop reads a WAKE, whether somebody waits for it or not. */
  private woken(): void {
    this.parts.sockets.awaitPublisherWake();
    if (this.phase === 'sleep') this.phase = 'take';
    else if (this.forgets('a WAKE that nobody waits for is forgotten')) return;
    this.doorbell.woken();
  }

  private take(): void {
    const { plan } = this.parts;
    this.slot = this.writer.tryTake();
    this.isLooking = false;
    if (this.slot >= 0 && plan.lowers === 'when served') this.doorbell.woken();
    if (this.slot >= 0) this.phase = 'write';
    else if (plan.policy !== 'drop') this.phase = 'arm';
    else if (plan.neverDrops === true) this.parts.memory.fail('a drop although the pool is large');
    else this.countTry();
  }

  private countTry(): void {
    this.tried++;
    this.phase = this.tried === this.parts.plan.frames ? 'done' : 'take';
  }

  private passOver(): void {
    this.writer.passOver();
    this.phase = 'take';
  }

  private giveBack(): void {
    this.writer.giveBack(this.slot);
    this.slot = -1;
    this.countTry();
  }

  private join(reader: number): void {
    this.entries[reader] = this.admit(reader);
    // The new page's flag is down whatever the doorbell says: the next wait must arm again.
    if (!this.forgets('a join leaves the doorbell as it is')) this.doorbell.woken();
    this.parts.sockets.welcome(reader, this.writer.published, 0);
  }

  private discard(reader: number): void {
    this.parts.sockets.awaitClosed(reader);
    this.writer.removeReader(this.entries[reader] as PoolReaderEntry);
    this.entries[reader] = undefined;
    this.gone[reader] = true;
    if (this.parts.plan.plant === 'a discarded page wakes nobody') return;
    this.doorbell.woken();
    if (this.phase === 'sleep') this.phase = 'take';
  }
}
