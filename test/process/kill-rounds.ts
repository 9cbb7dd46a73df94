/**
 * Publishers and subscribers are killed at random moments while others go on, round after round:
 *
 *     node dist/test/process/kill-rounds.js --rounds 10000
 *
 * Two channels each: `away` is published by processes that are killed (another one stands by and takes over), read by
 * this process; `home` is published by this process, read by processes that are killed.
 */
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import type { FramePublisher, MessagePublisher } from '../../src/index.js';
import { Program, until } from './program.js';
import { openDescriptors, Runtime, sharedMappings } from './runtime.js';
import {
  publishStamped,
  readStamp,
  readStampedMessage,
  STAMPED,
  STAMPED_BYTES,
  type Stamped,
  stampedMessage,
} from './stamp.js';

export interface Outcome {
  rounds: number;
  publishersKilled: number;
  subscribersKilled: number;
  /** Read by this process, each of them whole. */
  framesRead: number;
  messagesRead: number;
  framesPublished: number;
  framesDropped: number;
  /** Growth over all rounds but the first few. */
  descriptorsLeaked: number;
  mappingsLeaked: number;
  /** In the runtime directory after everybody is gone and the channels were claimed once more. */
  filesLeft: readonly string[];
  slotsHeld: number;
}

const READERS = 3;
const STANDBYS = 2;
const LONGEST_PAUSE_MS = 4;
/** About as long as a program takes from its start to its first frame. */
const STARTING_MS = 150;
const EARLY_EVERY = 4;

