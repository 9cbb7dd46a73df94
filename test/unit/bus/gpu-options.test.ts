/** Options of GPU channels where there is no GPU: what is wrong is said first, then that CUDA is missing. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { describe, it } from 'node:test';
import { text } from '../../../src/index.js';
import { Bench, failure, NUMBERS, put, takeValue } from './bench.js';

// Whatever this machine has: here is no driver.
process.env['SLUICE_CUDA_LIBRARY'] = '/nowhere/libcuda.so';

const options = { timeout: 30_000 };

describe('options of GPU channels', options, () => {
  it('that no GPU could fulfil are refused as arguments', async (t) => {
    const bench = new Bench(t);
    for (const given of [
      { format: NUMBERS, memory: 'gpu' },
      { format: NUMBERS, memory: 'cuda:' },
      { format: NUMBERS, memory: 'cuda:a b' },
      { format: NUMBERS, memory: 0 },
      { format: NUMBERS, memory: 'cuda', device: 0 },
      { format: NUMBERS, stream: 0n },
      { format: NUMBERS, memory: 'cuda', allow: { gpuUids: [-1] } },
      { format: text(), memory: 'cuda' },
      { format: text(), device: 0 },
      { format: text(), stream: 0n },
    ]) {
      await assert.rejects(
        bench.publisher('a', given as never),
        (error) => error instanceof TypeError || error instanceof RangeError,
        JSON.stringify(given, (_, value: unknown) => (value === 0n ? '0n' : value)),
      );
    }
    const publisher = await bench.publisher('a', { format: NUMBERS });
    for (const given of [
      { copyTo: 'gpu' },
      { copyTo: 3 },
      { copyTo: 'host', stream: 0n },
      { copyTo: 'host', device: 0 },
    ]) {
      await assert.rejects(
        bench.subscriber('a', { format: NUMBERS, ...given } as never),
        (error) => error instanceof TypeError || error instanceof RangeError,
        JSON.stringify(Object.keys(given)),
      );
    }
    const loan = publisher.tryLoan()!;
    assert.throws(() => loan.publish({ stream: 0n }), TypeError);
    assert.equal(loan.pointer, 0n);
    loan[Symbol.dispose]();
  });

  it('are CUDA_UNAVAILABLE for publishers, who leave nothing behind', async (t) => {
    const bench = new Bench(t);
    for (const given of [{ memory: 'cuda' }, { memory: 'cuda:1' }, { device: 0 }]) {
      const opening = bench.publisher('a', { format: NUMBERS, ...given } as never);
      await assert.rejects(opening, failure('CUDA_UNAVAILABLE', /nowhere/));
      assert.deepEqual(readdirSync(bench.directory), []);
    }
  });

  it('are CUDA_UNAVAILABLE for subscribers, but for copies that need no GPU', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('a', { format: NUMBERS });
    const format = NUMBERS;
    const opening = bench.subscriber('a', { format, copyTo: 'cuda' });
    await assert.rejects(opening, failure('CUDA_UNAVAILABLE'));
    const onGpu = bench.subscriber('a', { format, stream: 0n });
    await assert.rejects(onGpu, failure('WRONG_DEVICE', /host memory/));
    const subscriber = await bench.subscriber('a', { format, copyTo: 'host' });
    put(publisher, 7);
    assert.equal(await takeValue(subscriber), 7);
    assert.equal(subscriber.stats().bytesCopied, 0, 'it is there already: read in place');
  });
});
