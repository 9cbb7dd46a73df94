import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { type BenchReport, runBench, SUITE_NAMES } from '../../../src/bench/index.js';
import { simulatedCuda } from '../../cuda-simulator/simulator.js';
import { folderOf, withVariable } from './bench-run.js';

const simulator = simulatedCuda();
const skip = 'skip' in simulator ? simulator.skip : false;
/** What needs PyTorch, too, is tried in suites-python.test.ts. */
const SUITES = SUITE_NAMES.filter((name) => name.startsWith('gpu-') && name !== 'gpu-python');

function withSimulator(test: TestContext): void {
  const path = 'path' in simulator ? simulator.path : '';
  withVariable(test, 'SLUICE_CUDA_LIBRARY', path);
  withVariable(test, 'SLUICE_NVCUVID_LIBRARY', path);
}

function assertMeasured({ measurements, targets }: BenchReport): void {
  assert.ok(measurements.length > 1);
  for (const { task, subject, samples, note } of measurements) {
    const what = `${task}, ${subject}: ${note ?? ''}`;
    assert.ok(samples.length > 0, what);
    for (const sample of samples) assert.ok(Number.isFinite(sample) && sample >= 0, what);
  }
  assert.ok(targets.length > 0);
  for (const { task, text, met } of targets) {
    assert.notEqual(met, null, task);
    // How fast a simulation is says nothing; that no word is wrong and no byte copied does.
    if (text === 'none') assert.equal(met, true, task);
  }
}

describe('suites of the GPU', { skip }, () => {
  for (const suite of SUITES) {
    it(`${suite} measures everything and leaves nothing behind`, async (test) => {
      withSimulator(test);
      const directory = folderOf(test);
      const report = await runBench({ suites: [suite], quick: true, rounds: 1, directory });
      assertMeasured(report);
      assert.deepEqual(report, JSON.parse(JSON.stringify(report)));
      assert.deepEqual(readdirSync(directory), []);
    });
  }

  it('say why a part could not be measured, and measure the rest', async (test) => {
    withSimulator(test);
    withVariable(test, 'SLUICE_SIMULATED_BYTES', String(9 * 2 ** 20));
    const directory = folderOf(test);
    const { measurements } = await runBench({ suites: ['gpu-frames'], quick: true, directory });
    const large = measurements.filter(({ task }) => task.startsWith('1 GB: '));
    assert.equal(large.length, 4);
    for (const { samples, note } of large) {
      assert.deepEqual(samples, []);
      // By the program that cannot take it, or before it is asked when the size of the GPU is known to be too small.
      assert.match(
        note ?? '',
        /^failed: (?:frame-source\.js: cannot make|3 frames of 1 GB are too)/,
      );
    }
    const small = measurements.filter(({ task }) => task.startsWith('1 MB: '));
    assert.ok(small.every(({ samples }) => samples.length === 1));
    assert.deepEqual(readdirSync(directory), []);
  });

  it('end with their signal and start nothing more', async (test) => {
    withSimulator(test);
    const directory = folderOf(test);
    const controller = new AbortController();
    const reason = new Error('enough');
    const log = (): void => void setImmediate(() => controller.abort(reason));
    const running = runBench({ suites: ['gpu'], log, directory, signal: controller.signal });
    await assert.rejects(running, reason);
    assert.deepEqual(readdirSync(directory), []);
  });
});
