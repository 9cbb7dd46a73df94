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
import type { RingReaderEntry, RingWriter } from '../../src/ring/index.js';
import type { Move, Program, Summary } from './automaton.js';
import { type RingParts, stampOf } from './ring-plan.js';

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

/** Every message takes one slot. */
function batchesOf({ messages, start = 0 }: RingParts['plan']): Batch[] {
  let head = start;
  return messages.map((entry) => {
    const units = typeof entry === 'number' ? 1 : entry.length;
    head += units;
    return { head: head - units, units };
  });
}

/** The process whose GPU it is: takes room before each launch, wakes the readers behind each kernel. */
export class GpuRingHost implements Program {
  readonly name = 'host';
  private launched = 0;
  private rung = 0;
  /** Who leaves no room for the next kernel, and its cursor then. */
  private waitsFor: RingReaderEntry | undefined;
  private seen = 0;
  private readonly writer: RingWriter;
  private readonly entries: readonly RingReaderEntry[];
  private readonly batches: readonly Batch[];

  constructor(
    private readonly parts: RingParts,
    private readonly gpu: GpuWords,
    private readonly blocks: number,
  ) {
    const { code, control, geometry, plan, pages } = parts;
    this.batches = batchesOf(plan);
    this.writer = new code.SlotsWriter(control, geometry, {
      start: plan.start ?? 0,
      now: () => 0,
    });
    this.entries = plan.readers.map(({ budget = 0 }, reader) =>
      this.writer.addReader({ page: pages[reader] as Int32Array, budget }, this.writer.head),
    );
  }

  get head(): number {
    return this.writer.head;
  }

  summary(): Summary {
    return { phase: 'at work', ended: this.rung === this.batches.length };
  }

  moves(): readonly Move[] {
    const moves: Move[] = [];
    const { waitsFor } = this;
    if (waitsFor !== undefined) {
      moves.push({ name: 'room', run: () => this.awaitRoom(waitsFor) });
    } else if (this.launched < this.batches.length) {
      moves.push({ name: 'launch', run: () => this.launch() });
    }
    if (this.rung < this.launched) moves.push({ name: 'ring', run: () => this.ring() });
    return moves;
  }

  private launch(): void {
    const { head, units } = this.batches[this.launched] as Batch;
    for (const entry of this.entries) {
      if (entry.budget === 0) continue;
      const lag = this.writer.roster.lag(entry, lowWord(head) | 0);
      const isFirst = this.parts.plan.plant === 'room is taken twice' && this.launched > this.rung;
      if (isFirst || entry.budget - lag >= units) continue;
      this.waitsFor = entry;
      this.seen = (lowWord(head) - lag) | 0;
      return;
    }
    Atomics.store(this.gpu.launched, this.launched++, 1);
  }

  /** It polls the cursor, and does other things meanwhile. */
  private awaitRoom(entry: RingReaderEntry): void {
    this.parts.memory.awaitChange(entry.page, Page.cursor, this.seen);
    this.waitsFor = undefined;
    this.seen = 0;
  }

  private ring(): void {
    const { memory, sockets } = this.parts;
    memory.awaitWord(this.gpu.through, this.rung++, this.blocks);
    this.writer.roster.ring((entry) => sockets.wakeReader(this.entries.indexOf(entry)));
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
