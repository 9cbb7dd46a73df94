/** The programs that the suite of terminals starts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ChildProgram } from '../child-program.js';
import type { FeederGiven } from '../programs-terminal/agent-feeder.js';

export const terminalProgram = (name: string): URL =>
  new URL(`../programs-terminal/${name}.js`, import.meta.url);

/** What makes the programs write whose FIFOs these are. */
export async function startFeeder(paths: readonly string[]): Promise<ChildProgram> {
  const feeder = new ChildProgram(terminalProgram('agent-feeder'), { paths } satisfies FeederGiven);
  await feeder.next();
  return feeder;
}

/** A folder of its own for what `use` starts, which has ended when it resolves. */
export async function inFolder<T>(
  directory: string,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(directory, 'terminal-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
