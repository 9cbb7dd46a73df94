import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { monotonicNs } from '../../../src/ffi/index.js';
import { Page, READER_PAGE_BYTES } from '../../../src/layout/index.js';
import { createWorkerRing, WorkerRingReader, WorkerRingWriter } from '../../../src/ring/index.js';
import { LAYOUTS, message } from './ring-fixture.js';
import type { ReaderTask } from './worker-ring-program.js';

/** A sleep of this length, while the other side goes on, is a lost wake-up. */
const LOST_AFTER_MS = 20_000;
const program = new URL('worker-ring-program.js', import.meta.url);

describe('worker ring', () => {
  for (const layout of LAYOUTS) {
    for (const [readers, messages, max] of [
      [1, 100_000, 0x7fffffff],
      [2, 50_000, 1],
    ] as const) {
      it(`${layout}: ${readers} readers get ${messages} messages each once and in order`, async () => {
        const buffer = createWorkerRing({ layout, slots: 8, ringBytes: 1024, readers });
        const workers = Array.from({ length: readers }, (_, index) => {
          const task: ReaderTask = { buffer, index, messages, max };
          return new Worker(program, { workerData: task });
        });
        const reports = workers.map((worker) => once(worker, 'message'));
        const ring = new WorkerRingWriter(buffer, monotonicNs);
        let waits = 0;
        for (let sent = 0; sent < messages;) {
          const batch = sent % 3 === 0 ? 1 : 3;
          const payloads = Array.from({ length: Math.min(batch, messages - sent) }, (_, i) =>
            message(sent + i, (sent + i) % 90),
          );
          const written = ring.tryWriteBatch(payloads);
          sent += written;
          if (written > 0) continue;
          waits++;
          const asleepNs = monotonicNs();
          ring.waitForRoom(ring.writer.unitsFor(payloads[0]?.length ?? 0), LOST_AFTER_MS);
          const sleptMs = (monotonicNs() - asleepNs) / 1e6;
          assert.ok(sleptMs < LOST_AFTER_MS, 'the writer slept although its readers went on');
        }
        for (const report of await Promise.all(reports)) {
          const [{ seen, received, lost }] = report as [Record<string, number>];
          assert.deepEqual(
            { seen, received, lost },
            { seen: messages, received: messages, lost: 0 },
          );
        }
        assert.ok(waits > 0, 'the ring was small enough to be full at times');
        await Promise.all(workers.map((worker) => worker.terminate()));
      });
    }
  }

  it('waits the whole time for a first message, also after a wake that was none', () => {
    const buffer = createWorkerRing({ layout: 'slots', slots: 8, readers: 1 });
    const ring = new WorkerRingWriter(buffer, monotonicNs);
    const reader = new WorkerRingReader(buffer, 0, monotonicNs);
    const visit = (): void => undefined;
    assert.equal(reader.drainSync(visit, 1), 0);
    // The flag was rung for a message that this look finds without sleeping.
    ring.tryWrite(message(0, 1));
    assert.equal(reader.drainSync(visit, 1), 1);
    const page = new Int32Array(buffer, buffer.byteLength - READER_PAGE_BYTES);
    assert.equal(Atomics.load(page, Page.armed), 0);
    const start = monotonicNs();
    assert.equal(reader.drainSync(visit, 30), 0);
    assert.ok(monotonicNs() - start >= 29e6);
    assert.equal(Atomics.load(page, Page.armed), 1, 'it went to sleep with its flag up');
  });

  it('refuses wrong sizes and foreign buffers', () => {
    assert.throws(() => createWorkerRing({ layout: 'slots', slots: 100, readers: 1 }), RangeError);
    assert.throws(() => createWorkerRing({ layout: 'slots', slots: 4, readers: 1 }), RangeError);
    assert.throws(
      () => createWorkerRing({ layout: 'bytes', ringBytes: 8, readers: 1 }),
      RangeError,
    );
    assert.throws(() => createWorkerRing({ layout: 'bytes', readers: 0 }), RangeError);
    assert.throws(() => new WorkerRingWriter(new SharedArrayBuffer(65536), monotonicNs), TypeError);
    const buffer = createWorkerRing({ layout: 'bytes', readers: 2 });
    assert.throws(() => new WorkerRingReader(buffer, 2, monotonicNs), RangeError);
  });

  it('rounds the bytes of a ring up', () => {
    const buffer = createWorkerRing({ layout: 'bytes', ringBytes: 1000, readers: 3 });
    const ring = new WorkerRingWriter(buffer, monotonicNs);
    assert.equal(ring.writer.capacity, 16);
    assert.equal(ring.writer.roster.entries.length, 3);
  });
});
