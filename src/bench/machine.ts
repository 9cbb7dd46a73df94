/** What a run was measured on: times without their machine say nothing. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

/** Plain JSON. */
export interface Machine {
  readonly cpu: string;
  /** Cores that this process may use. */
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly node: string;
  /** Runnable threads over the last minute, before the run: others that want the same cores. */
  readonly loadAverageAtStart: number;
}

/** Above this load the numbers say as much about the neighbours as about Sluice. */
export const QUIET_LOAD = 0.5;

export function describeMachine(): Machine {
  return {
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
