/** One planted fault and the instance on which the search must find it. */
import { type Change, loadRing } from './code-under-test.js';
import type { Instance } from './instances.js';
import type { Report } from './check.js';

export interface Mutant {
  /** The rule that it breaks. */
  readonly rule: string;
  /** Changes of the compiled code; none: the fault is in the programs around it. */
  readonly changes: readonly Change[];
  readonly on: Instance;
  /** What the search must find. */
  readonly breaks: RegExp;
}

export async function searchMutant({ changes, on }: Mutant): Promise<Report> {
  return on.run(await loadRing(changes));
}
