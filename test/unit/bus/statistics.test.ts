import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { observeChannel } from '../../../src/bus/index.js';
import { bytes, text } from '../../../src/index.js';
import { Bench, NUMBERS, put, takeAll, turn } from './bench.js';

const options = { timeout: 20_000 };

describe('statistics', options, () => {
  it('of frames agree at both ends', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 12 });
    const subscriber = await bench.subscriber('numbers', {
      format: NUMBERS,
      delivery: 'every',
      maxLag: 4,
      maxHeld: 2,
      label: 'the reader',
    });
    for (let value = 1; value <= 10; value++) put(publisher, value, { ptsNs: value });
    assert.equal(subscriber.stats().lag, 10);
    using held = await subscriber.receive();
    assert.equal(held.sequence, 7);
    const own = subscriber.stats();
    assert.deepEqual(
      { ...own, latencyUs: undefined },
      {
        received: 1,
        skipped: 0,
        lost: 6,
        reconnects: 0,
        lag: 3,
        held: 1,
        lastSequence: 7,
        lastPtsNs: 7,
        bytesInPlace: 64,
        bytesCopied: 0,
        latencyUs: undefined,
      },
    );
    assert.ok(own.latencyUs.p50 > 0 && own.latencyUs.p50 <= own.latencyUs.max);
    assert.ok(Object.isFrozen(own));
    const [seen] = publisher.subscribers;
    const { lastPtsNs: _, latencyUs, ...counts } = own;
    assert.deepEqual(
      { ...seen },
      {
        ...counts,
        latencyUs: { ...latencyUs },
        id: 1,
        label: 'the reader',
        pid: process.pid,
        uid: process.getuid!(),
        delivery: 'every',
        maxLag: 4,
        leases: 2,
      },
    );
    const { ratePerSecond: _rate, ...stats } = publisher.stats();
    assert.deepEqual(stats, {
      published: 10,
      dropped: 0,
      bytes: 640,
      subscribers: 1,
      slotsHeld: 1,
      slots: 12,
      passedOver: 0,
    });
    takeAll(subscriber);
    assert.equal(subscriber.stats().lag, 0);
    assert.equal(publisher.subscribers[0]?.lag, 0);
  });

  it('of messages agree at both ends, and stay after the end', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('blobs', { format: bytes() });
    const subscriber = await bench.subscriber('blobs', { format: bytes() });
    for (let i = 0; i < 5; i++) await publisher.send(new Uint8Array(100));
    for (let i = 0; i < 3; i++) subscriber.tryReceive();
    const own = subscriber.stats();
    assert.deepEqual([own.received, own.bytesCopied, own.lastSequence], [3, 300, 3]);
    assert.ok(own.lag > 0, 'what was copied and not delivered is still to come');
    assert.equal(publisher.subscribers[0]?.received, 3);
    subscriber.tryReceive();
    subscriber.tryReceive();
    assert.equal(subscriber.stats().lag, 0);
    assert.ok(subscriber.stats().latencyUs.max > 0);
    await publisher.close();
    await subscriber.close();
    const { published, bytes: sent, subscribers } = publisher.stats();
    assert.deepEqual([published, sent, subscribers], [5, 500, 1]);
    assert.equal(subscriber.stats().received, 5);
  });

  it('reach an observer', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('words', { format: text() });
    await bench.subscriber('words', { format: text(), label: 'one' });
    await publisher.send('a');
    const observed = await observeChannel(`${bench.directory}/words.sock`, { label: 'me' });
    const stats = observed.stats as {
      publisher: { published?: number };
      subscribers: { label?: string }[];
    };
    assert.equal(stats.publisher.published, 1);
    assert.deepEqual(
      stats.subscribers.map(({ label }) => label),
      ['one'],
    );
    await turn();
    assert.equal(publisher.stats().subscribers, 1, 'an observer is no subscriber');
  });
});
