/** How long a small message takes from one process to another and back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchContext, Measurement, Suite, Target } from '../measurement.js';
import { type CProgramName, compileC, runC } from '../programs/c-program.js';
import { SubjectProgram } from '../programs/subject-program.js';
import type { TripGiven, TripRequest, TripWay } from '../programs/trip-wire.js';

const SUITE = 'roundtrip';
const SPINNING = '8 B, both spinning';
const EVENT_LOOP = '8 B from sleep, event loop';
const BLOCKING = '8 B from sleep, blocking';

/** A program in TypeScript by how it waits, or one in C. */
type Subject = { readonly task: string; readonly subject: string } & (
  { readonly way: TripWay } | { readonly c: CProgramName }
);

/** In the order of their turns. */
const SUBJECTS: readonly Subject[] = [
  { task: SPINNING, subject: 'sluice', way: 'spinning' },
  { task: SPINNING, subject: 'C program', c: 'pingpong' },
  { task: EVENT_LOOP, subject: 'sluice', way: 'event loop' },
  { task: EVENT_LOOP, subject: 'unix socket, node:net', way: 'socket' },
  { task: BLOCKING, subject: 'sluice', way: 'blocking' },
  { task: BLOCKING, subject: 'unix socket, C', c: 'socket' },
];

function target(task: string, of: string): Target {
  const text = `≤ 1.3 × ${of}`;
  return { suite: SUITE, task, subject: 'sluice', text, bound: 1.3, of, better: 'lower' };
}

class RoundtripRun {
  readonly #context: BenchContext;
  readonly #directory: string;
  readonly #request: TripRequest;
  readonly #samples: number[][] = SUBJECTS.map(() => []);
  readonly #missing = new Map<Subject, string>();
  readonly #compiled = new Map<CProgramName, string>();

  constructor(context: BenchContext) {
    this.#context = context;
    this.#directory = mkdtempSync(join(context.directory, 'roundtrip-'));
    this.#request = context.quick ? { warmUp: 200, trips: 200 } : { warmUp: 2000, trips: 4000 };
  }

  async run(): Promise<readonly Measurement[]> {
    try {
      await this.#compile();
      for (let round = 1; round <= this.#context.rounds; round++) {
        this.#context.log(`roundtrip: round ${round} of ${this.#context.rounds}`);
        for (const [index, subject] of SUBJECTS.entries()) {
          if (this.#missing.has(subject)) continue;
          const valueUs = await this.#sample(subject);
          this.#samples[index]?.push(valueUs);
          const { task, subject: name } = subject;
          this.#context.log(`  ${round} · ${task} · ${name}: ${valueUs.toFixed(2)} us`);
        }
      }
    } finally {
      rmSync(this.#directory, { recursive: true, force: true });
    }
    return SUBJECTS.map((subject, index) => this.#measurement(subject, this.#samples[index] ?? []));
  }

  async #compile(): Promise<void> {
    for (const subject of SUBJECTS) {
      if (!('c' in subject)) continue;
      const { path, missing } = await compileC(subject.c, this.#directory);
      if (path === undefined) this.#missing.set(subject, missing);
      else this.#compiled.set(subject.c, path);
    }
  }

  /** Each turn has processes of its own. */
  async #sample(subject: Subject): Promise<number> {
    if ('c' in subject) {
      const path = this.#compiled.get(subject.c) as string;
      return runC(path, [this.#request.warmUp, this.#request.trips]);
    }
    const directory = mkdtempSync(join(this.#directory, 't'));
    const given: TripGiven = { way: subject.way, directory };
    const program = await SubjectProgram.start('trip-ping.js', given);
    try {
      return await program.ask(this.#request);
    } finally {
      await program.stop();
    }
  }

  #measurement(of: Subject, samples: readonly number[]): Measurement {
    const { task, subject } = of;
    const note = this.#missing.get(of);
    const common = { suite: SUITE, task, subject, unit: 'us', better: 'lower', samples } as const;
    return note === undefined ? common : { ...common, note };
  }
}

export const roundtrip: Suite = {
  name: SUITE,
  description: 'a small message to another process and back: spinning, and from sleep',
  targets: [target(SPINNING, 'C program'), target(EVENT_LOOP, 'unix socket, node:net')],
  run: (context) => new RoundtripRun(context).run(),
};
