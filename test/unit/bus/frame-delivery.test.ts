import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Bench, failure, nextStatus, NUMBERS, put, takeAll, takeValue, until } from './bench.js';

const options = { timeout: 20_000 };

describe("delivery: 'latest'", options, () => {
  it('gets the newest and counts what it passed over', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS });
    for (let value = 1; value <= 5; value++) put(publisher, value);
    using frame = await subscriber.receive();
    assert.deepEqual([frame.sequence, frame.skipped], [5, 4]);
    assert.equal(subscriber.tryReceive(), undefined);
    put(publisher, 6);
    put(publisher, 7);
    using next = await subscriber.receive();
    assert.deepEqual([next.sequence, next.skipped], [7, 1]);
    const { received, skipped, lost, lastSequence } = subscriber.stats();
    assert.deepEqual(
      { received, skipped, lost, lastSequence },
      {
        received: 2,
        skipped: 5,
        lost: 0,
        lastSequence: 7,
      },
    );
  });

  it('a late subscriber gets the newest frame at once, and only that', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    for (let value = 1; value <= 100; value++) put(publisher, value);
    const latest = await bench.subscriber('numbers', { format: NUMBERS });
    const every = await bench.subscriber('numbers', { format: NUMBERS, delivery: 'every' });
    assert.deepEqual(takeAll(latest), [100]);
    assert.deepEqual(takeAll(every), [100]);
    assert.equal(latest.stats().skipped, 0);
  });
});

describe("delivery: 'every'", options, () => {
  it('gets all in order within its budget', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 16 });
    const subscriber = await bench.subscriber('numbers', {
      format: NUMBERS,
      delivery: 'every',
      maxLag: 8,
    });
    const seen: number[] = [];
    for (let value = 1; value <= 80; value++) {
      put(publisher, value);
      if (value % 8 === 0) seen.push(...takeAll(subscriber));
    }
    assert.deepEqual(
      seen,
      Array.from({ length: 80 }, (_, i) => i + 1),
    );
    assert.equal(subscriber.stats().lost, 0);
  });

  it('beyond its budget jumps to what is promised, and the gap names what is missing', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 16 });
    const subscriber = await bench.subscriber('numbers', {
      format: NUMBERS,
      delivery: 'every',
      maxLag: 4,
    });
    const statuses = subscriber.status()[Symbol.asyncIterator]();
    assert.equal((await statuses.next()).value.type, 'connected');
    put(publisher, 1);
    assert.deepEqual(takeAll(subscriber), [1]);
    for (let value = 2; value <= 20; value++) put(publisher, value);
    using frame = await subscriber.receive();
    assert.deepEqual([frame.sequence, frame.skipped], [17, 15]);
    assert.deepEqual(takeAll(subscriber), [18, 19, 20]);
    assert.deepEqual(await nextStatus(statuses, 'gap'), {
      type: 'gap',
      from: 2,
      to: 16,
      cause: 'behind',
    });
    assert.equal(subscriber.stats().lost, 15);
  });

  it("beyond its budget ends with whenBehind: 'end', without handing out another frame", async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 16 });
    const subscriber = await bench.subscriber('numbers', {
      format: NUMBERS,
      delivery: 'every',
      maxLag: 4,
      whenBehind: 'end',
    });
    put(publisher, 1);
    const held = await subscriber.receive();
    for (let value = 2; value <= 9; value++) put(publisher, value);
    assert.equal(subscriber.tryReceive(), undefined);
    assert.deepEqual(await subscriber.closed, { reason: 'behind' });
    await assert.rejects(subscriber.receive(), failure('CLOSED', /behind/));
    for (let value = 10; value <= 60; value++) put(publisher, value);
    assert.equal((held.tensors.data.data as Uint32Array)[0], 1, 'what was held is still leased');
    assert.equal(publisher.stats().subscribers, 1);
    held.release();
    await until(() => publisher.stats().subscribers === 0);
    assert.equal(publisher.stats().slotsHeld, 0);
  });

  it("a publisher with whenFull: 'wait' waits for it, and nothing is missed", async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', {
      format: NUMBERS,
      slots: 8,
      whenFull: 'wait',
      patienceMs: Infinity,
    });
    const subscriber = await bench.subscriber('numbers', {
      format: NUMBERS,
      delivery: 'every',
      maxLag: 3,
    });
    const count = 500;
    const publishing = (async () => {
      for (let value = 1; value <= count; value++) {
        using loan = await publisher.loan();
        (loan.tensors.data.data as Uint32Array).fill(value);
        loan.publish();
      }
    })();
    for (let value = 1; value <= count; value++) assert.equal(await takeValue(subscriber), value);
    await publishing;
    assert.equal(subscriber.stats().lost, 0);
    assert.equal(publisher.stats().dropped, 0);
  });

  it('a publisher that waits passes over who reads nothing, and counts it', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', {
      format: NUMBERS,
      slots: 8,
      whenFull: 'wait',
      patienceMs: 20,
    });
    const lazy = await bench.subscriber('numbers', {
      format: NUMBERS,
      delivery: 'every',
      maxLag: 2,
      maxHeld: 1,
    });
    const eager = await bench.subscriber('numbers', {
      format: NUMBERS,
      delivery: 'every',
      maxLag: 2,
      maxHeld: 1,
    });
    for (let value = 1; value <= 6; value++) {
      using loan = await publisher.loan();
      (loan.tensors.data.data as Uint32Array).fill(value);
      loan.publish();
      assert.equal(await takeValue(eager), value);
    }
    assert.equal(publisher.stats().passedOver, 1);
    assert.equal(eager.stats().lost, 0);
    assert.deepEqual(takeAll(lazy), [5, 6]);
    assert.equal(lazy.stats().lost, 4);
  });

  it('a publisher that waits goes on when the one it waits for leaves', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', {
      format: NUMBERS,
      whenFull: 'wait',
      patienceMs: Infinity,
    });
    const lazy = await bench.subscriber('numbers', {
      format: NUMBERS,
      delivery: 'every',
      maxLag: 1,
    });
    put(publisher, 1);
    assert.equal(publisher.tryLoan(), undefined);
    assert.equal(publisher.stats().dropped, 0, 'waiting is no drop');
    const waiting = publisher.loan();
    await lazy.close();
    using loan = await waiting;
    assert.equal(loan.publish(), 2);
  });
});

