/**
 * Programs that write and end at once, round after round: not a byte may be missing.
 *
 *     node dist/test/process/pty-tails.js --rounds 2000
 */
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { PtyProcess } from '../../src/terminal/pty/index.js';

export interface TailOutcome {
  rounds: number;
  bytes: number;
  /** Rounds whose output was not whole, as `bytes read of bytes written`. */
  incomplete: string[];
}

/** From one byte over the sizes of the kernel's buffers to 2 MB. */
const SIZES = [1, 2, 100, 4095, 4096, 4097, 20_000, 65_536, 69_632, 200_000, 2_000_000];
/** Started together, so that ends and output of several meet. */
const TOGETHER = 4;

export async function runTails(rounds: number): Promise<TailOutcome> {
  const outcome: TailOutcome = { rounds: 0, bytes: 0, incomplete: [] };
  while (outcome.rounds < rounds) {
    const count = Math.min(TOGETHER, rounds - outcome.rounds);
    const sizes = Array.from(
      { length: count },
      (_, at) => SIZES[(outcome.rounds + at) % SIZES.length] as number,
    );
    const found = await Promise.all(sizes.map(bytesOf));
    for (const [at, byteLength] of found.entries()) {
      outcome.rounds += 1;
      outcome.bytes += byteLength;
      if (byteLength !== sizes[at]) outcome.incomplete.push(`${byteLength} of ${sizes[at]}`);
    }
  }
  return outcome;
}

async function bytesOf(size: number): Promise<number> {
  let byteLength = 0;
  const process = await PtyProcess.start(
    {
      command: ['head', '-c', String(size), '/dev/zero'],
      directory: '/',
      environment: { PATH: '/usr/bin:/bin' },
      size: { columns: 80, rows: 24 },
    },
    { onOutput: (bytes) => void (byteLength += bytes.byteLength) },
  );
  await process.ended;
  return byteLength;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '1000' } } });
  const startedMs = performance.now();
  const outcome = await runTails(Number(values.rounds));
  process.stdout.write(`${JSON.stringify(outcome, undefined, 2)}\n`);
  process.stdout.write(
    `${((performance.now() - startedMs) / outcome.rounds).toFixed(2)} ms a round\n`,
  );
  process.exitCode = outcome.incomplete.length === 0 ? 0 : 1;
}
