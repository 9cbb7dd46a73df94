/** `sluice bench [suite]`: the benchmarks, which lie beside the package in its repository. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { printable, SluiceError } from '../../core/index.js';
import type { Start } from '../program.js';
import { type CommonOptions, ExitCode, type Run } from '../run.js';

export const EXAMPLES = ['sluice bench', 'sluice bench --help'];

/** dist/bench/main.js, seen from dist/src/cli/commands. */
const RUNNER = fileURLToPath(new URL('../../../bench/main.js', import.meta.url));

export function configure(command: Command, start: Start): void {
  command
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .argument('[words...]', 'what the benchmarks take, --help included')
    .action((words: string[], options: CommonOptions) =>
      start(options, (run) => bench(run, words)),
    );
}

async function bench(run: Run, words: readonly string[]): Promise<number> {
  if (!existsSync(RUNNER)) {
    throw new SluiceError('UNSUPPORTED', 'this installation has no benchmarks', {
      details: { looked: RUNNER },
      remedy:
        'They come with the sources of Sluice, not with the package: run `npm run bench` in a checkout.',
    });
  }
  const child = spawn(process.execPath, [RUNNER, ...words], { stdio: 'inherit' });
  const stop = (): void => void child.kill('SIGTERM');
  run.signal.addEventListener('abort', stop, { once: true });
  return new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new SluiceError('SYSTEM', `cannot start ${printable(process.execPath)}`, { cause })),
    );
    child.once('exit', (code) => resolve(code ?? ExitCode.failed));
  });
}
