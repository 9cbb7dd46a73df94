/** What the GPU suites share: they report themselves where no GPU is, and a part that fails says why. */
import { cudaProblem, type GpuDevice, listDevices } from '../../gpu/index.js';
import type { BenchContext, Measurement, Suite, Target } from '../measurement.js';
import { ChildKilled } from './gpu-child.js';

/** What is measured, before there are samples. */
export type Subject = Pick<Measurement, 'task' | 'subject' | 'unit' | 'better' | 'note'>;

/** Samples of one subject while they are taken. */
interface Cell {
  readonly of: Subject;
  readonly samples: number[];
  failure: string | undefined;
}

/** What a run has measured so far. */
export class Findings {
  readonly #suite: string;
  readonly #cells: Cell[];
  readonly #log: (text: string) => void;

  constructor(suite: string, subjects: readonly Subject[], { log }: BenchContext) {
    this.#suite = suite;
    this.#log = log;
    this.#cells = subjects.map((of) => ({ of, samples: [], failure: undefined }));
  }

  add(task: string, subject: string, value: number): void {
    const cell = this.#find(task, subject);
    cell.samples.push(value);
    this.#log(`  ${task} · ${subject}: ${value.toPrecision(4)} ${cell.of.unit}`);
  }

  /** Whether all subjects of a task, or one of them, can still be measured. */
  isOpen(task: string, subject?: string): boolean {
    return this.#cells.some(
      ({ of, failure }) =>
        failure === undefined &&
        of.task === task &&
        (subject === undefined || of.subject === subject),
    );
  }

  /** These subjects are not measured: their samples go, the reason stays. Throws what ends the whole suite. */
  fail(tasks: readonly string[], error: unknown, subject?: string): void {
    if (error instanceof ChildKilled) throw error;
    const failure = `failed: ${error instanceof Error ? error.message : String(error)}`;
    this.#log(`${tasks.join(', ')} ${failure}`);
    for (const cell of this.#cells) {
      if (!tasks.includes(cell.of.task)) continue;
      if (subject === undefined || cell.of.subject === subject) cell.failure ??= failure;
    }
  }

  measurements(): readonly Measurement[] {
    return this.#cells.map(({ of, samples, failure }) => {
      if (failure === undefined) return { suite: this.#suite, ...of, samples };
      return { suite: this.#suite, ...of, samples: [], note: failure };
    });
  }

  #find(task: string, subject: string): Cell {
    const found = this.#cells.find(({ of }) => of.task === task && of.subject === subject);
    if (found === undefined) throw new Error(`'${task}, ${subject}' is not among the subjects`);
    return found;
  }
}

/** A suite that runs on the first GPU, or says in one measurement why it cannot. */
export function gpuSuite(options: {
  readonly name: string;
  readonly description: string;
  readonly targets: readonly Target[];
  /** Why the GPUs that are here do not do; undefined when they do. */
  readonly needs?: (devices: readonly GpuDevice[]) => string | undefined;
  readonly run: (context: BenchContext) => Promise<readonly Measurement[]>;
}): Suite {
  const { name, description, targets, needs, run } = options;
  return {
    name,
    description,
    targets,
    async run(context) {
      const missing = cudaProblem()?.message ?? needs?.(listDevices());
      if (missing === undefined) return run(context);
      context.log(`${name}: ${missing}`);
      const of = { task: 'the whole suite', subject: 'sluice', unit: '', better: 'lower' } as const;
      return [{ suite: name, ...of, samples: [], note: missing }];
    },
  };
}
