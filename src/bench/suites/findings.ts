/** What a suite has measured so far: a part that fails says why, and the rest is measured. */
import { ChildKilled } from '../child-program.js';
import type { BenchContext, Measurement } from '../measurement.js';

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
