/**
 * What is wrong with a value, as data.
 *
 * The same rules judge the arguments of our own caller (a mistake: `TypeError`, `RangeError`) and
 * what another process announced (a condition: `PROTOCOL`). So a rule reports a problem, and
 * whoever asked decides what to throw.
 */
import { describe, printable } from '../core/index.js';

export interface Problem {
  /** Where: `format.tensors.ids.shape[1]`. */
  readonly path: string;
  /** What stands there. */
  readonly found: unknown;
  /** What must stand there, after "must be". */
  readonly needed: string;
  readonly category: 'type' | 'range';
}

export function typeProblem(path: string, found: unknown, needed: string): Problem {
  return { path, found, needed, category: 'type' };
}

export function rangeProblem(path: string, found: unknown, needed: string): Problem {
  return { path, found, needed, category: 'range' };
}

/** The problem of `value` as an integer in `[min, max]`, if it has one. */
export function integerProblem(
  path: string,
  value: unknown,
  min: number,
  max: number,
): Problem | undefined {
  if (typeof value !== 'number') return typeProblem(path, value, 'an integer');
  if (Number.isInteger(value) && value >= min && value <= max) return undefined;
  const needed = min === max ? `${min}` : `an integer from ${min} to ${max}`;
  return rangeProblem(path, value, needed);
}

/** The problem of `value` as one of `choices`, if it has one. */
export function choiceProblem(
  path: string,
  value: unknown,
  choices: readonly string[],
): Problem | undefined {
  if ((choices as readonly unknown[]).includes(value)) return undefined;
  return typeProblem(path, value, choices.map((choice) => `'${choice}'`).join(' or '));
}

/** One line that is safe for a terminal. */
export function problemText(problem: Problem): string {
  const { path, needed, found } = problem;
  return `${printable(path)} must be ${needed}, got ${printable(describe(found))}`;
}

/** The problem as the language's error for a wrong argument. `attempt` is the call: `video()`. */
export function argumentError(attempt: string, problem: Problem): TypeError | RangeError {
  const ErrorType = problem.category === 'type' ? TypeError : RangeError;
  return new ErrorType(`${attempt}: ${problemText(problem)}`);
}
