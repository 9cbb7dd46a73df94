/** What forked subjects share: what they were given, how they answer, how they spin. */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Two spinners on two busy cores collapse: nobody spins for longer than this before it sleeps. */
export const SPIN_MS = 0.05;

/** What the program was forked with. */
export function given<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T;
}

/** Answers the process that forked this one. */
export function tell(answer: object): void {
  process.send?.(answer);
}

/** CLOCK_MONOTONIC in ns: the same for all processes. */
export function nowNs(): number {
  return Number(process.hrtime.bigint());
}

/** Ends with the process that forked this one. */
export function endWithParent(): void {
  process.on('disconnect', () => process.exit());
}

/** Forks the other end, which dies with this process; its death ends this process. Resolves at its first message. */
export async function forkOtherEnd(program: string, options: object): Promise<ChildProcess> {
  const path = fileURLToPath(new URL(program, import.meta.url));
  const child = fork(path, [JSON.stringify(options)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  child.once('exit', (code, signal) => {
    throw new Error(`${program} ended with ${signal ?? `status ${code}`}`);
  });
  await new Promise<void>((resolve) => {
    child.once('message', () => resolve());
  });
  return child;
}

/** Answers each request of the parent with the number that `answer` makes of it. */
export function serve<R>(answer: (request: R) => Promise<number>): void {
  process.on('message', (request) => {
    void answer(request as R).then((value) => tell({ value }));
  });
  tell({ ready: true });
}
