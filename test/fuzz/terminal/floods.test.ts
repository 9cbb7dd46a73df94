import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compareFlood, floodRun } from './floods.js';
import { newComparison } from './oracle.js';

const SEED = 20_263;
const RUNS = Number(process.env['SLUICE_FUZZ_FLOODS'] ?? 120);

describe('more output than a screen and its history hold', () => {
  it('leaves the cells, the cursor and the count of lines that playing all of it leaves', async () => {
    const total = newComparison();
    const property = fc.asyncProperty(floodRun, (run) => compareFlood(run, total));
    await fc.assert(property, { seed: SEED, numRuns: RUNS });
    assert.ok(total.cells > RUNS * 300, `${total.cells} cells`);
  });
});
