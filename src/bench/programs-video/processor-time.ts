/** CPU time of processes, from proc(5): /proc/PID/stat counts it in clock ticks. */
import { readFileSync } from 'node:fs';

/** USER_HZ of Linux. */
const TICK_MS = 10;

/** utime and stime, the 14th and 15th field; 0 for a process that has gone. */
export function cpuMsOf(pid: number): number {
  try {
    const [user = 0, system = 0] = ticks(readFileSync(`/proc/${pid}/stat`, 'latin1'), 11);
    return (user + system) * TICK_MS;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

/** `stat`: of the parent, whose cutime and cstime, the 16th and 17th field, are of those it has waited for. */
export function cpuMsOfChildren(stat: string, parent: number): number {
  const [user = 0, system = 0] = ticks(stat, 13);
  const living = readFileSync(`/proc/${parent}/task/${parent}/children`, 'latin1');
  const pids = living.split(' ').filter(Boolean).map(Number);
  return pids.reduce((sum, pid) => sum + cpuMsOf(pid), (user + system) * TICK_MS);
}

/** Two fields, counted behind the name of the program, which may have spaces and brackets in it. */
function ticks(stat: string, at: number): readonly number[] {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return [Number(fields[at]), Number(fields[at + 1])];
}
