import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import {
  controlByteLength,
  controlViews,
  Page,
  poolGeometry,
  READER_PAGE_BYTES,
  writeGeometry,
} from '../../../src/layout/index.js';
import { NO_SLOT, PoolWriter } from '../../../src/ring/index.js';
import { FRAME } from './pool-fixture.js';
import type { StressTask } from './pool-stress-program.js';

const program = new URL('pool-stress-program.js', import.meta.url);
const FRAMES = 60_000;
const READERS = [
  { delivery: 'latest', maxLag: 0, leases: 1 },
  { delivery: 'latest', maxLag: 0, leases: 3 },
  { delivery: 'every', maxLag: 4, leases: 2 },
] as const;

async function stress(slots: number, start: number, lossless: boolean): Promise<void> {
  const geometry = poolGeometry({ epoch: 1, instance: [1, 2, 3, 4] }, slots, 1024);
  const control = new SharedArrayBuffer(controlByteLength(geometry));
  const data = new SharedArrayBuffer(slots * geometry.slotBytes);
  const views = controlViews(control as unknown as ArrayBuffer);
  writeGeometry(views.words, geometry);
  const writer = new PoolWriter(views, geometry, { start, lossless });
  const pages: Int32Array[] = [];
  const workers = READERS.map((terms) => {
    const page = new SharedArrayBuffer(READER_PAGE_BYTES);
    const words = new Int32Array(page);
    const { leases, maxLag } = terms;
    writer.addReader({ page: words, leases, maxLag }, start);
    pages.push(words);
    const options = { ...terms, lastSequence: start, share: { index: 0, count: 1 } };
    const task: StressTask = { control, data, page, options, last: start + FRAMES };
    return new Worker(program, { workerData: task });
  });
  const reports = workers.map((worker) => once(worker, 'message'));
  await Promise.all(workers.map((worker) => once(worker, 'online')));
  const content = new Int32Array(data);
  const perSlot = geometry.slotBytes / 4;
  let refused = 0;
  while (writer.published < start + FRAMES) {
    const slot = writer.tryTake();
    if (slot === NO_SLOT) {
      refused++;
      // Armed and looked again, it sleeps; a thread waits for one page only, so other readers' releases are noticed
      // a millisecond late.
      if (refused % 2 === 1) writer.roster.arm();
      else Atomics.wait(pages[2] as Int32Array, Page.publisherArmed, 1, 1);
      continue;
    }
    content.fill((writer.published + 1) | 0, slot * perSlot, (slot + 1) * perSlot);
    writer.publish(slot, FRAME);
    writer.roster.ring(({ page }) => Atomics.notify(page, Page.armed));
  }
  const all = (await Promise.all(reports)).map(([report]) => report as Record<string, unknown>);
  for (const [i, { received, torn, disorder, lost, skipped, failed }] of all.entries()) {
    assert.deepEqual({ torn, disorder, failed }, { torn: 0, disorder: 0, failed: '' });
    assert.equal((received as number) + (lost as number) + (skipped as number), FRAMES);
    if (READERS[i]?.delivery === 'every' && lossless) assert.equal(lost, 0);
  }
  assert.equal(writer.slotsHeld(), 0);
  if (!lossless) assert.equal(refused, 0, 'enough slots: nothing is dropped');
  await Promise.all(workers.map((worker) => worker.terminate()));
}

describe('frame pool between threads', () => {
  // 1 + 3 + 2 leases, 4 frames of lag, 1 to write.
  it('tears nothing and drops nothing with as many slots as the sizing rule asks for', async () => {
    await stress(11, 2 ** 32 - 1000, false);
  });

  it('loses nothing when the publisher waits for its readers', async () => {
    await stress(11, 0, true);
  });

  it('tears nothing with too few slots', async () => {
    await stress(4, 0, true);
  });
});
