/** What a publisher whose frames a GPU writes does, one turn of its event loop an operation. */
import { Page } from '../../src/layout/index.js';
import type {
  FenceQueue,
  FenceWriter,
  FrameRecord,
  PoolReaderEntry,
  PoolWriter,
} from '../../src/ring/index.js';
import type { Move, Program, Summary } from './automaton.js';
import type { FenceParts, FenceReaderPlan, Work } from './fence-plan.js';
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

/** `here`; `ended`: its socket has, its leases count on; `gone`: nothing of it counts; `over`: unregistered. */
type Place = 'away' | 'here' | 'ended' | 'gone' | 'over';

class Refused extends Error {}

export class FencePublisher implements Program {
  readonly name = 'publisher';
  private phase: 'take' | 'publish' | 'second half' | 'done' = 'take';
  private tried = 0;
  private slot = -1;
  private readonly writer: PoolWriter;
  private readonly fences: FenceWriter<number>;
  private readonly entries: (PoolReaderEntry | undefined)[];
  private readonly places: Place[];
  /** By reader: the last sequence whose job may name it. */
  private readonly lastNamed: number[];
  /** By stream: jobs queued. */
  private readonly queued: number[];

  constructor(private readonly parts: FenceParts) {
    const { code, control, geometry, plan } = parts;
    this.writer = new code.PoolWriter(control, geometry, { start: plan.start ?? 0 });
    this.fences = new code.FenceWriter<number>();
    this.queued = Array.from({ length: plan.streams }, () => 0);
    this.lastNamed = plan.readers.map(() => 0);
    this.places = plan.readers.map(() => 'away');
    this.entries = plan.readers.map((reader, index) =>
      reader.late === true ? undefined : this.admit(index),
    );
  }

  get published(): number {
    return this.writer.published;
  }

  private admit(reader: number): PoolReaderEntry {
    const { leases = 1, maxLag = 0 } = this.parts.plan.readers[reader] as FenceReaderPlan;
    const page = this.parts.pages[reader] as Int32Array;
    this.places[reader] = 'here';
    this.fences.add(reader);
    return this.writer.addReader({ page, leases, maxLag }, this.writer.published);
  }

  summary(): Summary {
    const { unregisters } = this.parts.plan;
    const isOpen = this.places.some(
      (place) => place === 'ended' || (place === 'gone' && unregisters === true),
    );
    return { phase: this.phase, ended: this.phase === 'done' && !isOpen };
  }

  moves(): readonly Move[] {
    const { plan } = this.parts;
    const moves: Move[] = [];
    if (this.phase !== 'done') moves.push({ name: this.phase, run: () => this.main() });
    const enqueuesIn = plan.plant === 'announced before enqueued' ? 'second half' : 'publish';
    if (this.phase === enqueuesIn && plan.refusal !== undefined) {
      moves.push({ name: 'refused', run: () => this.refused() });
    }
    for (const [reader, { late, closes }] of plan.readers.entries()) {
      const place = this.places[reader];
      if (place === 'away' && late === true && this.mayJoin()) {
        moves.push({ name: 'admit', run: () => this.join(reader) });
      }
      if (place === 'here' && (plan.readersGo === true || closes === true)) {
        moves.push({ name: 'end of socket', run: () => this.endOfSocket(reader) });
      }
      if (place === 'ended') moves.push({ name: 'exit', run: () => this.exit(reader) });
      if (place === 'gone' && plan.unregisters === true) {
        moves.push({ name: 'unregister', run: () => this.unregister(reader) });
      }
    }
    return moves;
  }

  /** Enqueueing and announcing are one turn of the event loop. */
  private mayJoin(): boolean {
    return this.phase !== 'second half' || this.parts.plan.plant === 'a join within a publish';
  }

  private main(): void {
    switch (this.phase) {
      case 'take':
        return this.take();
      case 'publish':
        return this.publish();
      case 'second half':
        if (this.parts.plan.plant === 'announced before enqueued') this.enqueue();
        else this.announce();
        return this.countTry();
    }
  }

  private take(): void {
    this.slot = this.writer.tryTake();
    if (this.slot >= 0) this.phase = 'publish';
    else if (this.parts.plan.policy === 'drop') this.countTry();
  }

