import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { runBench } from '../../../src/bench/index.js';
import { folderOf } from './bench-run.js';

const SUITES = ['handover', 'subscribers', 'allocation', 'start'];

describe('suites of frames', () => {
  for (const suite of SUITES) {
    it(`${suite} measures everything and leaves nothing behind`, async (test) => {
      const directory = folderOf(test);
      const report = await runBench({ suites: [suite], quick: true, rounds: 1, directory });
      assert.ok(report.measurements.length > 0);
      for (const { task, subject, samples, note } of report.measurements) {
        const what = `${task}, ${subject}: ${note ?? ''}`;
        assert.ok(samples.length > 0 || (note !== undefined && subject !== 'sluice'), what);
        for (const sample of samples) assert.ok(Number.isFinite(sample) && sample >= 0, what);
      }
      assert.ok(report.targets.length > 0);
      for (const { task, met } of report.targets) assert.notEqual(met, null, task);
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
