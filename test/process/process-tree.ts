/** The processes below one, and what the kernel says of them. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Children, their children and so on: those that start or end while this looks may be missed. */
export function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

function childrenOf(pid: number): number[] {
  try {
    const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean),
    );
    return children.map(Number);
  } catch (error) {
    // Gone meanwhile: a process or one of its threads; read while it ends, a file of either is ESRCH.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}

export type Namespace = 'pid' | 'ipc' | 'mnt' | 'net' | 'uts' | 'user';

/** `pid:[4026531836]`: the same text for the same namespace. */
export function namespaceOf(pid: number | 'self', kind: Namespace): string {
  return readlinkSync(`/proc/${pid}/ns/${kind}`);
}

/** Shared memory of Sluice that a process has mapped: inodes of the memfds. */
export function sharedMemoryOf(pid: number): Set<string> {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n');
  const mapped = lines.filter((line) => line.includes('/memfd:sluice'));
  return new Set(mapped.map((line) => line.split(/\s+/)[4] ?? ''));
}
