/** What other processes have cost. */
import { readFileSync } from 'node:fs';

/** Clock ticks of /proc/PID/stat on Linux: USER_HZ. */
const TICK_MS = 10;

/** CPU time of processes that run, in all, ms: proc(5), /proc/PID/stat, utime and stime, the 14th and 15th field. */
export function cpuMsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)!.split(' ');
    return sum + (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }, 0);
}
