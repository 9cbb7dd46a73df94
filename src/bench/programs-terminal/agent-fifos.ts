/** Programs that write what they are given: each is a cat(1) of a FIFO of its own, which somebody else fills. */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { PaneProgram } from './pane-host.js';

/** Makes so many in `folder`; their paths. */
export function makeFifos(folder: string, count: number): readonly string[] {
  const paths = Array.from({ length: count }, (_fifo, index) => join(folder, `fifo-${index}`));
  const { status, stderr, error } = spawnSync('mkfifo', ['-m', '600', ...paths]);
  if (status !== 0) throw new Error(`mkfifo made none: ${error?.message ?? String(stderr)}`);
  return paths;
}

export function programsOf(paths: readonly string[]): readonly PaneProgram[] {
  return paths.map((path, index) => ({ name: `agent-${index}`, command: ['cat', path] }));
}

/** Fills them, and waits for nobody: what a program does not take is kept for it. */
export class FifoWriter {
  readonly #fds: readonly number[];
  readonly #rests: Buffer[];

  constructor(paths: readonly string[]) {
    // For reading, too: so it opens before the program does, and no end is seen before `close`.
    const flags = constants.O_RDWR | constants.O_NONBLOCK;
    this.#fds = paths.map((path) => openSync(path, flags));
    this.#rests = paths.map(() => Buffer.alloc(0));
  }

  get count(): number {
    return this.#fds.length;
  }

  /** All that was written is with the programs, or in their FIFOs. */
  get isDone(): boolean {
    return this.#rests.every(({ length }) => length === 0);
  }

  write(index: number, text: string): void {
    if (text === '' && this.#rests[index]!.length === 0) return;
    const bytes = Buffer.concat([this.#rests[index]!, Buffer.from(text)]);
    this.#rests[index] = bytes.subarray(this.#take(this.#fds[index]!, bytes));
  }

  /** Programs that have read everything end. */
  close(): void {
    for (const fd of this.#fds) closeSync(fd);
  }

  #take(fd: number, bytes: Buffer): number {
    try {
      return writeSync(fd, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
      throw error;
    }
  }
}
