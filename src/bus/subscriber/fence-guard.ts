/**
 * The guard of this thread's sessions, as they see it: a second thread that decides and poisons in their place when
 * their publisher dies while this thread stands in a call of the CUDA driver. Such calls (cuMemFree, cuMemHostUnregister,
 * the loading of a module, the job too many behind a wait) return only when streams go on, and streams that wait for a
 * dead publisher go on only when somebody poisons their mirrors.
 *
 * One guard a thread, started with the first watch; it ends by itself when there was none for a while. It keeps no
 * process alive and costs nothing while nothing happens. How the two threads agree: `src/ring/fence-verdicts.ts`.
 *
 * A watch goes before the memory it names: the guard says when it looks there no more, and nobody blocks for that.
 */
import { writeSync } from 'node:fs';
import { isMainThread, Worker } from 'node:worker_threads';
import {
  addressOf,
  closeDescriptor,
  createPipe,
  type Pipe,
  setNonBlocking,
} from '../../ffi/index.js';
import type { ControlGeometry } from '../../layout/index.js';
import { type Region, systemFailure } from '../../memory/index.js';
import { EndPhase, FenceVerdicts } from '../../ring/index.js';
import { atExit } from '../exit-cleanup.js';
import type { Connection } from '../transport/connection.js';
import {
  Descriptors,
  GUARD_ENDED,
  GUARD_WORDS,
  type GuardedFences,
  type GuardStart,
  GuardWord,
  Removal,
  WatchWord,
} from './fence-guard-state.js';

/**
 * The longest wait of the guard in one piece. The exit of the main thread wakes it; a worker may be terminated, of which
 * nobody hears, and that has to wait for the guard.
 */
const SLICE_MS = isMainThread ? 5000 : 100;

/** What of a session is watched. */
export interface WatchedSession {
  readonly connection: Connection<'client'>;
  readonly control: Region;
  readonly page: Region;
  readonly geometry: ControlGeometry;
  /** Lease words granted. */
  readonly leases: number;
}

let guard: FenceGuard | undefined;

/**
 * Watches a session whose streams may wait for its publisher, until `remove` of the watch says so.
 * Throws `TOO_MANY_FILES`.
 */
export function watchFences(session: WatchedSession): FenceWatch {
  if (guard === undefined || !guard.tryReserve()) {
    guard = new FenceGuard();
    guard.tryReserve();
  }
  return guard.watch(session);
}

export class FenceWatch {
  readonly #verdicts: FenceVerdicts;
  readonly #words: Int32Array;
  readonly #guard: FenceGuard;
  readonly #descriptors: readonly number[];
  /** By lease word: the records of outputs, whose memory must stay in place while the guard may mark them. */
  readonly #records: Int32Array[][];
  /** Records of frames that were given back while the guard was marking. */
  readonly #late: Int32Array[] = [];

  constructor(owner: FenceGuard, fences: GuardedFences) {
    const { words, leases, socket, pidfd } = fences;
    this.#guard = owner;
    this.#words = words;
    this.#verdicts = new FenceVerdicts(words, leases);
    this.#descriptors = pidfd === undefined ? [socket] : [socket, pidfd];
    this.#records = Array.from({ length: leases }, () => []);
  }

  /** A frame was claimed. Before anything waits for it. */
  add(lease: number, slot: number, sequence: number): void {
    this.#verdicts.add(lease, slot, sequence);
    this.#dropRecords(lease);
  }

  /** The processor gives a frame back. Before its lease word is cleared. */
  clear(lease: number): void {
    this.#verdicts.clear(lease);
    this.#dropRecords(lease);
  }

  /**
   * What a frame is, for good unless it is pending, given what its fence shows now. A wait may be enqueued for a frame
   * that is pending, at once.
   */
  judge(
    lease: number,
    sequence: number,
    isReached: boolean,
    hasEnded: boolean,
  ): 'pending' | 'ready' | 'lost' {
    return this.#verdicts.judge(lease, sequence, isReached, hasEnded);
  }

  /** Names an output that was computed from a frame, by its record. Whoever calls looks by `judge` afterwards. */
  addOutput(lease: number, frame: number, record: Int32Array, sequence: number): void {
    const { buffer, byteOffset, byteLength } = record;
    // Before the guard can see it.
    this.#records[lease]?.push(record);
    const address = Number(addressOf(new Uint8Array(buffer, byteOffset, byteLength)));
    this.#verdicts.addOutput(lease, frame, address, sequence);
  }

  /** This thread has noticed the end. It decides every frame after that, then frees the streams. */
  publisherEnds(): void {
    this.#verdicts.takeOver('subscriber');
  }

  /** The streams are freed: the guard frees them again until the watch is removed. */
  publisherEnded(): void {
    this.#verdicts.finish('subscriber');
    this.#guard.wake();
  }

