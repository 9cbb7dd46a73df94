import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { monotonicNs, wallOffsetNs } from '../../../src/ffi/index.js';

describe('monotonicNs', () => {
  it('is CLOCK_MONOTONIC', () => {
    for (let round = 0; round < 100; round += 1) {
      const before = Number(process.hrtime.bigint());
      const now = monotonicNs();
      const after = Number(process.hrtime.bigint());
      // What the calibration may be off by, generously: a preempted one.
      const toleranceNs = 20_000;
      assert.ok(now >= before - toleranceNs && now <= after + toleranceNs);
      assert.ok(Number.isSafeInteger(now));
    }
  });

  it('never goes back', () => {
    let last = monotonicNs();
    for (let round = 0; round < 10_000; round += 1) {
      const now = monotonicNs();
      assert.ok(now >= last);
      last = now;
    }
  });

  it('becomes the wall clock by wallOffsetNs', () => {
    const before = Date.now();
    const wallMs = (monotonicNs() + wallOffsetNs()) / 1e6;
    assert.ok(wallMs >= before - 5 && wallMs <= Date.now() + 5);
  });
});
