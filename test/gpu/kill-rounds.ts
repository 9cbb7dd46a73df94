/**
 * Publishers and subscribers of GPU frames are killed at random moments, with work in flight, while others go on:
 *
 *     node dist/test/gpu/kill-rounds.js --rounds 300 --json out.json
 *
 * `away` is published by processes that are killed (others stand by with a context of their own, and one takes over),
 * read in place by this process, which also keeps a complete frame of each of them; `home` is published by this
 * process, read by processes that are killed. Every frame that is not lost is checked word by word by a kernel.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import type { Stream } from '../../src/gpu/index.js';
import type { Frame, FramePublisher, FrameSubscriber } from '../../src/index.js';
import { Program } from '../process/program.js';
import { openDescriptors, sharedMappings } from '../process/runtime.js';
import { GpuRuntime, sleep } from './gpu-runtime.js';
import { type Checker, stamp, type Stamped } from './integrity.js';
import { freeBytes, isSimulated, skip } from './place.js';

export interface Outcome {
  rounds: number;
  publishersKilled: number;
  subscribersKilled: number;
  /** Frames of killed publishers that this process read and checked whole. */
  framesChecked: number;
  /** Frames that their publisher's death left incomplete: a stream was waiting for each. */
  framesLost: number;
  /** Complete frames that were still readable after the death of their publisher. */
  framesKept: number;
  tornWords: number;
  framesPublished: number;
  /** From SIGKILL to the next frame of a successor, or until all leases of a dead reader are back, at most. */
  longestRecoveryMs: number;
  /** From the death of a publisher until the streams that waited for it were free, at most. */
  longestWaitMs: number;
  /** Growth over all rounds but the first few. */
  descriptorsLeaked: number;
  mappingsLeaked: number;
  /** Of GPU memory, between the start and the end, when all have gone. */
  bytesLeaked: number;
  slotsHeld: number;
  filesLeft: readonly string[];
  seconds: number;
}

const READERS = isSimulated ? 2 : 3;
const STANDBYS = isSimulated ? 2 : 4;
const LONGEST_WORK_MS = 2;
const LONGEST_PAUSE_MS = 6;
const EARLY_EVERY = 5;
const STARTING_MS = isSimulated ? 100 : 500;
/** No survivor is ever without a frame for longer. */
const DEADLINE_MS = 20_000;
const WARM_ROUNDS = 6;

