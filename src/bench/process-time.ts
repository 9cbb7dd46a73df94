/** What other processes have cost: proc(5), /proc/PID/stat. */
import { readFileSync } from 'node:fs';

/** Clock ticks of /proc/PID/stat on Linux: USER_HZ. */
const TICK_MS = 10;

/** CPU time of processes that run, in all, ms: utime and stime, the 14th and 15th field. */
export function cpuMsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + ticksOf(pid, 11) * TICK_MS, 0);
}

/** CPU time of the children of this process, of those it has waited for too: cutime and cstime, the 16th and 17th. */
export function cpuMsOfChildren(): number {
  const { pid } = process;
  const running = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
  const ended = ticksOf(pid, 13) * TICK_MS;
  return running
    .split(' ')
    .filter(Boolean)
    .reduce((sum, child) => sum + ticksIfThere(Number(child)) * TICK_MS, ended);
}

function ticksIfThere(pid: number): number {
  try {
    return ticksOf(pid, 11);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return 0;
    throw error;
  }
}

/** Two fields, counted behind the name of the program, which may have spaces and brackets in it. */
function ticksOf(pid: number, at: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ');
  return Number(fields[at]) + Number(fields[at + 1]);
}
