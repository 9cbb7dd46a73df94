import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Frame, isSluiceError } from '../../../src/index.js';
import {
  Bench,
  failure,
  NUMBERS,
  type Numbers,
  put,
  takeAll,
  turn,
  until,
  valueOf,
} from './bench.js';

const options = { timeout: 20_000 };

describe('a held frame', options, () => {
  it('is released once; twice is CLOSED', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS });
    put(publisher, 1);
    const frame = await subscriber.receive();
    assert.equal(frame.released, false);
    frame.release();
    assert.equal(frame.released, true);
    assert.throws(() => frame.release(), failure('CLOSED', /released/));
    assert.throws(() => frame.bytes, failure('CLOSED'));
    assert.throws(() => frame.tensors, failure('CLOSED'));
    assert.throws(() => frame.state, failure('CLOSED'));
    assert.throws(() => frame.retain(), failure('CLOSED'));
    await assert.rejects(frame.ready(), failure('CLOSED'));
    frame[Symbol.dispose]();
  });

  it('stays as it is while others come, for as long as one claim is left', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 4 });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS, maxHeld: 2 });
    put(publisher, 1);
    const first = await subscriber.receive();
    const second = first.retain();
    assert.equal(subscriber.stats().held, 1, 'both claims share one lease');
    first.release();
    assert.throws(() => first.bytes, failure('CLOSED'));
    for (let value = 2; value < 40; value++) {
      put(publisher, value);
      takeAll(subscriber);
      assert.equal(valueOf(second), 1);
    }
    assert.equal(publisher.subscribers[0]?.held, 1);
    second.release();
    assert.throws(() => second.release(), failure('CLOSED'));
    assert.equal(publisher.subscribers[0]?.held, 0);
    assert.equal(publisher.stats().dropped, 0);
  });

  it('reads zeros and is CLOSED once its subscriber is closed', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS });
    put(publisher, 1);
    const frame = await subscriber.receive();
    const numbers = frame.tensors.data.data as Uint32Array;
    await subscriber.close();
    assert.ok(numbers.every((value) => value === 0));
    assert.equal(frame.released, true);
    assert.throws(() => frame.release(), failure('CLOSED', /ended with its subscriber/));
    frame[Symbol.dispose]();
  });

  it('survives the end of its publisher', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS, whenLost: 'end' });
    put(publisher, 7);
    const frame = await subscriber.receive();
    const later = subscriber.receive();
    await publisher.close();
    await assert.rejects(later, failure('CLOSED', /ended/));
    assert.deepEqual(await subscriber.closed, { reason: 'ended' });
    assert.equal(valueOf(frame), 7, 'whoever reads it did not ask for the end');
    await subscriber.close();
    assert.equal(frame.released, true);
  });
});

describe('a loop', options, () => {
  it('releases its frame at the next turn, at break, and at a throw', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS, delivery: 'every' });
    for (let value = 1; value <= 4; value++) put(publisher, value);
    const seen: Frame<Numbers>[] = [];
    for await (const frame of subscriber) {
      if (seen.length === 1) assert.equal(seen[0]?.released, true);
      seen.push(frame);
      assert.equal(frame.released, false);
      if (seen.length === 2) break;
    }
    assert.equal(seen[1]?.released, true);
    await assert.rejects(async () => {
      for await (const frame of subscriber) {
        seen.push(frame);
        throw new Error('mine');
      }
    }, /mine/);
    assert.equal(seen[2]?.released, true);
    assert.equal(subscriber.stats().held, 0);
    assert.deepEqual(takeAll(subscriber), [4]);
  });

  it('keeps what was retained and does not release what its body released', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS, delivery: 'every' });
    put(publisher, 1);
    put(publisher, 2);
    let kept: Frame<Numbers> | undefined;
    for await (const frame of subscriber) {
      if (kept !== undefined) {
        frame.release();
        break;
      }
      kept = frame.retain();
    }
    assert.equal(valueOf(kept!), 1);
    kept!.release();
  });

  it('ends, without an error, when its subscriber is closed meanwhile', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS });
    put(publisher, 1);
    let turns = 0;
    for await (const frame of subscriber) {
      turns += 1;
      await subscriber.close();
      assert.equal(frame.released, true);
    }
    const asleep = (async () => {
      for await (const frame of await bench.subscriber('numbers', { format: NUMBERS })) {
        turns += 1;
        frame.release();
        break;
      }
    })();
    await asleep;
    assert.equal(turns, 2);
  });

  it('over frames that never run out lets the rest of the program run', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS });
    let stop = false;
    setTimeout(() => (stop = true), 1);
    put(publisher, 0);
    let turns = 0;
    for await (const frame of subscriber) {
      put(publisher, valueOf(frame) + 1);
      turns += 1;
      if (stop || turns === 2_000_000) break;
    }
    assert.ok(stop, 'a timer ran');
  });
});

