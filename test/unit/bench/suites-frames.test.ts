import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { runBench } from '../../../src/bench/index.js';
import { folderOf } from './bench-run.js';

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
const VIDEO_SUITES = hasFfmpeg ? ['video', 'taps'] : ['video'];
const SUITES = [
  ...['handover', 'subscribers', 'allocation', 'start', 'pixels', 'terminal'],
  ...VIDEO_SUITES,
];

describe('suites of frames and terminals', () => {
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
      for (const { task, text, met } of report.targets) {
        assert.ok(met !== null || !isMeasured, task);
        // How fast it is on a busy machine says nothing; that nothing is copied and no byte lost does.
        if (text === 'none') assert.equal(met, true, task);
      }
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
