import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { runBench } from '../../../src/bench/index.js';
import { folderOf, measuresEverything } from './bench-run.js';

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0;
const VIDEO_SUITES = hasFfmpeg ? ['video', 'taps'] : ['video'];
const SUITES = ['handover', 'subscribers', 'allocation', 'start', 'pixels', ...VIDEO_SUITES];

describe('suites of frames', () => {
  for (const suite of SUITES) {
    it(`${suite} measures everything and leaves nothing behind`, async (test) => {
      await measuresEverything(test, suite);
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
