/** What a benchmark suite produces: samples with their unit, and what they are compared with. */

/** One thing measured several times in one run. */
export interface Measurement {
  /** `messages`, `roundtrip`, `handover`, `gpu-fences`: one of `SUITE_NAMES`. */
  readonly suite: string;
  /** What was done: `240 B in batches of 64`. The same for all subjects that did the same. */
  readonly task: string;
  /** Who did it: `sluice`, `C ring`, `process.send`. */
  readonly subject: string;
  /** `M/s`, `us`, `B/message`, `ms`. */
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  /** Every sample, in the order taken; empty when the subject is not there. */
  readonly samples: readonly number[];
  /** Why there are no samples, or what to know about them. */
  readonly note?: string;
}

/** A target of the project: the median of one subject against a number, or against another subject of the same run. */
export interface Target {
  readonly suite: string;
  readonly task: string;
  readonly subject: string;
  /** In words: `≥ 40 M/s`, `≤ 1.3 × C program`. */
  readonly text: string;
  /** The bound: absolute in the task's unit, or a factor of the median of `of`. */
  readonly bound: number;
  readonly of?: string;
  readonly better: 'higher' | 'lower';
}

export interface BenchContext {
  /** Fewer and shorter samples: to see that everything runs. */
  readonly quick: boolean;
  /** Samples of each subject; subjects take turns, so that a busy moment hits all of them. */
  readonly rounds: number;
  /** A runtime directory of this run. */
  readonly directory: string;
  /** Tells a person what is being measured. */
  log(text: string): void;
}

export interface Suite {
  readonly name: string;
  /** One line for `sluice bench --help`. */
  readonly description: string;
  readonly targets: readonly Target[];
  run(context: BenchContext): Promise<readonly Measurement[]>;
}

/** The middle sample; the mean of the two middle ones for an even number; NaN for none. */
export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
