/** What a run was measured on: times without their machine say nothing. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { cudaProblem, driverVersion, listDevices } from '../gpu/index.js';

/** Plain JSON. */
export interface Machine {
  readonly cpu: string;
  /** Cores that this process may use. */
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
  /** Names of the GPUs; left out when no suite of the GPU ran. */
  readonly gpus?: readonly string[];
  /** Newest version of CUDA that their driver knows. */
  readonly cuda?: string;
  /** Runnable threads over the last minute, before the run: others that want the same cores. */
  readonly loadAverageAtStart: number;
}

/** Above this load the numbers say as much about the neighbours as about Sluice. */
export const QUIET_LOAD = 0.5;

/** `withGpus`: asks the CUDA driver, too, which takes a moment. */
export function describeMachine(withGpus: boolean): Machine {
  return {
    ...(withGpus && cudaProblem() === undefined
      ? { gpus: listDevices().map(({ name }) => name), cuda: driverVersion() }
      : {}),
    cpu: cpuName(),
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    kernel: `Linux ${release()}`,
    node: process.version,
    loadAverageAtStart: loadavg()[0] ?? 0,
  };
}

/** The first `model name` of /proc/cpuinfo (proc_cpuinfo(5)); ARM kernels give none, node:os knows some of them. */
function cpuName(): string {
  try {
    const name = /^model name\s*:\s*(.+)$/m.exec(readFileSync('/proc/cpuinfo', 'latin1'))?.[1];
    if (name !== undefined) return name.trim();
  } catch {
    // A container may hide /proc/cpuinfo.
  }
  return cpus()[0]?.model || 'unknown';
}