describe('leases', options, () => {
  it('of maxHeld can all be held; one more is LEASES_EXHAUSTED until one is released', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', {
      format: NUMBERS,
      delivery: 'every',
      maxHeld: 3,
    });
    for (let value = 1; value <= 4; value++) put(publisher, value);
    const held = [1, 2, 3].map(() => subscriber.tryReceive()!);
    assert.throws(() => subscriber.tryReceive(), failure('LEASES_EXHAUSTED', /3 frames are held/));
    await assert.rejects(subscriber.receive(), failure('LEASES_EXHAUSTED'));
    held[1]!.release();
    assert.deepEqual(takeAll(subscriber), [4]);
    assert.deepEqual([valueOf(held[0]!), valueOf(held[2]!)], [1, 3]);
    held[0]!.release();
    held[2]!.release();
  });

  for (const slots of [3, 4, 5]) {
    it(`of ${slots} slots that cannot be granted say how many would do, and so many do`, async (t) => {
      const bench = new Bench(t);
      const publisher = await bench.publisher('numbers', { format: NUMBERS, slots });
      await bench.subscriber('numbers', { format: NUMBERS, maxHeld: 1 });
      const wanted = [
        { maxHeld: 6 },
        { maxHeld: 3, delivery: 'every', maxLag: 5 },
        { delivery: 'every', maxLag: 7 },
      ] as const;
      for (const [index, wish] of wanted.entries()) {
        const error: unknown = await bench
          .subscriber('numbers', { format: NUMBERS, ...wish })
          .catch((reason: unknown) => reason);
        assert.ok(isSluiceError(error, 'LEASES_EXHAUSTED'), String(error));
        const absolute = /slots: (\d+)/.exec(error.remedy)?.[1];
        const more = /(\d+) more slots/.exec(error.remedy)?.[1];
        const enough = absolute === undefined ? slots + Number(more) : Number(absolute);
        const name = `again${index}`;
        await bench.publisher(name, { format: NUMBERS, slots: enough });
        await bench.subscriber(name, { format: NUMBERS, maxHeld: 1 });
        await bench.subscriber(name, { format: NUMBERS, ...wish });
      }
      await until(() => publisher.stats().subscribers === 1);
    });
  }

  it('never make a publisher drop, however many are held', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 10 });
    const readers = await Promise.all(
      [3, 2, 2].map((maxHeld) => bench.subscriber('numbers', { format: NUMBERS, maxHeld })),
    );
    await assert.rejects(
      bench.subscriber('numbers', { format: NUMBERS, maxHeld: 2 }),
      failure('LEASES_EXHAUSTED'),
    );
    await turn();
    const held: Frame<Numbers>[] = [];
    for (let value = 1; value <= 200; value++) {
      put(publisher, value);
      for (const reader of readers) {
        const frame = value <= 3 && reader.stats().held < 2 ? reader.tryReceive() : undefined;
        if (frame !== undefined) held.push(frame);
      }
    }
    assert.equal(publisher.stats().dropped, 0);
    assert.equal(held.length, 6);
    for (const frame of held) assert.ok(valueOf(frame) <= 3);
    for (const frame of held) frame.release();
  });

  it('of a subscriber that left are free again', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 4 });
    for (let round = 0; round < 20; round++) {
      const subscriber = await bench.subscriber('numbers', { format: NUMBERS, maxHeld: 2 });
      put(publisher, round);
      await subscriber.receive();
      await subscriber.close();
      while (publisher.stats().subscribers > 0) await turn();
      assert.equal(publisher.stats().slotsHeld, 0);
    }
  });
});
