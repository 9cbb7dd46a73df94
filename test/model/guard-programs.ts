/**
 * The thread of a subscriber and its guard at the end of a publisher, over one lease: frames that are claimed, waited
 * for by a stream and read, of which each makes an output; a publisher's GPU that stops somewhere.
 */
import { lowWord } from '../../src/core/index.js';
import { type ControlGeometry, Page, POOL_RECORD_WORDS, Slot } from '../../src/layout/index.js';
import type { FenceReader, FenceVerdicts } from '../../src/ring/index.js';
import type { Move, Program, Summary } from './automaton.js';
import type { RingCode } from './code-under-test.js';
import type { Plant } from './plant.js';
import type { SharedMemory } from './shared-memory.js';

export interface GuardPlan {
  /** Each in a slot of its own, under one lease word. */
  readonly frames: number;
  readonly plant?: Plant;
}

export interface GuardParts {
  readonly memory: SharedMemory;
  readonly code: RingCode;
  readonly plan: GuardPlan;
  readonly geometry: ControlGeometry;
  readonly control: Int32Array;
  readonly page: Int32Array;
  readonly verdicts: Int32Array;
  /** By frame: 1 once it is whole. */
  readonly data: Int32Array;
  /** By frame: what the stream is told. */
  readonly told: Int32Array;
  /** By frame: 1 when the stream found it torn. */
  readonly torn: Int32Array;
  /** By frame: 1 once its output is announced, and 1 once that is flagged as incomplete. */
  readonly announced: Int32Array;
  readonly flagged: Int32Array;
}

const enum Told {
  nothing,
  toWait,
  toRead,
}
const LEASE = 0;

const sequenceOf = (frame: number): number => frame + 1;

function fencesOf({ code, control, page, geometry }: GuardParts): FenceReader {
  return new code.FenceReader(control, page, geometry, 0);
}

/** What it stores reaches memory step by step, up to any point. */
export class DyingGpu implements Program {
  readonly name = "P's GPU";
  private step = 0;

  constructor(private readonly parts: GuardParts) {}

  summary(): Summary {
    return { phase: 'at work', asleep: true };
  }

  moves(): readonly Move[] {
    const steps = this.parts.plan.frames * 3;
    if (this.step === steps) return [];
    return [
      { name: 'store', run: () => this.store() },
      { name: 'is torn down', run: () => (this.step = steps) },
    ];
  }

  private store(): void {
    const { memory, data, page, control, geometry, code } = this.parts;
    const frame = Math.floor(this.step / 3);
    const sequence = lowWord(sequenceOf(frame));
    const record = geometry.recordsOffset / 4 + frame * POOL_RECORD_WORDS;
    const mirror = code.FenceReader.mirrorOffsetBytes(frame) / 4;
    if (this.step % 3 === 0) Atomics.store(data, frame, 1);
    else if (this.step % 3 === 1) memory.storePair(page, mirror, sequence, 0);
    else memory.storePair(control, record + Slot.fenceLow, sequence, 0);
    this.step++;
  }
}

/** The subscriber's stream: waits, reads, makes an output, gives the lease back. */
export class ReadingStream implements Program {
  readonly name = "R0's GPU";
  private frame = 0;
  private told: Told = Told.nothing;

  constructor(private readonly parts: GuardParts) {}

  summary(): Summary {
    return { phase: 'at work', asleep: this.told === Told.nothing };
  }

  moves(): readonly Move[] {
    if (this.frame === this.parts.plan.frames) return [];
    if (this.told !== Told.nothing) return [{ name: 'job', run: () => this.run() }];
    return [
      { name: 'take', run: () => this.take() },
      { name: 'next', run: () => this.next() },
    ];
  }

  private take(): void {
    this.told = this.parts.memory.takeWord(this.parts.told, this.frame);
  }

  /** The frame was given back without a job. */
  private next(): void {
    this.parts.memory.awaitWord(this.parts.announced, this.frame, 2);
    this.frame++;
  }

  private run(): void {
    const { memory, page, data, torn, announced, flagged, code } = this.parts;
    const { frame } = this;
    const mirror = code.FenceReader.mirrorOffsetBytes(frame) / 4;
    if (this.told === Told.toWait) memory.awaitPair(page, mirror, sequenceOf(frame), 0);
    if (Atomics.load(data, frame) === 0) {
      Atomics.store(torn, frame, 1);
      if (Atomics.load(announced, frame) === 1 && Atomics.load(flagged, frame) === 0) {
        memory.fail(`the output of torn frame ${frame} passes for whole`);
      }
    }
    Atomics.store(page, Page.lease + LEASE, 0);
    this.told = Told.nothing;
    this.frame++;
  }
}

export class GuardedSubscriber implements Program {
  readonly name = 'reader 0';
  private phase: 'claim' | 'enqueue' | 'use' | 'check' | 'end' = 'claim';
  private frame = 0;
  private ended = false;
  private seen: 'pending' | 'ready' | 'lost' = 'pending';
  private readonly verdicts: FenceVerdicts;
  private readonly fences: FenceReader;

