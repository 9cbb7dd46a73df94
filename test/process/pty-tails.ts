/**
 * Programs that write and end at once, round after round: not a byte may be missing, doubled or elsewhere.
 *
 *     node dist/test/process/pty-tails.js --rounds 2000
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fileURLToPath } from 'node:url';
import { PtyProcess } from '../../src/terminal/pty/index.js';

export interface TailOutcome {
  rounds: number;
  bytes: number;
  /** Rounds whose output was not what was written, as `bytes read of bytes written, right up to a byte`. */
  wrong: string[];
}

/** From one byte over the sizes of the kernel's buffers to 2 MB. */
const SIZES = [1, 2, 100, 4095, 4096, 4097, 20_000, 65_536, 69_632, 200_000, 2_000_000];
/** Started together, so that ends and output of several meet. */
const TOGETHER = 4;

/** Each 8 bytes say where they stand, in letters that a terminal takes as they are. */
const WORD_BYTES = 8;
const PATTERN = Buffer.from(
  Array.from({ length: Math.max(...SIZES) / WORD_BYTES }, (_, at) =>
    (at * WORD_BYTES).toString(16).padStart(WORD_BYTES, '0'),
  ).join(''),
);

export async function runTails(rounds: number): Promise<TailOutcome> {
  const outcome: TailOutcome = { rounds: 0, bytes: 0, wrong: [] };
  const folder = mkdtempSync(join(tmpdir(), 'pty-tails-'));
  const file = join(folder, 'pattern');
  writeFileSync(file, PATTERN);
  try {
    while (outcome.rounds < rounds) {
      const count = Math.min(TOGETHER, rounds - outcome.rounds);
      const sizes = Array.from(
        { length: count },
        (_, at) => SIZES[(outcome.rounds + at) % SIZES.length] as number,
      );
      const found = await Promise.all(sizes.map((size) => readTail(file, size)));
      for (const [at, { read, right }] of found.entries()) {
        const size = sizes[at] as number;
        outcome.rounds += 1;
        outcome.bytes += read;
        if (read !== size || right !== size) {
          outcome.wrong.push(`${read} of ${size}, right up to ${right}`);
        }
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return outcome;
}

/** How many bytes came, and how many of them before the first that is not the one written there. */
async function readTail(file: string, size: number): Promise<{ read: number; right: number }> {
  let read = 0;
  let right = 0;
  const process = await PtyProcess.start(
    {
      command: ['head', '-c', String(size), file],
      directory: '/',
      environment: { PATH: '/usr/bin:/bin' },
      size: { columns: 80, rows: 24 },
    },
    {
      onOutput: (bytes) => {
        if (right === read) right += rightBytes(bytes, read);
        read += bytes.byteLength;
      },
    },
  );
  await process.ended;
  return { read, right };
}

function rightBytes(bytes: Uint8Array, at: number): number {
  if (PATTERN.subarray(at, at + bytes.byteLength).equals(bytes)) return bytes.byteLength;
  return bytes.findIndex((byte, index) => byte !== PATTERN[at + index]);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { rounds: { type: 'string', default: '1000' } } });
  const startedMs = performance.now();
  const outcome = await runTails(Number(values.rounds));
  process.stdout.write(`${JSON.stringify(outcome, undefined, 2)}\n`);
  process.stdout.write(
    `${((performance.now() - startedMs) / outcome.rounds).toFixed(2)} ms a round\n`,
  );
  process.exitCode = outcome.wrong.length === 0 ? 0 : 1;
}
