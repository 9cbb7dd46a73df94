/** What an instance with GPU streams is made of, and the queues between a process and its streams. */
import { lowWord } from '../../src/core/index.js';
import type { ControlGeometry, ControlViews } from '../../src/layout/index.js';
import type { RingCode } from './code-under-test.js';
import type { Plant } from './plant.js';
import type { SharedMemory } from './shared-memory.js';
import { declareAtom } from './snapshot.js';
import type { Sockets } from './sockets.js';

export interface FenceReaderPlan {
  readonly delivery: 'latest' | 'every';
  readonly maxLag?: number;
  readonly leases?: number;
  /** Joins at any time instead of before the first frame. */
  readonly late?: boolean;
  /** May close at any time when it has nothing else to do. */
  readonly closes?: boolean;
}

export interface FencePlan {
  readonly slots: number;
  /** Slots that the publisher tries to publish, drops included. */
  readonly frames: number;
  readonly readers: readonly FenceReaderPlan[];
  /** Streams of the publisher, which takes them in turn. */
  readonly streams: 1 | 2;
  /** `wait`: looks again until it gets a slot. */
  readonly policy: 'drop' | 'wait';
  /** What may go wrong in the driver: the job of a frame is refused, as a whole or after its first store. */
  readonly refusal?: 'whole' | 'in the middle';
  /** Pages of readers that are gone are unregistered. */
  readonly unregisters?: boolean;
  /** Readers may die or close, so the publisher watches their sockets. */
  readonly readersGo?: boolean;
  /** Sequence of the frame before the first one. */
  readonly start?: number;
  readonly plant?: Plant | undefined;
}

/** A step of the work that a process has queued on a stream. */
export type Work =
  | { readonly do: 'write'; readonly slot: number; readonly sequence: number }
  | {
      readonly do: 'mirror';
      readonly reader: number;
      readonly slot: number;
      readonly sequence: number;
    }
  | { readonly do: 'fence'; readonly slot: number; readonly sequence: number }
  | { readonly do: 'wait'; readonly slot: number; readonly sequence: number }
  | { readonly do: 'read'; readonly slot: number; readonly sequence: number; readonly job: number }
  | { readonly do: 'release'; readonly lease: number; readonly slot: number };

export type Job = readonly Work[];

/**
 * A stream's queue: a word a job, which holds the job's number. The steps of a job are handed over at once; a process
 * that dies in the middle of handing them over looks like one whose stream is torn down there.
 */
export class WorkQueue {
  constructor(
    private readonly memory: SharedMemory,
    private readonly words: Int32Array,
    private readonly jobs: JobTable,
  ) {}

  push(index: number, job: Job): void {
    Atomics.store(this.words, index, this.jobs.numberOf(job));
  }

  /** Blocks until job `index` is there. */
  await(index: number): Job {
    return this.jobs.jobOf(this.memory.takeWord(this.words, index));
  }
}

export class JobTable {
  private readonly jobs: Job[] = [];
  private readonly numbers = new Map<string, number>();

  numberOf(job: Job): number {
    const key = JSON.stringify(job);
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    const number = this.jobs.push(declareAtom([...job]));
    this.numbers.set(key, number);
    return number;
  }

  jobOf(number: number): Job {
    return this.jobs[number - 1] as Job;
  }
}

export interface FenceParts {
  readonly memory: SharedMemory;
  readonly code: RingCode;
  readonly plan: FencePlan;
  readonly geometry: ControlGeometry;
  readonly control: ControlViews;
  /** A word a slot: see {@link stampOf}. */
  readonly data: Int32Array;
  readonly pages: readonly Int32Array[];
  readonly sockets: Sockets;
  /** By reader: 1 while its page is registered with the publisher's GPU. */
  readonly registered: Int32Array;
  /** By agent: 1 once the dead process has left its GPU. */
  readonly exited: Int32Array;
  /** By reader: 1 once it has begun to poison its mirrors. */
  readonly poisoned: Int32Array;
  /** By reader, a word a job: 1 when the GPU found the frame torn. */
  readonly torn: readonly Int32Array[];
  readonly publisherQueues: readonly WorkQueue[];
  readonly readerQueues: readonly WorkQueue[];
}

/** The data of a frame: one word, never 0. One says as much as two, see `PoolPlan.payloadWords`. */
export function stampOf(sequence: number): number {
  return (lowWord(sequence) + 7) | 0;
}
