/** What the GPU suites share: they report themselves where no GPU is. */
import { cudaProblem, type GpuDevice, listDevices } from '../../gpu/index.js';
import type { BenchContext, Measurement, Suite, Target } from '../measurement.js';

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
