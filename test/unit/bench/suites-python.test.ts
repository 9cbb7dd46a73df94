import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { runBench, SUITE_NAMES } from '../../../src/bench/index.js';
import { findPython } from '../../../src/bench/python-program.js';
import { simulatedCuda } from '../../cuda-simulator/simulator.js';
import { folderOf, withVariable } from './bench-run.js';

const SUITES = SUITE_NAMES.filter((name) => name.startsWith('python-'));
const skip = findPython(['numpy']).missing ?? false;

describe('suites of the Python client', { skip }, () => {
  for (const suite of SUITES) {
    it(`${suite} measures everything and leaves nothing behind`, async (test) => {
      const directory = folderOf(test);
      const report = await runBench({ suites: [suite], quick: true, rounds: 1, directory });
      assert.ok(report.measurements.length > 1);
      for (const { task, subject, samples, note } of report.measurements) {
        const what = `${task}, ${subject}: ${note ?? ''}`;
        // ZeroMQ alone may be missing.
        if (subject === 'pyzmq') assert.ok(samples.length === 1 || note?.includes('zmq'), what);
        else assert.equal(samples.length, 1, what);
        for (const sample of samples) assert.ok(Number.isFinite(sample) && sample >= 0, what);
      }
      for (const { task, text, met } of report.targets) {
        assert.notEqual(met, null, task);
        // How fast it is on a busy machine says nothing; that nothing is copied, changed or lost does.
        if (text === 'none' || text === '1') assert.equal(met, true, task);
      }
      assert.deepEqual(readdirSync(directory), []);
    });
  }

  it('stand for each other by their group', async (test) => {
    const directory = folderOf(test);
    const controller = new AbortController();
    const reason = new Error('enough');
    const log = (): void => void setImmediate(() => controller.abort(reason));
    const running = runBench({ suites: ['python'], log, directory, signal: controller.signal });
    await assert.rejects(running, reason);
    assert.deepEqual(readdirSync(directory), []);
  });
});

describe('without what a suite needs', () => {
  const simulator = simulatedCuda();

  for (const suite of [...SUITES, 'gpu-python']) {
    it(`${suite} says so in one measurement`, async (test) => {
      if ('path' in simulator) withVariable(test, 'SLUICE_CUDA_LIBRARY', simulator.path);
      withVariable(test, 'SLUICE_PYTHON', '/nonexistent/python3');
      const directory = folderOf(test);
      const { measurements } = await runBench({ suites: [suite], quick: true, directory });
      assert.equal(measurements.length, 1);
      assert.deepEqual(measurements[0]?.samples, []);
      const needs = 'path' in simulator ? /^no Python 3 with / : /^(?:no Python 3 with |cannot )/;
      assert.match(measurements[0]?.note ?? '', needs);
    });
  }
});
