import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { RecordedPace } from '../../../src/cli/recorded-pace.js';

const REAL = { fromMs: 0, speed: 1, idleLimitMs: Infinity };

function warnings(test: TestContext): string[] {
  const heard: string[] = [];
  const onWarning = ({ name }: Error): unknown => heard.push(name);
  process.on('warning', onWarning);
  test.after(() => process.off('warning', onWarning));
  return heard;
}

describe('the pace of a recording', () => {
  it('waits for what is due in months, and leaves off when it is told to', async (test) => {
    const heard = warnings(test);
    const abort = new AbortController();
    const due = new RecordedPace(REAL).until(2 ** 33, abort.signal);
    setImmediate(() => abort.abort(new Error('that was enough')));
    await assert.rejects(due);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(heard, []);
  });

  it('waits for nothing at any speed, for what is past, or for a pause that is left out', async () => {
    const { signal } = new AbortController();
    const fast = new RecordedPace({ ...REAL, speed: Infinity });
    for (const timeMs of [5, 2 ** 40]) await fast.until(timeMs, signal);
    const late = new RecordedPace({ ...REAL, fromMs: 2 ** 40 });
    for (const timeMs of [2 ** 39, 2 ** 40]) await late.until(timeMs, signal);
    await new RecordedPace({ ...REAL, idleLimitMs: 1 }).until(2 ** 40, signal);
  });
});
