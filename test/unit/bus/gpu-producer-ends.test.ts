/** How a GPU producer comes and goes: with its publisher, its channel, its GPU. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GpuProducer } from '../../../src/cuda.js';
import { text } from '../../../src/index.js';
import { GpuBench, inArena, received, refused, skip, texts } from './gpu-bench.js';

const options = { timeout: 30_000, skip };
const patient = { patienceMs: Infinity } as const;

describe('opening a producer', options, () => {
  it('needs a message publisher in the slots layout that has none yet', async (t) => {
    const bench = new GpuBench(t);
    const records = await bench.publisher('records', { format: text() });
    await refused(GpuProducer.open(records), TypeError);
    await refused(GpuProducer.open({} as never), TypeError);
    const publisher = await bench.words();
    const opening = GpuProducer.open(publisher);
    await refused(GpuProducer.open(publisher), TypeError);
    await (await opening).close();
    await refused(GpuProducer.open(publisher, { arenaBytes: 0 }), RangeError);
    await refused(GpuProducer.open(publisher, { styles: { 256: {} } }), RangeError);
    await refused(
      GpuProducer.open(publisher, { styles: { 1: { prefix: 'x'.repeat(17) } } }),
      RangeError,
    );
    await refused(
      GpuProducer.open(publisher, { styles: { 1: { suffix: 'ä'.repeat(5) } } }),
      RangeError,
    );
    await refused(
      GpuProducer.open(publisher, { styles: { 1: { prefix: 1 as never } } }),
      TypeError,
    );
    await refused(GpuProducer.open(publisher, { device: 99 }), 'WRONG_DEVICE');
    await (await GpuProducer.open(publisher)).close();
    await publisher.close();
    await refused(GpuProducer.open(publisher), 'CLOSED');
  });

  it('fails when the channel ends meanwhile', async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words();
    const opening = refused(GpuProducer.open(publisher), 'CLOSED');
    await publisher.close();
    await opening;
  });

  it('takes the stream of the caller and its device', async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words();
    const subscriber = await bench.reader();
    const stream = await bench.stream();
    const producer = await bench.producer(publisher, { stream: stream.handle });
    assert.equal(producer.stream.handle, stream.handle);
    await producer.processBatch(await inArena(producer, ['mine']));
    assert.equal(subscriber.tryReceive()?.value, 'mine');
    await producer.close();
    assert.equal(stream.idle, true);
    await stream.close();
  });
});

describe('the end', options, () => {
  it('of a producer: what is launched arrives, the rest is refused, the ring is back', async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words(patient);
    const subscriber = await bench.reader();
    const producer = await bench.producer(publisher);
    const contexts = await inArena(producer, texts(40, 200));
    bench.delay(producer, 20);
    const first = producer.processBatch(contexts);
    const second = refused(producer.processBatch(contexts), 'CLOSED');
    await producer.close();
    await producer.close();
    assert.equal((await first).count, 40);
    await second;
    await refused(producer.processBatch(contexts), 'CLOSED');
    assert.ok(received(subscriber).length >= 40);
    await publisher.send('by hand');
    assert.equal((await subscriber.receive()).value, 'by hand');
    const another = await bench.producer(publisher);
    const again = await inArena(another, ['again']);
    await another.processBatch(again);
    assert.equal((await subscriber.receive()).value, 'again');
  });

  it('of the publisher: it closes its producer, and what is launched is published before', async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words();
    const producer = await bench.producer(publisher);
    const contexts = await inArena(producer, ['last words']);
    bench.delay(producer, 20);
    const batch = producer.processBatch(contexts);
    await publisher.close();
    assert.equal((await batch).count, 1);
    await refused(producer.processBatch(contexts), 'CLOSED');
  });

  it('of the channel by a signal: nothing is unmapped under the GPU', async (t) => {
    const bench = new GpuBench(t);
    const controller = new AbortController();
    const publisher = await bench.words({ signal: controller.signal });
    const producer = await bench.producer(publisher);
    const contexts = await inArena(producer, ['too late']);
    bench.delay(producer, 40);
    const batch = refused(producer.processBatch(contexts), 'CLOSED');
    const ended = performance.now();
    controller.abort();
    await batch;
    await publisher.closed;
    assert.ok(performance.now() - ended > 20, 'the GPU was at work until then');
    await refused(producer.processBatch(contexts), 'CLOSED');
    await producer.close();
  });

  // The last one: the context of this process is lost with it.
  it('of the GPU: batches fail, and the publisher goes on without it', async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words();
    const subscriber = await bench.reader();
    const producer = await bench.producer(publisher);
    const contexts = await inArena(producer, ['one', 'two']);
    await producer.processBatch(contexts);
    bench.delay(producer, 10);
    bench.fault(producer);
    const lost = producer.processBatch(contexts);
    const waiting = publisher.send('three');
    await refused(lost, 'CUDA_ERROR');
    await waiting;
    await refused(producer.processBatch(contexts), 'CUDA_ERROR');
    assert.deepEqual(
      received(subscriber).map(({ value, sequence }) => [value, sequence]),
      [
        ['one', 1],
        ['two', 2],
        ['three', 3],
      ],
    );
    await producer.close();
    await publisher.close();
  });
});
