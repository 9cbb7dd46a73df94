import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareIsolated, compareLinked, countIntactWhenMixed } from './isolation.js';

const SEED = 20_261;
const RUNS = 300;

describe('agents that write at the same time', () => {
  it('each have the cells and the cursor of their stream alone', async () => {
    const { cells, wrong } = await compareIsolated(SEED, RUNS);
    assert.equal(wrong, 0);
    assert.ok(cells > RUNS * 1000, `${cells} cells`);
  });

  it('each have the links of their stream alone', async () => {
    const { cells, wrong } = await compareLinked(SEED + 1, RUNS);
    assert.equal(wrong, 0);
    assert.ok(cells > RUNS * 500, `${cells} cells`);
  });

  it('would not, if the bytes of the same runs went into one terminal', async () => {
    const intact = await countIntactWhenMixed(SEED, RUNS);
    assert.equal(intact, 0);
  });
});