  /** Ends the watch, as soon as no stream waits any more. True once the guard has let go of it; asks at most once. */
  remove(): boolean {
    if (Atomics.load(this.#words, WatchWord.removal) === Removal.none && !this.#takeBack()) {
      Atomics.store(this.#words, WatchWord.removal, Removal.asked);
      this.#guard.wake();
    }
    if (Atomics.load(this.#words, WatchWord.removal) !== Removal.done) return false;
    this.#guard.forget(this);
    return true;
  }

  /** The guard is no more: what was its own is this thread's. */
  abandon(): void {
    const before = Atomics.exchange(this.#words, WatchWord.descriptors, Descriptors.closed);
    if (before !== Descriptors.closed) for (const fd of this.#descriptors) closeDescriptor(fd);
    Atomics.store(this.#words, WatchWord.removal, Removal.done);
  }

  /** Before the guard, which may still be starting, has come to it. */
  #takeBack(): boolean {
    const { handedOver, closed } = Descriptors;
    const before = Atomics.compareExchange(this.#words, WatchWord.descriptors, handedOver, closed);
    if (before !== handedOver) return false;
    for (const descriptor of this.#descriptors) closeDescriptor(descriptor);
    Atomics.store(this.#words, WatchWord.removal, Removal.done);
    this.#guard.giveUpReserved();
    return true;
  }

  /** Which the guard does not see any more, or was seeing before the frame was given back: until its end then. */
  #dropRecords(lease: number): void {
    const records = this.#records[lease];
    if (records === undefined || records.length === 0) return;
    if (this.#verdicts.phase === EndPhase.guardDecides) this.#late.push(...records);
    records.length = 0;
  }
}

/** How long an exit waits for a thread that has only just been started. */
const LOADING_MS = 2000;

class FenceGuard {
  readonly #pipe: Pipe;
  readonly #worker: Worker;
  readonly #words = new Int32Array(new SharedArrayBuffer(GUARD_WORDS * 4));
  readonly #watches = new Set<FenceWatch>();
  readonly #forgetExit: () => void;
  #hasEnded = false;

  constructor() {
    this.#pipe = attempt(() => createPipe(4096));
    setNonBlocking(this.#pipe.writable);
    const workerData: GuardStart = {
      words: this.#words,
      wake: this.#pipe.readable,
      sliceMs: SLICE_MS,
    };
    // None of the program's own options: what it preloads into its threads is not for this one.
    this.#worker = new Worker(new URL('./fence-guard-thread.js', import.meta.url), {
      workerData,
      name: 'sluice-fence-guard',
      execArgv: [],
      trackUnmanagedFds: false,
    });
    this.#worker.unref();
    this.#worker.once('error', (error) => {
      process.emitWarning(
        `the thread that watches publishers of GPU frames failed (${error.message}): when one dies while a call of ` +
          'the CUDA driver waits for its frames, that call does not return',
        'SluiceGuardWarning',
      );
    });
    this.#worker.once('exit', () => this.#end());
    this.#forgetExit = atExit(() => {
      Atomics.store(this.#words, GuardWord.stop, 1);
      this.wake();
      // A thread that is ended while it loads the addon for foreign calls takes the process with it (SIGABRT).
      Atomics.wait(this.#words, GuardWord.loaded, 0, LOADING_MS);
    });
  }

  /** Room for one watch. False when the thread has ended, or is about to. */
  tryReserve(): boolean {
    if (this.#hasEnded) return false;
    for (;;) {
      const count = Atomics.load(this.#words, GuardWord.watches);
      if (count === GUARD_ENDED) return false;
      const before = Atomics.compareExchange(this.#words, GuardWord.watches, count, count + 1);
      if (before === count) return true;
    }
  }

  /** After `tryReserve`. */
  watch(session: WatchedSession): FenceWatch {
    try {
      const message = fencesOf(session);
      const watch = new FenceWatch(this, message);
      this.#watches.add(watch);
      this.#worker.postMessage(message);
      this.wake();
      return watch;
    } catch (error) {
      this.giveUpReserved();
      throw error;
    }
  }

  /** The thread has let go of a watch. */
  forget(watch: FenceWatch): void {
    this.#watches.delete(watch);
  }

  /** A watch was taken back, or never made: the thread will not count it. */
  giveUpReserved(): void {
    Atomics.sub(this.#words, GuardWord.watches, 1);
  }

  wake(): void {
    if (this.#hasEnded) return;
    try {
      writeSync(this.#pipe.writable, WAKE);
    } catch (error) {
      // A full pipe wakes as well as another byte would.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }

  #end(): void {
    this.#hasEnded = true;
    this.#forgetExit();
    for (const watch of this.#watches) watch.abandon();
    this.#watches.clear();
    closeDescriptor(this.#pipe.readable);
    closeDescriptor(this.#pipe.writable);
  }
}

const WAKE = Uint8Array.of(1);

function fencesOf({ connection, control, page, geometry, leases }: WatchedSession): GuardedFences {
  const memory = new SharedArrayBuffer(FenceVerdicts.wordsNeeded(leases) * 4);
  const socket = attempt(() => connection.duplicateSocket());
  try {
    return {
      words: new Int32Array(memory),
      leases,
      geometry,
      control: rangeOf(control),
      page: rangeOf(page),
      socket,
      pidfd: attempt(() => connection.duplicatePidfd()),
    };
  } catch (error) {
    closeDescriptor(socket);
    throw error;
  }
}

function rangeOf({ buffer }: Region): { address: number; byteLength: number } {
  const bytes = new Uint8Array(buffer);
  return { address: Number(addressOf(bytes)), byteLength: bytes.byteLength };
}

function attempt<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw systemFailure('watch the publisher of GPU frames', error);
  }
}
