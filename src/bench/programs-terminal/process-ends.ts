/** Ends of processes that are no children of this one, or may be gone. */
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE_MS = 10_000;
const LOOK_MS = 10;

export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Resolves when a process is gone that was asked to end; one that takes too long is killed. */
export async function processEnds(pid: number): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (existsSync(`/proc/${pid}`)) {
    if (performance.now() > deadlineMs) signalProcess(pid, 'SIGKILL');
    await sleep(LOOK_MS);
  }
}