export class KillRounds {
  readonly #runtime = new Runtime();
  readonly #readers: Program[] = [];
  readonly #writers: Program[] = [];
  readonly #outcome: Outcome = {
    rounds: 0,
    publishersKilled: 0,
    subscribersKilled: 0,
    framesRead: 0,
    messagesRead: 0,
    framesPublished: 0,
    framesDropped: 0,
    descriptorsLeaked: 0,
    mappingsLeaked: 0,
    filesLeft: [],
    slotsHeld: 0,
  };
  #home!: FramePublisher<Stamped>;
  #homeWords!: MessagePublisher<typeof STAMPED_BYTES>;
  #awayInstance = '';
  #failure: unknown;
  #stopping = false;

  async run(rounds: number): Promise<Outcome> {
    try {
      const work = await this.#start();
      await this.#settled();
      let before = { descriptors: 0, mappings: 0 };
      for (let round = 0; round < rounds; round++) {
        if (round === Math.min(8, rounds - 1)) before = await this.#quiet();
        await this.#round(round);
      }
      const after = await this.#quiet();
      this.#outcome.descriptorsLeaked = after.descriptors - before.descriptors;
      this.#outcome.mappingsLeaked = after.mappings - before.mappings;
      this.#stopping = true;
      await this.#finish(work);
      return this.#outcome;
    } finally {
      await this.#runtime.end();
    }
  }

  async #start(): Promise<Promise<void>[]> {
    const { directory } = this.#runtime;
    this.#home = await this.#runtime.publisher('home', { format: STAMPED, slots: 24 });
    this.#homeWords = await this.#runtime.publisher('home-words', {
      format: STAMPED_BYTES,
      patienceMs: 50,
    });
    for (let i = 0; i < STANDBYS; i++) this.#addWriter(i);
    for (let i = 0; i < READERS; i++) this.#addReader(i);
    const frames = await this.#runtime.subscriber('away', { directory, format: STAMPED });
    const words = await this.#runtime.subscriber('away-words', {
      directory,
      format: STAMPED_BYTES,
    });
    const readFrames = (async () => {
      for await (const frame of frames) {
        readStamp(frame);
        this.#awayInstance = frames.manifest.instance;
        this.#outcome.framesRead += 1;
        await new Promise((resolve) => setImmediate(resolve));
        readStamp(frame);
      }
    })();
    const readWords = (async () => {
      for await (const message of words) {
        readStampedMessage(message);
        this.#outcome.messagesRead += 1;
      }
    })();
    const work = [readFrames, readWords, this.#publish()];
    for (const each of work) each.catch((error: unknown) => (this.#failure ??= error));
    return work;
  }

  async #publish(): Promise<void> {
    for (let value = 1; !this.#stopping; value++) {
      const loan = this.#home.tryLoan();
      if (loan !== undefined) publishStamped(loan, value);
      this.#homeWords.trySend(stampedMessage(value));
      if (value % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  #addWriter(index: number): void {
    const layout = index % 2 === 0 ? 'bytes' : 'slots';
    this.#writers.push(this.#victim({ role: 'publisher', layout, ...channels('away') }));
  }

  #addReader(index: number): void {
    const delivery = index % 2 === 0 ? 'latest' : 'every';
    this.#readers.push(this.#victim({ role: 'subscriber', delivery, ...channels('home') }));
  }

  #victim(role: object): Program {
    return new Program('victim-program', { directory: this.#runtime.directory, ...role });
  }

  async #round(round: number): Promise<void> {
    this.#assertSound();
    const pauseMs = Math.random() * LONGEST_PAUSE_MS;
    if (round % 5 < 2) await this.#killWriter(round, pauseMs);
    else await this.#killReader(round, pauseMs);
    this.#outcome.rounds += 1;
  }

  /** Kills the publisher of `away` and waits for frames of its successor. */
  async #killWriter(round: number, pauseMs: number): Promise<void> {
    const before = this.#awayInstance;
    const owner = await this.#owner();
    const read = this.#outcome.framesRead;
    await until(() => this.#outcome.framesRead > read || this.#failure !== undefined);
    await sleep(pauseMs);
    this.#addWriter(round);
    await owner.kill();
    this.#outcome.publishersKilled += 1;
    await until(() => this.#failure !== undefined || this.#awayInstance !== before);
  }

  /** Kills a reader of `home` and waits until the publisher has taken back what it held. */
  async #killReader(round: number, pauseMs: number): Promise<void> {
    // Some die while they start: between two steps of the handshake, perhaps.
    const early = round % EARLY_EVERY === 0;
    const reader = (early ? this.#readers.pop() : this.#readers.shift()) as Program;
    if (early) await sleep(Math.random() * STARTING_MS);
    else await this.#expectReady(reader);
    await sleep(pauseMs);
    this.#addReader(round);
    await reader.kill();
    this.#outcome.subscribersKilled += 1;
    const gone = ({ pid }: { pid: number }): boolean => pid !== reader.pid;
    await until(
      () => this.#home.subscribers.every(gone) && this.#homeWords.subscribers.every(gone),
    );
    const { published } = this.#home.stats();
    await until(() => this.#home.stats().published > published || this.#failure !== undefined);
  }

  /** Of those who stand by one takes over, whichever: it says so. */
  async #owner(): Promise<Program> {
    for (;;) {
      for (const [index, writer] of this.#writers.entries()) {
        const line = writer.takeLine();
        if (line === undefined) continue;
        if (line !== 'ready') throw new Error(line);
        this.#writers.splice(index, 1);
        return writer;
      }
      this.#assertSound();
      await sleep(1);
    }
  }

  /** A program that says anything but 'ready' saw something torn, or failed. */
  async #expectReady(program: Program): Promise<void> {
    const line = await program.line();
    if (line !== 'ready') throw new Error(line);
  }

  #assertSound(): void {
    if (this.#failure !== undefined) throw this.#failure as Error;
    for (const program of [...this.#readers, ...this.#writers]) {
      if (program.over) throw new Error(program.takeLine() ?? 'a program ended by itself');
    }
  }

  /** All readers are connected and a publisher is active. */
  async #settled(): Promise<void> {
    await until(
      () =>
        this.#failure !== undefined ||
        (this.#home.stats().subscribers === READERS &&
          this.#homeWords.stats().subscribers === READERS &&
          this.#outcome.framesRead > 0 &&
          this.#outcome.messagesRead > 0),
    );
    this.#assertSound();
  }

  async #quiet(): Promise<{ descriptors: number; mappings: number }> {
    await this.#settled();
    return { descriptors: openDescriptors(), mappings: sharedMappings() };
  }

  async #finish(work: readonly Promise<void>[]): Promise<void> {
    for (const program of [...this.#readers, ...this.#writers]) await program.kill();
    await until(() => this.#home.stats().subscribers === 0);
    this.#outcome.slotsHeld = this.#home.stats().slotsHeld;
    this.#outcome.framesPublished = this.#home.stats().published;
    this.#outcome.framesDropped = this.#home.stats().dropped;
    const runtime = this.#runtime;
    for (const channel of ['away', 'away-words']) {
      const heir = await runtime.publisher(channel, { format: STAMPED_BYTES });
      await heir.close();
    }
    await this.#home.close();
    await this.#homeWords.close();
    this.#outcome.filesLeft = runtime.files();
    await runtime.end();
    await Promise.allSettled(work);
    this.#assertSoundWork();
  }

  #assertSoundWork(): void {
    const failure = this.#failure as { reason?: string; message?: string } | undefined;
    if (failure !== undefined && !/format|closed/i.test(failure.message ?? ''))
      throw failure as Error;
  }
}

function channels(name: string): object {
  return { frames: name, messages: `${name}-words` };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '1000' } } });
  const startedMs = performance.now();
  const outcome = await new KillRounds().run(Number(values.rounds));
  process.stdout.write(`${JSON.stringify(outcome, undefined, 2)}\n`);
  process.stdout.write(`${Math.round((performance.now() - startedMs) / 1000)} s\n`);
}