export class KillRounds {
  readonly #runtime = new GpuRuntime();
  readonly #readers: Program[] = [];
  readonly #writers: Program[] = [];
  readonly #outcome: Outcome = {
    ...{ rounds: 0, publishersKilled: 0, subscribersKilled: 0 },
    ...{ framesChecked: 0, framesLost: 0, framesKept: 0, tornWords: 0, framesPublished: 0 },
    ...{ longestRecoveryMs: 0, longestWaitMs: 0, descriptorsLeaked: 0, mappingsLeaked: 0 },
    ...{ bytesLeaked: 0, slotsHeld: 0, filesLeft: [], seconds: 0 },
  };
  #home!: FramePublisher<Stamped>;
  #away!: FrameSubscriber<Stamped>;
  #checker!: Checker;
  #keeper!: Checker;
  #stream!: Stream;
  #kept: Frame<Stamped> | undefined;
  #awayInstance = '';
  #failure: unknown;
  #stopping = false;

  async run(rounds: number): Promise<Outcome> {
    const startedMs = performance.now();
    try {
      this.#checker = await this.#runtime.checker();
      this.#keeper = await this.#runtime.checker();
      this.#stream = await this.#runtime.stream();
      const bytesBefore = freeBytes();
      const work = await this.#start();
      await this.#settled();
      let before = { descriptors: 0, mappings: 0 };
      for (let round = 0; round < rounds; round++) {
        if (round === Math.min(WARM_ROUNDS, rounds - 1)) before = await this.#quiet();
        await this.#round(round);
      }
      const after = await this.#quiet();
      this.#outcome.descriptorsLeaked = after.descriptors - before.descriptors;
      this.#outcome.mappingsLeaked = after.mappings - before.mappings;
      await this.#finish(work);
      await this.#until('GPU memory to return', () => freeBytes() >= bytesBefore).catch(() => 0);
      this.#outcome.bytesLeaked = bytesBefore - freeBytes();
      this.#outcome.seconds = (performance.now() - startedMs) / 1000;
      return this.#outcome;
    } finally {
      await this.#runtime.end();
    }
  }

  async #start(): Promise<Promise<void>[]> {
    this.#home = await this.#runtime.source({ slots: 32 }, 'home');
    for (let i = 0; i < STANDBYS; i++) this.#addWriter();
    for (let i = 0; i < READERS; i++) this.#addReader(i);
    this.#away = await this.#runtime.sink(
      { stream: this.#checker.stream, delivery: 'every', maxLag: 2, maxHeld: 4 },
      'away',
    );
    const work = [this.#readAway(), this.#publishHome()];
    for (const each of work) each.catch((error: unknown) => (this.#failure ??= error));
    return work;
  }

  /** Two frames at a time: while one is waited for, the stream waits for the next. */
  async #readAway(): Promise<void> {
    const checking = new Set<Promise<void>>();
    for await (const frame of this.#away) {
      this.#awayInstance = this.#away.manifest.instance;
      const done: Promise<void> = this.#check(frame.retain()).finally(() => checking.delete(done));
      checking.add(done);
      if (checking.size >= 2) await Promise.race(checking);
    }
    await Promise.all(checking);
  }

  async #check(frame: Frame<Stamped>): Promise<void> {
    const number = this.#checker.check(frame);
    await this.#checker.stream.synchronize();
    if (frame.released) return;
    if (frame.state === 'lost') {
      this.#outcome.framesLost += 1;
      return frame.release();
    }
    this.#outcome.tornWords += this.#checker.wrongIn(number);
    this.#outcome.framesChecked += 1;
    this.#keep(frame);
  }

  /** The last complete frame is held until the next one is. */
  #keep(frame: Frame<Stamped>): void {
    const former = this.#kept;
    this.#kept = frame;
    if (former !== undefined && !former.released) former.release();
  }

  async #publishHome(): Promise<void> {
    for (let value = 1; !this.#stopping; value++) {
      const loan = this.#home.tryLoan();
      if (loan !== undefined) {
        stamp(this.#stream, loan.pointer, value);
        loan.publish({ stream: this.#stream, ptsNs: value });
      }
      await sleep(1);
    }
  }

  #addWriter(): void {
    this.#writers.push(this.#victim({ role: 'publisher', channel: 'away' }));
  }

  #addReader(index: number): void {
    const delivery = index % 2 === 0 ? 'latest' : 'every';
    this.#readers.push(this.#victim({ role: 'subscriber', channel: 'home', delivery }));
  }

  #victim(role: object): Program {
    const { directory } = this.#runtime;
    const given = { directory, longestMs: LONGEST_WORK_MS, ...role };
    return new Program('../gpu/victim-program', given);
  }

  async #round(round: number): Promise<void> {
    const pauseMs = Math.random() * LONGEST_PAUSE_MS;
    const startedMs = performance.now();
    if (round % 5 < 2) await this.#killWriter(pauseMs);
    else await this.#killReader(round, pauseMs);
    if (process.env['SLUICE_TESTS_VERBOSE'] === '1') {
      process.stderr.write(`round ${round}: ${Math.round(performance.now() - startedMs)} ms\n`);
    }
    this.#outcome.rounds += 1;
  }

  async #killWriter(pauseMs: number): Promise<void> {
    const owner = await this.#next(this.#writers, 'a publisher to be ready', 'ready');
    const { framesChecked } = this.#outcome;
    await this.#until('frames', () => this.#outcome.framesChecked > framesChecked + 2);
    const before = this.#awayInstance;
    await sleep(pauseMs);
    this.#addWriter();
    const killedMs = performance.now();
    const ended = owner.kill();
    await this.#checkKept();
    await ended;
    this.#outcome.publishersKilled += 1;
    const freed = this.#checker.stream.synchronize().then(() => {
      const { longestWaitMs } = this.#outcome;
      this.#outcome.longestWaitMs = Math.max(longestWaitMs, performance.now() - killedMs);
    });
    await this.#until('the next publisher', () => this.#awayInstance !== before);
    this.#recovered(killedMs);
    await freed;
  }

  /** A complete frame of the dead publisher, while its memory is given back there. */
  async #checkKept(): Promise<void> {
    const kept = this.#kept?.released === false ? this.#kept.retain() : undefined;
    if (kept === undefined) return;
    for (let i = 0; i < 5; i++) {
      const number = this.#keeper.check(kept);
      await this.#keeper.stream.synchronize();
      this.#outcome.tornWords += this.#keeper.wrongIn(number);
      await sleep(3);
    }
    this.#outcome.framesKept += 1;
    kept.release({ stream: this.#keeper.stream });
  }

  /** Kills a reader of `home` and waits until the publisher has taken back what it held. */
  async #killReader(round: number, pauseMs: number): Promise<void> {
    const early = round % EARLY_EVERY === 2;
    const reader = early
      ? this.#readers.pop()!
      : await this.#next(this.#readers, 'a subscriber to be ready', 'ready');
    if (early) await sleep(Math.random() * STARTING_MS);
    await sleep(pauseMs);
    this.#addReader(round);
    const killedMs = performance.now();
    await reader.kill();
    this.#outcome.subscribersKilled += 1;
    const { published } = this.#home.stats();
    await this.#until(
      'the leases of a dead subscriber, and the next frame',
      () =>
        this.#home.subscribers.every(({ pid }) => pid !== reader.pid) &&
        this.#home.stats().published > published,
    );
    this.#recovered(killedMs);
  }

  #recovered(sinceMs: number): void {
    const tookMs = performance.now() - sinceMs;
    this.#outcome.longestRecoveryMs = Math.max(this.#outcome.longestRecoveryMs, tookMs);
  }

  /** Takes the first of `programs` that has said `word`. */
  async #next(programs: Program[], what: string, word: string): Promise<Program> {
    let found: Program | undefined;
    await this.#until(what, () => {
      for (const [index, program] of programs.entries()) {
        const line = program.takeLine();
        if (line === undefined || line === 'warm') continue;
        if (line !== word) throw new Error(line);
        programs.splice(index, 1);
        found = program;
        return true;
      }
      return false;
    });
    return found!;
  }

  /** Fails after the deadline, and as soon as anything else failed. */
  async #until(what: string, condition: () => boolean): Promise<void> {
    const sinceMs = performance.now();
    while (!condition()) {
      this.#assertSound();
      if (performance.now() - sinceMs > DEADLINE_MS) {
        throw new Error(`waited ${DEADLINE_MS} ms for ${what}: ${JSON.stringify(this.#outcome)}`);
      }
      await sleep(1);
    }
  }

  #assertSound(): void {
    if (this.#failure !== undefined) throw this.#failure as Error;
    if (this.#outcome.tornWords > 0) throw new Error(`${this.#outcome.tornWords} torn words`);
    for (const program of [...this.#readers, ...this.#writers]) {
      if (!program.over) continue;
      for (let line = program.takeLine(); line !== undefined; line = program.takeLine()) {
        if (line.startsWith('failed')) throw new Error(line);
      }
      throw new Error('a program ended by itself');
    }
  }

  /** All readers are connected and a publisher is active. */
  async #settled(): Promise<void> {
    const { framesChecked } = this.#outcome;
    await this.#until(
      'all to work',
      () =>
        this.#home.stats().subscribers === READERS && this.#outcome.framesChecked > framesChecked,
    );
  }

  async #quiet(): Promise<{ descriptors: number; mappings: number }> {
    await this.#settled();
    // What a GPU still used is given up within moments: the least of some looks counts.
    const looks = [];
    for (let i = 0; i < 30; i++) {
      looks.push({ descriptors: openDescriptors(), mappings: sharedMappings() });
      await sleep(5);
    }
    return {
      descriptors: Math.min(...looks.map(({ descriptors }) => descriptors)),
      mappings: Math.min(...looks.map(({ mappings }) => mappings)),
    };
  }

  async #finish(work: readonly Promise<void>[]): Promise<void> {
    this.#stopping = true;
    for (const program of [...this.#readers, ...this.#writers]) await program.kill();
    this.#readers.length = 0;
    this.#writers.length = 0;
    await this.#until('the last leases', () => {
      const { subscribers, slotsHeld } = this.#home.stats();
      return subscribers === 0 && slotsHeld === 0;
    });
    this.#outcome.slotsHeld = this.#home.stats().slotsHeld;
    this.#outcome.framesPublished = this.#home.stats().published;
    if (this.#kept?.released === false) this.#kept.release();
    await this.#away.close();
    await this.#home.close();
    await Promise.all(work);
    this.#assertSound();
    const heir = await this.#runtime.source({}, 'away');
    await heir.close();
    this.#outcome.filesLeft = this.#runtime.files();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '300' }, json: { type: 'string' } },
  });
  if (skip !== false) throw new Error(skip);
  const outcome = await new KillRounds().run(Number(values.rounds));
  const text = `${JSON.stringify(outcome, undefined, 2)}\n`;
  if (values.json !== undefined) writeFileSync(values.json, text);
  process.stdout.write(text);
}
