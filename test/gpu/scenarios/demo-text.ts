/** `sluice demo text --gpu`: lines that kernels make and put into rings are those that the processor knows. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runTextDemo } from '../../../src/demo/text/index.js';
import { options } from '../place.js';

describe('agents whose lines kernels make', options, () => {
  it('are read whole and in order, whatever the ring holds', async () => {
    const report = await runTextDemo({
      ...{ agents: 5, gpu: true, slots: 64, linesPerSecond: 200, seconds: 2, json: true },
    });
    assert.deepEqual(report.problems, []);
    assert.ok(report.linesSaid > 0);
    assert.deepEqual([report.linesRead, report.linesWrong], [report.linesSaid, 0]);
  });
});
