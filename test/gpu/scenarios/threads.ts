/** Publisher and subscriber in different threads of one process: one context, and mirrors instead of events. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { until } from '../../process/program.js';
import { GpuRuntime, putNext } from '../gpu-runtime.js';
import { delay } from '../integrity.js';
import { options } from '../place.js';

const FRAMES = 60;

async function start(
  t: TestContext,
  runtime: GpuRuntime,
  role: 'publisher' | 'subscriber',
): Promise<Worker> {
  const worker = new Worker(new URL('../worker-program.js', import.meta.url), {
    workerData: { role, directory: runtime.directory, channel: 'frames', count: FRAMES },
  });
  t.after(() => worker.terminate());
  const [first] = (await once(worker, 'message')) as [string];
  assert.equal(first, 'ready');
  return worker;
}

describe('threads of one process', options, () => {
  it('a worker reads what the main thread publishes', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source({ whenFull: 'wait', patienceMs: 60_000 });
    const worker = await start(t, runtime, 'subscriber');
    // Both before anything is awaited: what has happened already is not told again.
    const answer = once(worker, 'message');
    const exited = once(worker, 'exit');
    for (let value = 1; value <= FRAMES; value++) {
      if (value % 9 === 0) delay(stream, 2);
      await putNext(publisher, stream, value);
    }
    assert.deepEqual(await answer, [{ received: FRAMES, wrong: 0 }]);
    await until(() => publisher.subscribers.length === 0 && publisher.stats().slotsHeld === 0);
    await publisher.close();
    await exited;
  });

  it('the main thread reads what a worker publishes', async (t) => {
    const runtime = new GpuRuntime(t);
    const checker = await runtime.checker();
    const worker = await start(t, runtime, 'publisher');
    const done = once(worker, 'message');
    const wishes = { stream: checker.stream, delivery: 'every', whenLost: 'end' };
    const sink = await runtime.sink(wishes);
    let received = 0;
    for await (const frame of sink) {
      checker.check(frame);
      received += 1;
    }
    await checker.stream.synchronize();
    assert.deepEqual([received, checker.wrong, sink.stats().lost], [FRAMES, 0, 0]);
    assert.deepEqual(await done, [{ published: FRAMES }]);
  });
});
