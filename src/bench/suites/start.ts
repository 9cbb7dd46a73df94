/** How long a person waits for `sluice ls`, against the start of Node itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ChildProgram } from '../child-program.js';
import type { BenchContext, Measurement, Suite } from '../measurement.js';

const HOLDER = new URL('../programs-frames/channel-holder.js', import.meta.url);
const COMMAND = fileURLToPath(new URL('../../cli/main.js', import.meta.url));
const SUITE = 'start';
const TASK = 'sluice ls, two live channels';
const REFERENCE = 'node -e 0';
const SAMPLES_A_ROUND = 7;
const BOUND = 1.6;

export const start: Suite = {
  name: SUITE,
  description: 'sluice ls against node -e 0',
  targets: [
    {
      suite: SUITE,
      task: TASK,
      subject: 'sluice',
      text: `≤ ${BOUND} × ${REFERENCE}`,
      bound: BOUND,
      of: REFERENCE,
      better: 'lower',
    },
  ],
  run,
};

async function run({
  quick,
  rounds,
  directory,
  log,
}: BenchContext): Promise<readonly Measurement[]> {
  const holder = new ChildProgram(HOLDER, { directory });
  try {
    await holder.next();
    const listing = [COMMAND, 'ls', '--dir', directory];
    const own: number[] = [];
    const reference: number[] = [];
    // The first start reads files that later ones find in memory.
    await timeOf(listing);
    await timeOf(['-e', '0']);
    for (let round = 0; round < rounds; round++) {
      log(`start: round ${round + 1} of ${rounds}`);
      for (let sample = 0; sample < (quick ? 2 : SAMPLES_A_ROUND); sample++) {
        own.push(await timeOf(listing));
        reference.push(await timeOf(['-e', '0']));
      }
    }
    const common = { suite: SUITE, task: TASK, unit: 'ms', better: 'lower' } as const;
    return [
      { ...common, subject: 'sluice', samples: own },
      { ...common, subject: REFERENCE, samples: reference },
    ];
  } finally {
    await holder.stop();
  }
}

/** From before the process is made until it is gone, in ms. */
async function timeOf(words: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, words, { stdio: 'ignore', timeout: 60_000 });
  const [code] = (await once(child, 'exit')) as [number | null];
  const takenMs = performance.now() - startedMs;
  if (code !== 0) throw new Error(`node ${words.join(' ')} ended with ${code}`);
  return takenMs;
}
