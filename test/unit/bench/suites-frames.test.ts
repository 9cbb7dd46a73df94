import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { runBench } from '../../../src/bench/index.js';

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
const VIDEO_SUITES = hasFfmpeg ? ['video', 'taps'] : ['video'];
const SUITES = ['handover', 'subscribers', 'allocation', 'start', 'pixels', ...VIDEO_SUITES];

function folderOf(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-test-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('suites of frames', () => {
  for (const suite of SUITES) {
    it(`${suite} measures everything and leaves nothing behind`, async (test) => {
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
      for (const { task, met } of report.targets) assert.ok(met !== null || !isMeasured, task);
      assert.deepEqual(report, JSON.parse(JSON.stringify(report)));
      assert.deepEqual(readdirSync(directory), []);
    });
  }

  it('end with their signal and leave nothing behind', async (test) => {
    const directory = folderOf(test);
    const controller = new AbortController();
    const reason = new Error('enough');
    const log = (): void => void setImmediate(() => controller.abort(reason));
    const running = runBench({ suites: ['handover'], log, directory, signal: controller.signal });
    await assert.rejects(running, reason);
    assert.deepEqual(readdirSync(directory), []);
  });

  it('refuse what they do not know', async () => {
    await assert.rejects(runBench({ suites: ['nonsense'] }), TypeError);
    await assert.rejects(runBench({ rounds: 0 }), RangeError);
  });
});
