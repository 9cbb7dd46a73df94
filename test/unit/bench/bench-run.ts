/** Where a run of benchmarks may write, and what its programs inherit, for the length of one test. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { runBench } from '../../../src/bench/index.js';

export function folderOf(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-test-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Programs of the suites inherit the environment. */
export function withVariable(test: TestContext, name: string, value: string): void {
  const former = process.env[name];
  process.env[name] = value;
  test.after(() => {
    if (former === undefined) delete process.env[name];
    else process.env[name] = former;
  });
}

/** Runs a suite, quickly: all that it names is measured, or says why not, and nothing is left behind. */
export async function measuresEverything(test: TestContext, suite: string): Promise<void> {
  const directory = folderOf(test);
  const report = await runBench({ suites: [suite], quick: true, rounds: 1, directory });
  assert.ok(report.measurements.length > 0);
  for (const { task, subject, samples, note } of report.measurements) {
    const what = `${task}, ${subject}: ${note ?? ''}`;
    const isAbsent = note === 'no ffmpeg' || (note !== undefined && subject !== 'sluice');
    assert.ok(samples.length > 0 || isAbsent, what);
    for (const sample of samples) assert.ok(Number.isFinite(sample) && sample >= 0, what);
  }
  assert.ok(report.targets.length > 0);
  const isMeasured = report.measurements.every(({ samples }) => samples.length > 0);
  for (const { task, text, met } of report.targets) {
    assert.ok(met !== null || !isMeasured, task);
    // How fast it is on a busy machine says nothing; that nothing is copied and no byte lost does.
    if (text === 'none') assert.equal(met, true, task);
  }
  assert.deepEqual(report, JSON.parse(JSON.stringify(report)));
  assert.deepEqual(readdirSync(directory), []);
}
