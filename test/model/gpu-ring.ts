/**
 * A GPU that writes messages into a ring: a host that launches kernels, and the blocks of these kernels, in the order
 * of kernels/ring.cu. Blocks run at once; kernels of one stream run one after the other. Stores of a block reach memory
 * in any order, but for its fences; an atomic addition orders nothing.
 */
import { highWord, lowWord } from '../../src/core/index.js';
import {
  Header,
  MessageSlot,
  Page,
  RING_SLOT_WORDS,
  SLOT_PAYLOAD_OFFSET_BYTES,
} from '../../src/layout/index.js';
import type { MessageHeader, RingReaderEntry, RingWriter } from '../../src/ring/index.js';
import type { Move, Program, Summary } from './automaton.js';
import {
  payloadOf,
  type RingParts,
  type RingPlan,
  type RingReaderPlan,
  stampOf,
} from './ring-plan.js';
import { declareAtom } from './snapshot.js';

/** Words between a host and its kernels. */
export interface GpuWords {
  /** By kernel: 1 once it is launched. */
  readonly launched: Int32Array;
  /** By kernel: blocks that have written their slots, and blocks that are through. */
  readonly arrived: Int32Array;
  readonly through: Int32Array;
  /** By block: what its fences are done on; nobody looks there. */
  readonly fences: Int32Array;
}

interface Batch {
  /** Position of its first slot. */
  readonly head: number;
  readonly units: number;
}

/** Of the kernels. Every message takes one slot. */
function batchesOf({ messages, start = 0, cpuAfter = 0 }: RingPlan): Batch[] {
  let head = start;
  return messages.slice(0, messages.length - cpuAfter).map((entry) => {
    const units = typeof entry === 'number' ? 1 : entry.length;
    head += units;
    return { head: head - units, units };
  });
}

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

/**
 * The process whose GPU it is: reserves room before each launch, takes note of each kernel that is through and wakes
 * the readers. At the end it may take the ring back and write itself.
 */
export class GpuRingHost implements Program {
  readonly name = 'host';
  private launched = 0;
  private confirmed = 0;
  private written = 0;
  /** Looked for room in vain: looks again once a cursor has moved or a kernel is through. */
  private waits = false;
  private readonly writer: RingWriter;
  private readonly entries: (RingReaderEntry | undefined)[];
  private readonly batches: readonly Batch[];

  constructor(
    private readonly parts: RingParts,
    private readonly gpu: GpuWords,
    private readonly blocks: number,
  ) {
    const { code, control, geometry, plan } = parts;
    this.batches = batchesOf(plan);
    this.writer = new code.SlotsWriter(control, geometry, {
      start: plan.start ?? 0,
      now: () => 0,
    });
    this.entries = plan.readers.map(({ late }, reader) =>
      late === undefined ? this.admit(reader, this.writer.head) : undefined,
    );
    this.writer.lend();
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
    const isThrough = this.confirmed === this.batches.length;
    return {
      phase: 'at work',
      ended: isThrough && this.written === (this.parts.plan.cpuAfter ?? 0),
    };
  }

  moves(): readonly Move[] {
    const { plan } = this.parts;
    const moves: Move[] = [];
    const isThrough = this.confirmed === this.batches.length;
    if (this.waits) {
      for (const entry of this.entries) {
        if (entry === undefined || entry.budget === 0) continue;
        moves.push({ name: 'room', run: () => this.awaitRoom(entry) });
      }
    } else if (this.launched < this.batches.length) {
      moves.push({ name: 'launch', run: () => this.launch() });
    } else if (isThrough && this.written < (plan.cpuAfter ?? 0)) {
      moves.push({ name: 'write', run: () => this.write() });
    }
    if (this.confirmed < this.launched) moves.push({ name: 'confirm', run: () => this.confirm() });
    for (const [reader, { late }] of plan.readers.entries()) {
      if (late === undefined || this.entries[reader] !== undefined) continue;
      moves.push({ name: 'admit', run: () => this.join(reader, late) });
    }
    return moves;
  }

  private launch(): void {
    const { units } = this.batches[this.launched] as Batch;
    if (this.writer.reserve(units)) Atomics.store(this.gpu.launched, this.launched++, 1);
    else this.waits = true;
  }

