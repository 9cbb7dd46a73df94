/** What the suites of the Python client share: they report themselves where no Python is that can run them. */
import type { BenchContext, Measurement, Suite, Target } from '../measurement.js';
import { findPython } from '../python-program.js';

/** A suite that runs in the first Python that has `modules`, or says in one measurement why it cannot. */
export function pythonSuite(options: {
  readonly name: string;
  readonly description: string;
  readonly targets: readonly Target[];
  readonly modules: readonly string[];
  /** Modules of what Sluice is compared with: a Python that has them is taken first. */
  readonly optional?: readonly string[];
  /** What else is missing on this machine; undefined when nothing is. */
  readonly missing?: () => string | undefined;
  readonly run: (context: BenchContext, python: string) => Promise<readonly Measurement[]>;
}): Suite {
  const { name, description, targets, modules, optional, missing, run } = options;
  return {
    name,
    description,
    targets,
    async run(context) {
      const python = findPython(modules, optional);
      const reason = missing?.() ?? python.missing;
      if (reason === undefined && python.path !== undefined) return run(context, python.path);
      context.log(`${name}: ${reason}`);
      const of = { task: 'the whole suite', subject: 'sluice', unit: '', better: 'lower' } as const;
      return [{ suite: name, ...of, samples: [], note: reason ?? '' }];
    },
  };
}
