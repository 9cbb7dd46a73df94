/** What processes hold: proc(5), /proc/PID/smaps_rollup. */
import { readFileSync } from 'node:fs';

/** Memory of a process, MiB: what it shares with others counts by its share (PSS), so that sums are right. */
export function memoryMiBOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) / 1024;
}

/** The same of its children. */
export function memoryMiBOfChildren(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ');
  return children.filter(Boolean).reduce((sum, child) => sum + memoryMiBOf(Number(child)), 0);
}
