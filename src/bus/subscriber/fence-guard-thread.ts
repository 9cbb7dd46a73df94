/**
 * The guard: a thread that frees the streams of subscribers whose publisher has died, while their own thread is inside
 * a call of the CUDA driver and cannot. It calls no driver itself. `src/ring/fence-verdicts.ts` has the argument.
 *
 * It waits in poll(2) for the ends of publishers, and for the wake pipe; it never returns to its event loop, so messages
 * are taken from the port by hand.
 */
import { readSync } from 'node:fs';
import {
  parentPort,
  receiveMessageOnPort,
  workerData,
  type MessagePort,
} from 'node:worker_threads';
import { closeDescriptor, pollEnds, viewAt } from '../../ffi/index.js';
import { FrameFlag, Page, POOL_RECORD_BYTES, Slot } from '../../layout/index.js';
import { joinUnsigned } from '../../core/index.js';
import { EndPhase, FenceReader, FenceVerdicts } from '../../ring/index.js';
import {
  Descriptors,
  GUARD_ENDED,
  type GuardedFences,
  type GuardStart,
  GuardWord,
  Removal,
  WatchWord,
} from './fence-guard-state.js';

/** How long the subscriber's own thread has to notice the end. */
const GRACE_MS = 25;
/** Between two poisons, growing: a late store of a dying GPU comes soon or never. */
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;
/** The thread ends when it had nothing to watch for this long: whoever reconnects finds it still there. */
const LINGER_MS = 1000;

class GuardedSession {
  isRemoved = false;
  readonly #fences: GuardedFences;
  readonly #verdicts: FenceVerdicts;
  readonly #reader: FenceReader;
  readonly #page: Int32Array;
  #descriptors: readonly number[];
  /** When the subscriber's thread has had its time. */
  #deadlineMs = Infinity;
  #poisonAtMs = 0;
  #pauseMs = FIRST_PAUSE_MS;

  constructor(fences: GuardedFences) {
    const { words, leases, geometry, control, page, socket, pidfd } = fences;
    this.#fences = fences;
    this.#verdicts = new FenceVerdicts(words, leases);
    const controlWords = new Int32Array(viewAt(control.address, control.byteLength));
    this.#page = new Int32Array(viewAt(page.address, page.byteLength));
    this.#reader = new FenceReader(controlWords, this.#page, geometry, Infinity);
    this.#descriptors = pidfd === undefined ? [socket] : [socket, pidfd];
  }

  get socket(): number | undefined {
    return this.#descriptors[0];
  }

  get pidfd(): number | undefined {
    return this.#descriptors[1];
  }

  publisherEnded(nowMs: number): void {
    this.#deadlineMs = nowMs + GRACE_MS;
    this.#closeDescriptors();
  }

  /** Does what is due; returns when the next thing will be. */
  act(nowMs: number): number {
    if (Atomics.load(this.#fences.words, WatchWord.removal) !== Removal.none) {
      this.#remove();
      return Infinity;
    }
    if (this.#verdicts.phase === EndPhase.watching) {
      if (nowMs < this.#deadlineMs) return this.#deadlineMs;
      this.#takeOver();
    }
    // A connection that this side ended must end for the publisher, too.
    this.#closeDescriptors();
    return this.#verdicts.phase === EndPhase.decided ? this.#poison(nowMs) : Infinity;
  }

  #takeOver(): void {
    if (!this.#verdicts.takeOver('guard')) return;
    this.#verdicts.decide({
      reached: (slot, sequence) => this.#reader.reached(slot, sequence),
      isHeld: (lease, slot) => Atomics.load(this.#page, Page.lease + lease) === slot + 1,
      markIncomplete,
    });
    this.#reader.poison();
    this.#verdicts.finish('guard');
  }

  /** Again until the watch is removed: the subscriber's thread removes it when its streams are idle. */
  #poison(nowMs: number): number {
    if (nowMs < this.#poisonAtMs) return this.#poisonAtMs;
    this.#reader.poison();
    this.#poisonAtMs = nowMs + this.#pauseMs;
    this.#pauseMs = Math.min(this.#pauseMs * 1.5, LONGEST_PAUSE_MS);
    return this.#poisonAtMs;
  }

  #remove(): void {
    this.#closeDescriptors();
    this.isRemoved = true;
    Atomics.store(this.#fences.words, WatchWord.removal, Removal.done);
  }

  #closeDescriptors(): void {
    const descriptors = this.#descriptors;
    if (descriptors.length === 0) return;
    this.#descriptors = [];
    const before = Atomics.exchange(this.#fences.words, WatchWord.descriptors, Descriptors.closed);
    if (before !== Descriptors.taken) return;
    for (const descriptor of descriptors) closeDescriptor(descriptor);
  }
}

/**
 * The output may have been overwritten by another meanwhile only when it waited for no stream; a frame too many is
 * flagged then.
 */
function markIncomplete(address: number, sequence: number): void {
  const record = new Int32Array(viewAt(address, POOL_RECORD_BYTES));
  const low = Atomics.load(record, Slot.sequenceLow);
  const shown = joinUnsigned(low, Atomics.load(record, Slot.sequenceHigh));
  if (shown === sequence) Atomics.or(record, Slot.flags, FrameFlag.incomplete);
}

function receive(port: MessagePort, sessions: GuardedSession[]): void {
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: GuardedFences } | undefined;
    if (received === undefined) return;
    const { words } = received.message;
    const { handedOver, taken } = Descriptors;
    const before = Atomics.compareExchange(words, WatchWord.descriptors, handedOver, taken);
    // Else it was taken back before this thread came to it.
    if (before === handedOver) sessions.push(new GuardedSession(received.message));
  }
}

function run({ words, wake, sliceMs }: GuardStart, port: MessagePort): void {
  const woken = new Uint8Array(64);
  let sessions: GuardedSession[] = [];
  let idleSinceMs = performance.now();
  while (Atomics.load(words, GuardWord.stop) === 0) {
    receive(port, sessions);
    const nowMs = performance.now();
    let untilMs = nowMs + sliceMs;
    for (const session of sessions) untilMs = Math.min(untilMs, session.act(nowMs));
    const left = sessions.filter(({ isRemoved }) => !isRemoved);
    if (left.length < sessions.length) {
      Atomics.sub(words, GuardWord.watches, sessions.length - left.length);
      sessions = left;
      idleSinceMs = nowMs;
    }
    if (sessions.length === 0) {
      if (nowMs - idleSinceMs >= LINGER_MS) {
        if (mayEnd(words)) return;
        idleSinceMs = nowMs;
      }
      untilMs = Math.min(untilMs, idleSinceMs + LINGER_MS);
    }
    const ends = pollEnds(
      {
        readable: [wake, ...sessions.flatMap(({ pidfd }) => pidfd ?? [])],
        sockets: sessions.flatMap(({ socket }) => socket ?? []),
      },
      Math.ceil(Math.max(0, untilMs - performance.now())),
    );
    if (ends.includes(wake)) readSync(wake, woken);
    const endedMs = performance.now();
    for (const session of sessions) {
      const { socket, pidfd } = session;
      const isOver = ends.some((descriptor) => descriptor === socket || descriptor === pidfd);
      if (isOver) session.publisherEnded(endedMs);
    }
  }
}

/** Unless a watch was handed over meanwhile. */
function mayEnd(words: Int32Array): boolean {
  return Atomics.compareExchange(words, GuardWord.watches, 0, GUARD_ENDED) === 0;
}

const start = workerData as GuardStart;
Atomics.store(start.words, GuardWord.loaded, 1);
Atomics.notify(start.words, GuardWord.loaded);
run(start, parentPort!);
