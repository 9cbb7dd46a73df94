import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bytes,
  type MessagePublisher,
  type MessageSubscriber,
  text,
  type TextFormat,
} from '../../../src/index.js';
import { Bench, failure, nextStatus } from './bench.js';

const options = { timeout: 20_000 };

describe('a full ring', options, () => {
  const small = { layout: 'bytes', ringBytes: 4096 } as const;

  it("whenFull: 'drop' gives up what does not fit, and counts it", async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('words', {
      format: text(),
      ...small,
      whenFull: 'drop',
      patienceMs: Infinity,
    });
    const subscriber = await bench.subscriber('words', { format: text() });
    let sent = 0;
    while (publisher.trySend('x'.repeat(100))) sent += 1;
    await publisher.send('x'.repeat(100));
    assert.equal(publisher.trySendBatch([Buffer.alloc(900), Buffer.alloc(900)]), 0);
    assert.deepEqual([publisher.stats().published, publisher.stats().dropped], [sent, 4]);
    let seen = 0;
    for (; subscriber.tryReceive() !== undefined; seen++);
    assert.equal(seen, sent);
    assert.equal(subscriber.stats().lost, 0);
    assert.equal(publisher.trySend('again'), true);
  });

  for (const layout of ['bytes', 'slots'] as const) {
    it(`whenFull: 'wait' loses nothing, ${layout}`, async (t) => {
      const bench = new Bench(t);
      const publisher = await bench.publisher('words', {
        format: text(),
        layout,
        ...(layout === 'slots' ? { slots: 16 } : { ringBytes: 4096 }),
        patienceMs: Infinity,
      });
      const subscriber = await bench.subscriber('words', { format: text() });
      const sending = (async () => {
        for (let i = 0; i < 3000; i++) await publisher.send(`${i} ${'x'.repeat(i % 700)}`);
      })();
      for (let i = 0; i < 3000; i++) {
        assert.equal((await subscriber.receive()).value, `${i} ${'x'.repeat(i % 700)}`);
      }
      await sending;
      assert.equal(subscriber.stats().lost, 0);
      assert.equal(publisher.stats().dropped, 0);
    });

    it(`waitForRoom() waits for what did not fit, ${layout}`, async (t) => {
      const bench = new Bench(t);
      const publisher = await bench.publisher('blobs', {
        format: bytes(),
        layout,
        ...(layout === 'slots' ? { slots: 16 } : { ringBytes: 4096 }),
        patienceMs: Infinity,
      });
      const subscriber = await bench.subscriber('blobs', { format: bytes() });
      const size = publisher.maxMessageBytes - 100;
      const batch = Array.from({ length: 200 }, (_, i) => new Uint8Array(size).fill(i));
      let waits = 0;
      const sending = (async () => {
        for (let sent = 0; sent < batch.length;) {
          sent += publisher.trySendBatch(batch.slice(sent));
          if (sent === batch.length) break;
          await publisher.waitForRoom();
          waits += 1;
        }
      })();
      for (let i = 0; i < 200; i++) assert.equal((await subscriber.receive()).value[0], i);
      await sending;
      assert.ok(waits < 1000, `${waits} waits for 200 messages`);
    });
  }

  it("whenFull: 'overwrite' waits for nobody; who was overrun finds a gap that names it", async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('words', {
      format: text(),
      ...small,
      whenFull: 'overwrite',
    });
    const subscriber = await bench.subscriber('words', { format: text() });
    const statuses = subscriber.status()[Symbol.asyncIterator]();
    await statuses.next();
    await publisher.send('1');
    assert.equal((await subscriber.receive()).value, '1');
    for (let i = 2; i <= 500; i++) assert.equal(publisher.trySend(String(i)), true);
    assert.equal(subscriber.tryReceive(), undefined);
    await publisher.send('501');
    const message = await subscriber.receive();
    const gap = await nextStatus(statuses, 'gap');
    assert.deepEqual([gap.from, gap.to], [2, message.sequence - 1]);
    assert.equal(subscriber.stats().lost, message.sequence - 2);
    assert.equal(message.value, String(message.sequence));
    assert.equal(publisher.stats().dropped, 0);
  });

  for (const looks of [true, false]) {
    const when = looks ? 'looked in between' : 'looks for the first time then';
    it(`counts what an overrun lost when nothing follows it, for who ${when}`, async (t) => {
      const bench = new Bench(t);
      const overwriting = { format: text(), ...small, whenFull: 'overwrite' } as const;
      const publisher = await bench.publisher('words', overwriting);
      const subscriber = await bench.subscriber('words', { format: text(), whenLost: 'end' });
      const statuses = subscriber.status()[Symbol.asyncIterator]();
      await statuses.next();
      for (let i = 1; i <= 500; i++) assert.equal(publisher.trySend(String(i)), true);
      if (looks) assert.equal(subscriber.tryReceive(), undefined);
      await publisher.close();
      await assert.rejects(subscriber.receive(), failure('CLOSED'));
      const gap = await nextStatus(statuses, 'gap');
      assert.deepEqual([gap.from, gap.to], [1, 500]);
      assert.deepEqual([subscriber.stats().received, subscriber.stats().lost], [0, 500]);
    });
  }

  it('passes over who reads nothing for longer than patienceMs, and gates on it again', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('words', {
      format: text(),
      ...small,
      patienceMs: 30,
    });
    const lazy = await bench.subscriber('words', { format: text() });
    const eager = await bench.subscriber('words', { format: text() });
    const statuses = lazy.status()[Symbol.asyncIterator]();
    await statuses.next();
    for (let i = 1; i <= 200; i++) {
      await publisher.send(String(i));
      assert.equal((await eager.receive()).value, String(i));
    }
    assert.equal(publisher.stats().passedOver, 1);
    assert.equal(eager.stats().lost, 0);
    while (lazy.tryReceive() !== undefined);
    await publisher.send('201');
    assert.equal((await lazy.receive()).value, '201');
    const gap = await nextStatus(statuses, 'gap');
    assert.equal(gap.to - gap.from + 1, lazy.stats().lost);
    assert.equal((await eager.receive()).value, '201');
    await gatesAgain(publisher, [lazy, eager]);
  });

  it('keeps a reader that reads on, however large the batch', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('blobs', {
      format: bytes(),
      ...small,
      patienceMs: 1,
    });
    const subscriber = await bench.subscriber('blobs', { format: bytes() });
    const batch = Array.from({ length: 500 }, () => new Uint8Array(200));
    let sent = 0;
    for (let round = 0; sent < batch.length; round++) {
      const more = publisher.trySendBatch(batch.slice(sent));
      sent += more;
      if (more > 0) subscriber.drain(() => undefined);
      const untilMs = performance.now() + 2;
      while (performance.now() < untilMs);
    }
    assert.equal(subscriber.stats().lost, 0);
    assert.equal(publisher.stats().passedOver, 0);
  });

  it("whenBehind: 'end' ends who was overrun", async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('words', {
      format: text(),
      ...small,
      whenFull: 'overwrite',
    });
    const subscriber = await bench.subscriber('words', { format: text(), whenBehind: 'end' });
    for (let i = 0; i < 500; i++) publisher.trySend(String(i));
    assert.equal(subscriber.tryReceive(), undefined);
    publisher.trySend('more');
    subscriber.tryReceive();
    assert.deepEqual(await subscriber.closed, { reason: 'behind' });
  });

  it('maxLag: a reader further behind goes on at the newest', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('words', { format: text() });
    const subscriber = await bench.subscriber('words', { format: text(), maxLag: 5 });
    for (let i = 1; i <= 5; i++) await publisher.send(String(i));
    assert.equal((await subscriber.receive()).value, '1');
    while (subscriber.tryReceive() !== undefined);
    for (let i = 6; i <= 30; i++) await publisher.send(String(i));
    assert.equal((await subscriber.receive()).value, '30');
    assert.equal(subscriber.stats().lost, 24);
  });

  it('waits end with their signal and with the publisher', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('words', {
      format: text(),
      ...small,
      patienceMs: Infinity,
    });
    await bench.subscriber('words', { format: text() });
    while (publisher.trySend('x'.repeat(100)));
    const abort = new AbortController();
    const sending = publisher.send('x'.repeat(100), { signal: abort.signal });
    const room = publisher.waitForRoom({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await assert.rejects(sending, /enough/);
    await assert.rejects(room, /enough/);
    const closed = assert.rejects(publisher.send('x'.repeat(100)), failure('CLOSED'));
    await publisher.close();
    await closed;
    assert.throws(() => publisher.trySend('x'), failure('CLOSED'));
    assert.throws(() => publisher.trySendBatch([]), failure('CLOSED'));
    await assert.rejects(publisher.waitForRoom(), failure('CLOSED'));
  });
});

/** Fills the ring until somebody holds the publisher back: then all of them do. */
async function gatesAgain(
  publisher: MessagePublisher<TextFormat>,
  subscribers: readonly MessageSubscriber<TextFormat>[],
): Promise<void> {
  let sent = 0;
  while (publisher.trySend('y'.repeat(100))) sent += 1;
  for (const subscriber of subscribers) {
    let seen = 0;
    for (; subscriber.tryReceive() !== undefined; seen++);
    assert.equal(seen, sent, 'nothing was overrun');
  }
  await publisher.send('z');
}