  /** It polls the cursors, and does other things meanwhile. */
  private awaitRoom(entry: RingReaderEntry): void {
    this.parts.memory.awaitChange(entry.page, Page.cursor, entry.lastCursor);
    this.waits = false;
  }

  private confirm(): void {
    const { head, units } = this.batches[this.confirmed] as Batch;
    this.parts.memory.awaitWord(this.gpu.through, this.confirmed++, this.blocks);
    this.writer.confirm(units, head + units, lowWord(head + units - 1) | 0);
    this.waits = false;
    this.ring();
  }

  private write(): void {
    if (this.writer.lent) this.writer.takeBack();
    const payload = payloadOf(this.writer.startAtHead().sequence, 1);
    this.waits = !this.writer.tryWrite(payload, HEADER);
    if (this.waits) return;
    this.written++;
    this.ring();
  }

  private ring(): void {
    const { sockets } = this.parts;
    this.writer.roster.ring((entry) => sockets.wakeReader(this.entries.indexOf(entry)));
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
    this.parts.sockets.welcome(reader, start.position, start.sequence);
  }
}

/** One block of every kernel of the stream. */
export class GpuBlock implements Program {
  readonly name: string;
  private kernel = 0;
  private phase: 'wait' | 'write' = 'wait';
  private readonly batches: readonly Batch[];

  constructor(
    private readonly parts: RingParts,
    private readonly gpu: GpuWords,
    private readonly blocks: number,
    private readonly block: number,
  ) {
    this.name = `block ${block}`;
    this.batches = batchesOf(parts.plan);
  }

  summary(): Summary {
    return { phase: this.phase, asleep: this.phase === 'wait' };
  }

  moves(): readonly Move[] {
    if (this.kernel === this.batches.length) return [];
    return [{ name: this.phase, run: () => (this.phase === 'wait' ? this.wait() : this.write()) }];
  }

  /** A kernel begins when it is launched and all blocks of the one before are through. */
  private wait(): void {
    const { memory } = this.parts;
    memory.awaitChange(this.gpu.launched, this.kernel, 0);
    if (this.kernel > 0) memory.awaitWord(this.gpu.through, this.kernel - 1, this.blocks);
    this.phase = 'write';
  }

  private write(): void {
    const { memory, plan } = this.parts;
    const { head, units } = this.batches[this.kernel] as Batch;
    for (let ahead = this.block; ahead < units; ahead += this.blocks) this.writeSlot(head + ahead);
    if (plan.plant !== 'no fence before the counter') this.fence();
    const before = memory.add(this.gpu.arrived, this.kernel, 1);
    const announces = plan.plant === 'the first block stores the head' ? 0 : this.blocks - 1;
    if (before === announces) this.announce(head, units);
    memory.add(this.gpu.through, this.kernel, 1);
    this.kernel++;
    this.phase = 'wait';
  }

  private writeSlot(position: number): void {
    const { control, geometry } = this.parts;
    const { words } = control;
    const slot = lowWord(position) & (geometry.slots - 1);
    const at = geometry.recordsOffset / 4 + slot * RING_SLOT_WORDS;
    const sequence = position + 1;
    words[at + MessageSlot.sequenceLow] = lowWord(sequence) | 0;
    words[at + MessageSlot.length] = 4;
    words[at + SLOT_PAYLOAD_OFFSET_BYTES / 4] = stampOf(sequence, 1);
  }

  private announce(head: number, units: number): void {
    const { words } = this.parts.control;
    const { plant } = this.parts.plan;
    const next = head + units;
    const newestStart = lowWord(next - 1) | 0;
    const carried = lowWord(next) < units;
    this.fence();
    if (carried) {
      words[Header.highA] = highWord(next);
      this.fence();
    }
    words[Header.head] = lowWord(next) | 0;
    if (plant !== 'no fence behind the head') this.fence();
    if (carried) words[Header.highB] = highWord(next);
    words[Header.newestStart] = newestStart;
    // What tells the host that the ring is its own again.
    if (plant !== 'no fence behind the head') this.fence();
  }

  private fence(): void {
    Atomics.exchange(this.gpu.fences, this.block, 0);
  }
}
