/** Tries to read another process's memory and descriptors through /proc, as a process of the same user may. */
import { closeSync, openSync, readdirSync } from 'node:fs';
import { given, tell } from './program.js';

const { pid } = given<{ pid: number }>();

function outcomeOf(attempt: () => void): string {
  try {
    attempt();
    return 'open';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

tell(
  [
    outcomeOf(() => closeSync(openSync(`/proc/${pid}/mem`, 'r'))),
    outcomeOf(() => readdirSync(`/proc/${pid}/fd`)),
  ].join(' '),
);
