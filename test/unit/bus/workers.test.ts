import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import { createWorkerRing, text } from '../../../src/index.js';
import { Bench, NUMBERS, until } from './bench.js';

const options = { timeout: 20_000 };

class Helper {
  readonly worker: Worker;
  readonly #messages: unknown[] = [];
  #error: unknown;

  constructor(t: TestContext, workerData: object) {
    this.worker = new Worker(new URL('./worker-program.js', import.meta.url), { workerData });
    this.worker.on('message', (message: unknown) => this.#messages.push(message));
    this.worker.on('error', (error) => (this.#error = error));
    t.after(() => this.worker.terminate());
  }

  async next(): Promise<unknown> {
    await until(() => this.#messages.length > 0 || this.#error !== undefined);
    if (this.#error !== undefined) throw this.#error;
    return this.#messages.shift();
  }
}

describe('a worker thread', options, () => {
  it('receives frames with receiveSync, and learns of the end', async (t) => {
    const bench = new Bench(t);
    const { directory } = bench;
    const publisher = await bench.publisher('numbers', {
      format: NUMBERS,
      whenFull: 'wait',
      patienceMs: Infinity,
    });
    const helper = new Helper(t, { task: 'frames', directory, count: 300 });
    assert.equal(await helper.next(), 'ready');
    for (let value = 0; value < 300; value++) {
      using loan = await publisher.loan();
      (loan.tensors.data.data as Uint32Array).fill(value);
      loan.publish();
    }
    assert.deepEqual(
      await helper.next(),
      Array.from({ length: 300 }, (_, i) => i),
    );
    await publisher.close();
    assert.equal(await helper.next(), 'ended');
  });

  it('drains messages after waitSync, in pieces', async (t) => {
    const bench = new Bench(t);
    const { directory } = bench;
    const publisher = await bench.publisher('words', { format: text() });
    const helper = new Helper(t, { task: 'messages', directory, count: 1000 });
    assert.equal(await helper.next(), 'ready');
    for (let i = 0; i < 1000; i++) await publisher.send(`w${i}`);
    assert.deepEqual(
      await helper.next(),
      Array.from({ length: 1000 }, (_, i) => `w${i}`),
    );
  });

  it('waits no longer than timeoutMs', async (t) => {
    const bench = new Bench(t);
    await bench.publisher('words', { format: text() });
    const helper = new Helper(t, { task: 'wait', directory: bench.directory });
    assert.equal(await helper.next(), 'nothing');
  });

  it('can be terminated in the middle of a wait', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('words', { format: text() });
    const helper = new Helper(t, { task: 'asleep', directory: bench.directory });
    assert.equal(await helper.next(), 'asleep');
    const exited = once(helper.worker, 'exit');
    await helper.worker.terminate();
    await exited;
    assert.equal(publisher.trySend('still here'), true);
  });
});

describe('a ring between workers', options, () => {
  for (const layout of ['bytes', 'slots'] as const) {
    it(`gives every reader every message, ${layout}`, async (t) => {
      const count = 5000;
      const ring = createWorkerRing({
        layout,
        readers: 2,
        ...(layout === 'slots' ? { slots: 64 } : { ringBytes: 4096 }),
      });
      const readers = [0, 1].map(
        (index) => new Helper(t, { task: 'ring-reader', ring, index, count }),
      );
      for (const reader of readers) assert.equal(await reader.next(), 'ready');
      const writer = new Helper(t, { task: 'ring-writer', ring, count });
      const wanted = Array.from({ length: count }, (_, i) => i);
      for (const reader of readers) assert.deepEqual(await reader.next(), wanted);
      assert.equal(await writer.next(), 'written');
    });
  }

  it('is refused when it is none', () => {
    assert.throws(() => createWorkerRing({ layout: 'slots', slots: 100, readers: 1 }), RangeError);
    assert.throws(() => createWorkerRing({ layout: 'bytes', readers: 0 }), RangeError);
  });
});
