/**
 * The tests that need an NVIDIA GPU: builds, then runs test/gpu, one file at a time.
 *
 *   node scripts/test-gpu.mjs                      all of it, with 300 rounds of SIGKILL
 *   node scripts/test-gpu.mjs ends --rounds 20     only the files whose name contains the word
 *
 * Then those of the Python client, python/tests/gpu, where python3 has pytest; with PyTorch and CuPy where it has them.
 * Without a GPU each of them says why it is skipped. In a tree that is built already `node --test
 * --test-concurrency=1 dist/test/gpu/*.test.js` does the same, with fewer rounds.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { root, run } from './command.mjs';

/** A bound on one file, so that a hang is a failure: 300 rounds take 80 s on an H200. */
const FILE_TIMEOUT_MS = 300_000;

const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '300' } },
  allowPositionals: true,
});
const files = readdirSync(join(root, 'test/gpu'))
  .filter((name) => name.endsWith('.test.ts'))
  .filter((name) => positionals.length === 0 || positionals.some((word) => name.includes(word)))
  .map((name) => `dist/test/gpu/${name.replace(/\.ts$/, '.js')}`)
  .sort();

if (build(['test/gpu']) !== 0) {
  process.exitCode = 1;
} else if (files.length === 0) {
  console.error('test:gpu: no test file has such a name');
  process.exitCode = 1;
} else {
  process.env['SLUICE_KILL_ROUNDS'] = values.rounds;
  const status = run(process.execPath, [
    '--test',
    '--test-reporter=spec',
    '--test-concurrency=1',
    `--test-timeout=${FILE_TIMEOUT_MS}`,
    ...files,
  ]);
  process.exitCode = Math.max(status, positionals.length === 0 ? testPython() : 0);
}

/** The exit status of pytest; 0 where there is none, or no GPU. */
function testPython() {
  const hasPytest = spawnSync('python3', ['-c', 'import pytest'], { stdio: 'ignore' }).status === 0;
  const hasGpu = existsSync('/dev/nvidiactl');
  if (!hasPytest || !hasGpu) {
    const why = hasPytest ? 'there is no NVIDIA GPU' : 'python3 has no pytest';
    console.log(`python/tests/gpu: skipped, ${why}`);
    return 0;
  }
  const options = ['-m', 'pytest', '-v', '-rs', '-p', 'no:cacheprovider'];
  return run('python3', [...options, join(root, 'python/tests/gpu')]);
}
