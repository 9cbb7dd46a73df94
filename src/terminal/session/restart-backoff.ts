import type { ProgramEnd } from '../stream/index.js';
import type { RestartPolicy } from './agent-options.js';

const FIRST_MS = 500;
const LONGEST_MS = 60_000;
/** A program that ran so long was started well: the next wait is a first one. */
const GOOD_MS = 30_000;
/** So many starts in a row that did not last are enough. */
const MAX_IN_A_ROW = 20;

/** When a program that has ended is started again, if at all. */
export class RestartBackoff {
  readonly #policy: RestartPolicy;
  #inARow = 0;

  constructor(policy: RestartPolicy) {
    this.#policy = policy;
  }

  /** Milliseconds to wait, from half to all of a step that doubles; undefined: it is not started again. */
  next(
    { exitCode, signal }: ProgramEnd,
    ranMs: number,
    random: () => number = Math.random,
  ): number | undefined {
    const failed = signal !== undefined || exitCode !== 0;
    if (this.#policy === 'never' || (this.#policy === 'on-failure' && !failed)) return undefined;
    if (ranMs >= GOOD_MS) this.#inARow = 0;
    if (this.#inARow === MAX_IN_A_ROW) return undefined;
    const step = Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#inARow);
    this.#inARow += 1;
    return Math.round(step * (0.5 + random() / 2));
  }
}