  constructor(private readonly parts: GuardParts) {
    this.verdicts = new parts.code.FenceVerdicts(parts.verdicts, 1);
    this.fences = fencesOf(parts);
  }

  summary(): Summary {
    return { phase: this.phase, ended: this.phase === 'end' };
  }

  moves(): readonly Move[] {
    if (this.phase === 'end') return [];
    const moves: Move[] = [];
    if (this.phase === 'use') {
      // Inside a call of the driver it hears of nothing until the stream has gone on.
      moves.push({ name: 'blocks', run: () => this.block() });
      if (this.seen === 'pending') moves.push({ name: 'looks', run: () => this.look() });
    } else moves.push({ name: this.phase, run: () => this.main() });
    if (!this.ended && this.phase !== 'check') {
      moves.push({ name: 'hears of the end', run: () => this.end() });
    }
    return moves;
  }

  private main(): void {
    if (this.phase === 'claim') this.claim();
    else if (this.phase === 'enqueue') this.enqueue();
    else this.check();
  }

  private judge(): 'pending' | 'ready' | 'lost' {
    const sequence = sequenceOf(this.frame);
    const isReached = this.fences.reached(this.frame, sequence);
    return this.verdicts.judge(LEASE, sequence, isReached, this.ended);
  }

  private claim(): void {
    Atomics.store(this.parts.page, Page.lease + LEASE, this.frame + 1);
    this.verdicts.add(LEASE, this.frame, sequenceOf(this.frame));
    this.phase = 'enqueue';
  }

  private enqueue(): void {
    const { told, announced, page } = this.parts;
    const state = this.judge();
    if (state === 'lost') {
      this.verdicts.clear(LEASE);
      Atomics.store(page, Page.lease + LEASE, 0);
      Atomics.store(announced, this.frame, 2);
      this.forward();
      return;
    }
    Atomics.store(told, this.frame, state === 'pending' ? Told.toWait : Told.toRead);
    if (this.judge() === 'lost') this.flag();
    this.verdicts.addOutput(LEASE, sequenceOf(this.frame), this.frame, sequenceOf(this.frame));
    if (this.judge() === 'lost') this.flag();
    Atomics.store(announced, this.frame, 1);
    this.phase = 'use';
  }

  private flag(): void {
    Atomics.store(this.parts.flagged, this.frame, 1);
  }

  private block(): void {
    this.parts.memory.awaitChange(this.parts.page, Page.lease + LEASE, this.frame + 1);
    this.phase = 'check';
  }

  private look(): void {
    this.seen = this.judge();
  }

  private end(): void {
    this.ended = true;
    this.verdicts.takeOver('subscriber');
    if (this.phase !== 'claim' && this.judge() === 'lost') this.flag();
    this.fences.publisherEnded();
    this.fences.poison();
    this.verdicts.finish('subscriber');
  }

  private check(): void {
    const { memory, torn, flagged } = this.parts;
    const { frame, seen } = this;
    const state = this.judge();
    if (seen !== 'pending' && state !== seen)
      memory.fail(`frame ${frame} was ${seen}, is ${state}`);
    if (Atomics.load(torn, frame) === 1) {
      if (state === 'ready') memory.fail(`torn frame ${frame} passes for complete`);
      if (state === 'lost') this.flag();
      if (Atomics.load(flagged, frame) === 0) memory.fail(`output ${frame} passes for whole`);
    }
    this.forward();
  }

  private forward(): void {
    this.frame++;
    this.seen = 'pending';
    this.phase = this.frame === this.parts.plan.frames ? 'end' : 'claim';
  }
}

/** Acts once, at any time: the end of the socket may come early or late. */
export class Guard implements Program {
  readonly name = 'guard';
  private isOver = false;
  private readonly verdicts: FenceVerdicts;
  private readonly fences: FenceReader;

  constructor(private readonly parts: GuardParts) {
    this.verdicts = new parts.code.FenceVerdicts(parts.verdicts, 1);
    this.fences = fencesOf(parts);
  }

  summary(): Summary {
    return { phase: this.isOver ? 'over' : 'watching', asleep: true };
  }

  moves(): readonly Move[] {
    return this.isOver ? [] : [{ name: 'takes over', run: () => this.act() }];
  }

  private act(): void {
    this.isOver = true;
    if (!this.verdicts.takeOver('guard')) return;
    const { page, flagged, plan } = this.parts;
    if (plan.plant === 'poison before the verdict') this.fences.poison();
    this.verdicts.decide({
      reached: (slot, sequence) => this.fences.reached(slot, sequence),
      isHeld: (lease, slot) => Atomics.load(page, Page.lease + lease) === slot + 1,
      markIncomplete: (frame) => {
        Atomics.store(flagged, frame, 1);
      },
    });
    this.fences.poison();
    this.verdicts.finish('guard');
  }
}
