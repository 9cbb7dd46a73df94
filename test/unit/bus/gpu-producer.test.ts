/** Messages that a GPU writes into a ring: what arrives, in which order, and what stands in the way. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { encode, GpuBench, inArena, packed, received, refused, skip, texts } from './gpu-bench.js';

const options = { timeout: 30_000, skip };
const patient = { patienceMs: Infinity } as const;

describe('a batch of a GPU', options, () => {
  it('arrives as its contexts say, in order, typed and styled', async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words();
    const subscriber = await bench.reader();
    const styles = { 2: { prefix: '\x1b[31m', suffix: '\x1b[0m' }, 7: { prefix: 'ä'.repeat(8) } };
    const producer = await bench.producer(publisher, { styles });
    const words = ['one', '', 'drei: äöü', 'x'.repeat(235), 'five'];
    const contexts = await inArena(producer, words, [0, 7, 2, 2, 255]);
    const published = await producer.processBatch(contexts);
    assert.deepEqual(published, { first: 1, last: 6, count: 5 });
    assert.deepEqual(received(subscriber), [
      { value: 'one', type: 0, sequence: 1 },
      { value: 'ä'.repeat(8), type: 7, sequence: 2 },
      { value: '\x1b[31mdrei: äöü\x1b[0m', type: 2, sequence: 3 },
      // With its style it takes two slots.
      { value: `\x1b[31m${'x'.repeat(235)}\x1b[0m`, type: 2, sequence: 4 },
      { value: 'five', type: 255, sequence: 6 },
    ]);
    const bytes = encode(`oneäääääääädrei: äöü${'x'.repeat(235)}five`).length + 2 * 9;
    assert.deepEqual([publisher.stats().published, publisher.stats().bytes], [5, bytes]);
    assert.deepEqual(producer.stats(), {
      batches: 1,
      launches: 1,
      messages: 5,
      clamped: 0,
      slotsUnderWay: 0,
    });
  });

  const shapes: readonly [string, number, number][] = [
    ['a few short ones', 20, 60],
    ['a few long ones', 12, 4000],
    ['many that fit a slot each', 500, 240],
    ['many of all lengths', 500, 900],
  ];
  for (const [name, count, longest] of shapes) {
    for (const made of ['objects', 'packed', 'on the device'] as const) {
      it(`${name}, contexts ${made}, more than the ring holds`, async (t) => {
        const bench = new GpuBench(t);
        const publisher = await bench.words({ slots: 128, ...patient });
        const subscriber = await bench.reader();
        const producer = await bench.producer(publisher);
        const words = texts(count, longest);
        const contexts = await inArena(producer, words, [0, 1, 2]);
        const pointer = await bench.onDevice(new Uint8Array(packed(contexts).buffer));
        const batch =
          made === 'objects'
            ? contexts
            : made === 'packed'
              ? packed(contexts)
              : { pointer, count, maxBytes: longest };
        const seen: string[] = [];
        const types = new Set<number>();
        const reading = (async () => {
          for (let i = 0; i < 2 * count; i++) {
            const message = await subscriber.receive();
            seen.push(message.value);
            types.add(message.type);
          }
        })();
        const [first, second] = await Promise.all([
          producer.processBatch(batch),
          producer.processBatch(batch),
          reading,
        ]);
        assert.deepEqual(seen, [...words, ...words]);
        assert.deepEqual([...types].toSorted(), [0, 1, 2]);
        assert.deepEqual([first.count, second.count], [count, count]);
        assert.equal(first.first, 1);
        assert.ok(second.first > first.last);
        assert.equal(second.last, subscriber.stats().lastSequence);
        assert.equal(subscriber.stats().lost, 0);
        assert.equal(producer.stats().clamped, 0);
        assert.equal(publisher.stats().published, 2 * count);
      });
    }
  }

  it('wakes a subscriber that sleeps', async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words();
    const subscriber = await bench.reader();
    const producer = await bench.producer(publisher);
    const contexts = await inArena(producer, ['good morning']);
    const receiving = subscriber.receive();
    await sleep(20);
    bench.delay(producer, 30);
    await producer.processBatch(contexts);
    assert.equal((await receiving).value, 'good morning');
  });

  it('is cut to the arena where the device made its contexts, and counted', async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words();
    const subscriber = await bench.reader();
    const producer = await bench.producer(publisher, {
      arenaBytes: 32,
      styles: { 1: { suffix: '!' } },
    });
    await inArena(producer, ['0123456789abcdefghijklmnopqrstuv']);
    const contexts = [
      { offset: 30, byteLength: 9, type: 0 },
      { offset: 33, byteLength: 1, type: 3 },
      { offset: 2 ** 32 - 1, byteLength: 2 ** 32 - 1, type: 256 },
      { offset: 0, byteLength: 32, type: 1 },
      { offset: 4, byteLength: 2, type: 1 },
    ];
    const pointer = await bench.onDevice(new Uint8Array(packed(contexts).buffer));
    for (const maxBytes of [10, 300]) {
      const before = producer.stats().clamped;
      await producer.processBatch({ pointer, count: contexts.length, maxBytes });
      const all = received(subscriber).map(({ value, type }) => [value, type]);
      assert.deepEqual(all, [
        ['uv', 0],
        ['', 3],
        ['', 0],
        [maxBytes === 10 ? '012345678!' : '0123456789abcdefghijklmnopqrstuv!', 1],
        ['45!', 1],
      ]);
      assert.equal(producer.stats().clamped - before, maxBytes === 10 ? 4 : 3);
    }
  });

  it('is refused as a whole for one context that is wrong', async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words();
    const producer = await bench.producer(publisher, { arenaBytes: 8192 });
    const good = { offset: 0, byteLength: 10, type: 0 };
    const many = (bad: object): readonly (typeof good)[] => [
      ...Array.from({ length: 40 }, () => good),
      { ...good, ...bad },
    ];
    for (const batch of [(bad: object) => [good, { ...good, ...bad }], many]) {
      await refused(producer.processBatch(batch({ offset: 8190 })), RangeError);
      await refused(producer.processBatch(batch({ byteLength: 2 ** 32 - 1 })), RangeError);
      await refused(producer.processBatch(batch({ type: 256 })), RangeError);
      await refused(producer.processBatch(batch({ offset: -1 })), RangeError);
      await refused(producer.processBatch(batch({ byteLength: 1.5 })), RangeError);
      await refused(producer.processBatch(packed(batch({ offset: 8190 }))), RangeError);
      await refused(producer.processBatch(batch({ byteLength: 4000 })), 'MESSAGE_TOO_LARGE');
    }
    await refused(producer.processBatch(new Uint32Array(6)), RangeError);
    await refused(producer.processBatch([{ offset: '1' }] as never), TypeError);
    await refused(producer.processBatch({ count: 1 } as never), TypeError);
    await refused(producer.processBatch(null as never), TypeError);
    await refused(producer.processBatch({ pointer: 8n, count: 1, maxBytes: 1 }), RangeError);
    await refused(producer.processBatch({ pointer: 16n, count: 1, maxBytes: 4000 }), RangeError);
    assert.equal(publisher.stats().published, 0);
    assert.equal(producer.stats().launches, 0);
    assert.deepEqual(await producer.processBatch([]), { first: 1, last: 0, count: 0 });
    assert.equal((await producer.processBatch([good])).last, 1);
  });

  it('that is refused is no obstacle to those behind it', async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words();
    const subscriber = await bench.reader();
    const producer = await bench.producer(publisher);
    const [good] = await inArena(producer, ['good']);
    bench.delay(producer, 10);
    const all = await Promise.allSettled([
      producer.processBatch([good as never]),
      producer.processBatch([{ offset: 2 ** 20, byteLength: 1 }]),
      producer.processBatch([good as never]),
    ]);
    assert.deepEqual(
      all.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    assert.equal(received(subscriber).length, 2);
  });
});

describe('a ring that is full', options, () => {
  it('makes a batch wait until its readers have read', async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words(patient);
    const subscriber = await bench.reader();
    const producer = await bench.producer(publisher);
    const words = texts(100, 200);
    const contexts = await inArena(producer, words);
    let done = false;
    const sending = producer.processBatch(contexts).then(() => (done = true));
    await sleep(50);
    assert.equal(done, false);
    assert.equal(publisher.stats().published, 64);
    const seen: string[] = [];
    while (seen.length < 100) seen.push((await subscriber.receive()).value);
    await sending;
    assert.deepEqual(seen, words);
    assert.equal(subscriber.stats().lost, 0);
  });

  it('passes over a reader for whom patience has ended', async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words({ patienceMs: 50 });
    const subscriber = await bench.reader();
    const producer = await bench.producer(publisher);
    const contexts = await inArena(producer, texts(200, 200));
    const { count } = await producer.processBatch(contexts);
    assert.equal(count, 200);
    assert.equal(publisher.stats().passedOver, 1);
    const seen = received(subscriber);
    assert.ok(seen.length < 200);
    assert.ok(subscriber.stats().lost > 0);
  });

  it("drops what has no room, by steps, with whenFull: 'drop'", async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words({ whenFull: 'drop', ...patient });
    const subscriber = await bench.reader();
    const producer = await bench.producer(publisher);
    const words = texts(100, 200);
    const contexts = await inArena(producer, words);
    assert.deepEqual(await producer.processBatch(contexts), { first: 1, last: 64, count: 64 });
    assert.equal(publisher.stats().dropped, 36);
    assert.deepEqual(await producer.processBatch(contexts), { first: 65, last: 64, count: 0 });
    assert.deepEqual(
      received(subscriber).map(({ value }) => value),
      words.slice(0, 64),
    );
    assert.equal((await producer.processBatch(contexts)).count, 64);
  });

  it('is overrun where the publisher says so, and readers tell', async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words({ whenFull: 'overwrite' });
    const subscriber = await bench.reader();
    const newest = await bench.reader({ delivery: 'latest' });
    const producer = await bench.producer(publisher);
    const words = texts(300, 200);
    assert.equal((await producer.processBatch(await inArena(producer, words))).count, 300);
    assert.equal(newest.tryReceive()?.value, words.at(-1));
    assert.deepEqual(received(subscriber), []);
    assert.equal(subscriber.stats().lost, 300);
  });

  it('lets a batch be aborted that waits', async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words(patient);
    const subscriber = await bench.reader();
    const producer = await bench.producer(publisher);
    const contexts = await inArena(producer, texts(100, 200));
    const controller = new AbortController();
    const sending = producer.processBatch(contexts, { signal: controller.signal });
    const next = producer.processBatch(contexts.slice(0, 3));
    await sleep(20);
    controller.abort(new Error('enough'));
    await assert.rejects(sending, /enough/);
    assert.equal(received(subscriber).length, 64);
    assert.equal((await next).count, 3);
    const aborted = producer.processBatch(contexts, { signal: AbortSignal.abort(new Error('no')) });
    await assert.rejects(aborted, /no/);
  });
});

describe('a publisher whose ring a GPU has', options, () => {
  it('has no room, sends when the batches are through, and goes on in order', async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words({ whenFull: 'drop' });
    const subscriber = await bench.reader();
    const producer = await bench.producer(publisher);
    const contexts = await inArena(producer, ['b', 'c']);
    await publisher.send('a');
    bench.delay(producer, 30);
    const batch = producer.processBatch(contexts);
    assert.equal(publisher.trySend('not now'), false);
    assert.equal(publisher.trySendBatch([encode('nor now')]), 0);
    const sending = publisher.send('d');
    assert.equal(producer.stats().slotsUnderWay, 2);
    assert.deepEqual(await batch, { first: 2, last: 3, count: 2 });
    await sending;
    assert.equal(publisher.trySend('e'), true);
    await producer.processBatch(contexts);
    assert.equal(
      received(subscriber)
        .map(({ value }) => value)
        .join(''),
      'abcdebc',
    );
    assert.deepEqual([publisher.stats().published, publisher.stats().dropped], [7, 2]);
  });

  it('has its turn among batches that never end', async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words(patient);
    const subscriber = await bench.reader();
    const producer = await bench.producer(publisher);
    const contexts = await inArena(producer, texts(40, 200));
    let running = true;
    const producing = (async () => {
      let pending: Promise<unknown> = Promise.resolve();
      while (running) {
        const next = producer.processBatch(contexts);
        await pending;
        pending = next;
      }
      await pending;
    })();
    const reading = (async () => {
      let own = 0;
      while (own < 20) {
        const { value, type } = await subscriber.receive();
        if (type === 9) assert.equal(value, `own ${own++}`);
      }
    })();
    for (let i = 0; i < 20; i++) await publisher.send(`own ${i}`, { type: 9 });
    await reading;
    running = false;
    await subscriber.close();
    await producing;
    assert.equal(subscriber.stats().lost, 0);
  });

  it('lets subscribers join meanwhile, who miss nothing from there on', async (t) => {
    const bench = new GpuBench(t);
    const publisher = await bench.words({ slots: 256, ...patient });
    const producer = await bench.producer(publisher);
    const contexts = await inArena(producer, texts(50, 200));
    let running = true;
    const producing = (async () => {
      while (running) await Promise.all([1, 2, 3].map(() => producer.processBatch(contexts)));
    })();
    for (const start of ['oldest', 'newest', 'oldest'] as const) {
      const subscriber = await bench.reader({ start });
      let last = (await subscriber.receive()).sequence;
      for (let i = 0; i < 300; i++) {
        const { sequence } = await subscriber.receive();
        assert.equal(sequence, last + 1);
        last = sequence;
      }
      await subscriber.close();
    }
    running = false;
    await producing;
  });
});
