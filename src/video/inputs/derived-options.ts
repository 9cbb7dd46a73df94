/** What filters and mosaics are told alike: of what they are made, and where what they make goes. */
import { assertChannelName, assertChannelPattern } from '../../core/index.js';
import type { AllowedPeers } from '../../bus/index.js';
import type { Memory } from '../../memory/index.js';

/** How to open a channel that is made of pictures of others. */
export interface DerivedOptions {
  /** Where the output lives and the work is done. Default 'host'. */
  readonly memory?: Memory;
  /** Of the output. Default by its size. */
  readonly slots?: number;
  readonly allow?: AllowedPeers;
  readonly directory?: string;
  readonly label?: string;
  /** Ends it. */
  readonly signal?: AbortSignal;
  /** Told of inputs that cannot be used; the others go on. */
  readonly onProblem?: (input: string, error: unknown) => void;
}

/** Their names, for the check of a whole. */
export const DERIVED_OPTIONS = [
  'memory',
  'slots',
  'allow',
  'directory',
  'label',
  'signal',
  'onProblem',
] as const;

/** Throws `TypeError` or `RangeError` for names that are none, and for more than `most` inputs. */
export function checkInputs(
  attempt: string,
  output: string,
  inputs: readonly string[],
  most: number,
): void {
  assertChannelName(output);
  if (!Array.isArray(inputs) || inputs.length === 0 || inputs.length > most) {
    throw new RangeError(`${attempt} takes 1 to ${most} inputs, got ${inputs.length}`);
  }
  for (const input of inputs) assertChannelPattern(input);
  if (inputs.includes(output)) throw new RangeError(`${output} cannot be made of itself`);
}
