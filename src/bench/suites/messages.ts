/** How many small messages a second go from one process to another. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchContext, Measurement, Suite, Target } from '../measurement.js';
import { compileC, type CProgram, runC } from '../programs/c-program.js';
import { disruptorObject } from '../programs/disruptor.js';
import type { MessageGiven, MessageSubject } from '../programs/message-wire.js';
import { MissingSubject, SubjectProgram } from '../programs/subject-program.js';

const SUITE = 'messages';

const TASKS = [
  { task: '240 B in batches of 64', batch: 64 },
  { task: '240 B in batches of 8', batch: 8 },
  { task: '240 B one by one', batch: 1 },
] as const;
const [BY_64, , SINGLY] = TASKS;

/** In the order of their turns. */
const SUBJECTS = [
  'sluice slots',
  'C ring',
  'sluice bytes',
  'process.send',
  'worker postMessage',
  'unix socket',
  'zeromq',
  'shared-memory-disruptor',
] as const satisfies readonly (MessageSubject | 'C ring')[];

const OTHER_WAYS = [
  'process.send',
  'worker postMessage',
  'unix socket',
  'zeromq',
  'shared-memory-disruptor',
] as const satisfies readonly MessageSubject[];

function target(task: string, text: string, bound: number, of?: string): Target {
  const common = { suite: SUITE, task, subject: 'sluice slots', text, bound } as const;
  return { ...common, better: 'higher', ...(of === undefined ? {} : { of }) };
}

const TARGETS: readonly Target[] = [
  target(BY_64.task, '≥ 40 M/s', 40),
  target(SINGLY.task, '≥ 15 M/s', 15),
  target(BY_64.task, '≥ 0.8 × C ring', 0.8, 'C ring'),
  ...OTHER_WAYS.map((of) => target(BY_64.task, `≥ 10 × ${of}`, 10, of)),
];

interface Sampler {
  /** Millions of messages a second in batches of so many. */
  sample(batch: number): Promise<number>;
  stop(): Promise<void>;
}

class MessagesRun {
  readonly #context: BenchContext;
  readonly #directory: string;
  readonly #warmUpMs: number;
  readonly #durationMs: number;
  readonly #samples = new Map<string, number[]>();
  readonly #missing = new Map<string, string>();
  #ring: CProgram = { missing: 'not compiled' };

  constructor(context: BenchContext) {
    this.#context = context;
    this.#directory = mkdtempSync(join(context.directory, 'messages-'));
    this.#warmUpMs = context.quick ? 50 : 250;
    this.#durationMs = context.quick ? 100 : 600;
  }

  async run(): Promise<readonly Measurement[]> {
    try {
      this.#ring = await compileC('ring', this.#directory);
      for (let round = 1; round <= this.#context.rounds; round++) {
        this.#context.log(`messages: round ${round} of ${this.#context.rounds}`);
        for (const subject of SUBJECTS) {
          if (!this.#missing.has(subject)) await this.#turn(subject, round);
        }
      }
    } finally {
      rmSync(this.#directory, { recursive: true, force: true });
    }
    return TASKS.flatMap(({ task }) => SUBJECTS.map((subject) => this.#measurement(task, subject)));
  }

  /** One subject does all tasks once, in processes of this turn. */
  async #turn(subject: (typeof SUBJECTS)[number], round: number): Promise<void> {
    const directory = mkdtempSync(join(this.#directory, 't'));
    let sampler: Sampler | undefined;
    try {
      sampler = subject === 'C ring' ? this.#startRing() : await this.#start(subject, directory);
      for (const { task, batch } of TASKS) {
        const key = `${task}\n${subject}`;
        const samples = this.#samples.get(key) ?? [];
        this.#samples.set(key, samples);
        const value = await sampler.sample(batch);
        samples.push(value);
        this.#context.log(`  ${round} · ${task} · ${subject}: ${value.toFixed(3)} M/s`);
      }
    } catch (error) {
      if (!(error instanceof MissingSubject)) throw error;
      this.#missing.set(subject, error.message);
    } finally {
      await sampler?.stop();
      rmSync(`/dev/shm/${disruptorObject(directory)}`, { force: true });
    }
  }

  #startRing(): Sampler {
    const { path, missing } = this.#ring;
    if (path === undefined) throw new MissingSubject(missing);
    return {
      sample: (batch) => runC(path, [batch, this.#warmUpMs, this.#durationMs]),
      stop: () => Promise.resolve(),
    };
  }

  async #start(subject: MessageSubject, directory: string): Promise<Sampler> {
    const given: MessageGiven = { subject, directory };
    const program = await SubjectProgram.start('message-sender.js', given);
    return {
      sample: async (batch) => {
        await program.ask({ batch, durationMs: this.#warmUpMs });
        return program.ask({ batch, durationMs: this.#durationMs });
      },
      stop: () => program.stop(),
    };
  }

  #measurement(task: string, subject: string): Measurement {
    const missing = this.#missing.get(subject);
    const samples = missing === undefined ? (this.#samples.get(`${task}\n${subject}`) ?? []) : [];
    const common = { suite: SUITE, task, subject, unit: 'M/s', better: 'higher', samples } as const;
    return missing === undefined ? common : { ...common, note: missing };
  }
}

export const messages: Suite = {
  name: SUITE,
  description: 'small messages a second between two processes, beside other ways to send them',
  targets: TARGETS,
  run: (context) => new MessagesRun(context).run(),
};
