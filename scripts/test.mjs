/**
 * The one check of everything: builds, lints, checks the format, runs the tests.
 *
 *   node scripts/test.mjs                     all of it
 *   node scripts/test.mjs unit/core pool      builds, then only the test files whose path contains one of the words
 *
 * Every step runs even when an earlier one failed, but for a failed build; the exit status tells of any failure.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { root, run } from './command.mjs';

/** Test files that run at once. Each is a process, and the process tests start more. */
const CONCURRENCY = 2;

/** A bound on one test, so that a hang is a failure; far above what any test takes. */
const TEST_TIMEOUT_MS = 300_000;

/** The compiled test files, listed from their sources: a test whose source is gone does not run. */
function testFiles(filters) {
  const sources = readdirSync(join(root, 'test'), { recursive: true });
  return sources
    .filter((name) => name.endsWith('.test.ts'))
    .filter((name) => filters.length === 0 || filters.some((word) => `test/${name}`.includes(word)))
    .map((name) => `dist/test/${name.replace(/\.ts$/, '.js')}`)
    .sort();
}

function runTests(files) {
  if (files.length === 0) {
    console.error('test: no test file has such a path');
    return 1;
  }
  return run(process.execPath, [
    '--test',
    '--test-reporter=spec',
    `--test-concurrency=${CONCURRENCY}`,
    `--test-timeout=${TEST_TIMEOUT_MS}`,
    ...files,
  ]);
}

function step(name, status) {
  if (status !== 0) failed.push(name);
  return status === 0;
}

const filters = process.argv
  .slice(2)
  .map((word) => word.replace(/^dist\//, '').replace(/\.js$/, '.ts'));
const failed = [];
if (step('build', build())) {
  if (filters.length === 0) {
    step('lint', run('npm', ['run', '--silent', 'lint']));
    step('format:check', run('npm', ['run', '--silent', 'format:check']));
  }
  step('tests', runTests(testFiles(filters)));
}
if (failed.length > 0) console.error(`test: failed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