describe('share', options, () => {
  for (const delivery of ['every', 'latest'] as const) {
    it(`splits a channel exactly, ${delivery}`, async (t) => {
      const bench = new Bench(t);
      const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 16 });
      const members = await Promise.all(
        [0, 1, 2].map((index) =>
          bench.subscriber('numbers', {
            format: NUMBERS,
            delivery,
            maxHeld: 1,
            share: { index, count: 3 },
          }),
        ),
      );
      const seen = members.map((): number[] => []);
      for (let value = 1; value <= 60; value++) {
        put(publisher, value);
        for (const [index, member] of members.entries()) seen[index]!.push(...takeAll(member));
      }
      const all = Array.from({ length: 60 }, (_, i) => i + 1);
      for (const [index, values] of seen.entries()) {
        assert.deepEqual(
          values,
          all.filter((value) => value % 3 === index),
        );
      }
      for (const member of members) assert.equal(member.stats().lost, 0);
    });
  }

  it('counts only its own as missing', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 16 });
    const member = await bench.subscriber('numbers', {
      format: NUMBERS,
      delivery: 'every',
      maxLag: 4,
      share: { index: 1, count: 2 },
    });
    for (let value = 1; value <= 20; value++) put(publisher, value);
    assert.deepEqual(takeAll(member), [17, 19]);
    assert.equal(member.stats().lost, 8);
  });
});

describe('keyFramesOnly', options, () => {
  it('passes over all others, and the publisher learns of it', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 16 });
    const demand = publisher.demand()[Symbol.asyncIterator]();
    assert.deepEqual((await demand.next()).value, { subscribers: 0, keyFramesOnly: false });
    const keys = await bench.subscriber('numbers', {
      format: NUMBERS,
      delivery: 'every',
      keyFramesOnly: true,
    });
    assert.deepEqual((await demand.next()).value, { subscribers: 1, keyFramesOnly: true });
    const all = await bench.subscriber('numbers', { format: NUMBERS, delivery: 'every' });
    assert.deepEqual((await demand.next()).value, { subscribers: 2, keyFramesOnly: false });
    const seen = { keys: [] as number[], all: [] as number[] };
    for (let value = 1; value <= 12; value++) {
      put(publisher, value, { keyFrame: value % 4 === 0 });
      if (value % 2 !== 0) continue;
      seen.keys.push(...takeAll(keys));
      seen.all.push(...takeAll(all));
    }
    assert.deepEqual(seen.keys, [4, 8, 12]);
    assert.equal(seen.all.length, 12);
    assert.equal(keys.stats().skipped, 9);
    assert.equal(keys.stats().lost, 0);
    await all.close();
    assert.deepEqual((await demand.next()).value, { subscribers: 1, keyFramesOnly: true });
    await publisher.close();
    assert.equal((await demand.next()).done, true);
  });

  it('wakes for a key frame after many others', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 4 });
    const keys = await bench.subscriber('numbers', { format: NUMBERS, keyFramesOnly: true });
    const receiving = takeValue(keys);
    for (let value = 1; value <= 300; value++) {
      put(publisher, value);
      if (value % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    put(publisher, 301, { keyFrame: true });
    assert.equal(await receiving, 301);
  });

  it('demand ends with its signal', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const abort = new AbortController();
    const demand = publisher.demand({ signal: abort.signal })[Symbol.asyncIterator]();
    await demand.next();
    const pending = demand.next();
    abort.abort();
    assert.equal((await pending).done, true);
  });
});