  private countTry(): void {
    this.slot = -1;
    this.tried++;
    this.phase = this.tried === this.parts.plan.frames ? 'done' : 'take';
  }

  private publish(): void {
    const { plant } = this.parts.plan;
    if (plant === 'announced before enqueued') {
      this.announce();
      this.phase = 'second half';
      return;
    }
    this.enqueue();
    if (plant === 'a join within a publish') {
      this.phase = 'second half';
      return;
    }
    this.announce();
    this.countTry();
  }

  private announce(): void {
    this.writer.publish(this.slot, RECORD, true);
  }

  /** Hands the work of one frame to a stream; the driver may refuse all behind its first `most` stores. */
  private enqueue(most = Number.POSITIVE_INFINITY): void {
    const { parts, slot } = this;
    const isAnnounced = parts.plan.plant === 'announced before enqueued';
    const sequence = this.writer.published + (isAnnounced ? 0 : 1);
    const job: Work[] = [{ do: 'write', slot, sequence }];
    const take = (work: Work): void => {
      if (job.length > most) throw new Refused();
      job.push(work);
    };
    const queue: FenceQueue<number> = {
      writeMirror: (reader, at, value) => {
        take({ do: 'mirror', reader, slot: at, sequence: value });
      },
      writeFence: (at, value) => take({ do: 'fence', slot: at, sequence: value }),
    };
    try {
      this.fences.enqueue(queue, slot, sequence);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
    }
    const stream = sequence % parts.plan.streams;
    const index = this.queued[stream] as number;
    this.queued[stream] = index + 1;
    parts.publisherQueues[stream]?.push(index, job);
  }

  /** The driver refuses the work of a frame, which is therefore never announced. */
  private refused(): void {
    const { refusal, plant } = this.parts.plan;
    if (refusal === 'in the middle') this.enqueue(1);
    // After a part of the work was taken the slot stays on loan for good.
    const isClean = refusal === 'whole' || plant === 'given back although enqueued';
    if (isClean && plant !== 'announced before enqueued') this.writer.giveBack(this.slot);
    this.countTry();
  }

  private join(reader: number): void {
    const { sockets, plan, pages, geometry, code } = this.parts;
    this.entries[reader] = this.admit(reader);
    if (plan.plant === 'mirrors started by the CPU') {
      const page = pages[reader] as Int32Array;
      const { published } = this.writer;
      for (let slot = 0; slot < geometry.slots; slot++) {
        page[code.FenceReader.mirrorOffsetBytes(slot) / 4] = published;
      }
      sockets.welcome(reader, published, 1);
      return;
    }
    sockets.welcome(reader, this.writer.published, this.writer.published + 1);
  }

  private endOfSocket(reader: number): void {
    const { sockets, pages, plan } = this.parts;
    sockets.awaitClosed(reader);
    this.fences.remove(reader);
    this.lastNamed[reader] = this.writer.published;
    const { leases = 1 } = plan.readers[reader] as FenceReaderPlan;
    let held = false;
    for (let lease = 0; lease < leases; lease++) {
      if (Atomics.load(pages[reader] as Int32Array, Page.lease + lease) !== 0) held = true;
    }
    // Work of a dead process that still reads holds a lease, so without any there is none. Else only its exit tells.
    if (held && plan.plant !== 'leases end with the socket') this.places[reader] = 'ended';
    else this.drop(reader);
  }

  private exit(reader: number): void {
    const { memory, exited } = this.parts;
    memory.awaitChange(exited, reader + 1, 0);
    this.drop(reader);
  }

  private drop(reader: number): void {
    this.writer.removeReader(this.entries[reader] as PoolReaderEntry);
    this.entries[reader] = undefined;
    this.places[reader] = 'gone';
  }

  private unregister(reader: number): void {
    const { plan, registered } = this.parts;
    const isFree =
      plan.plant === 'unregistered at once' ||
      this.writer.fencesReachedUpTo(this.lastNamed[reader] as number);
    if (!isFree) return;
    registered[reader] = 0;
    this.places[reader] = 'over';
    this.lastNamed[reader] = 0;
  }
}
