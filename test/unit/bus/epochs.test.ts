import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tensor, tensors, video } from '../../../src/index.js';
import {
  Bench,
  failure,
  nextStatus,
  NUMBERS,
  type Numbers,
  put,
  takeAll,
  until,
  valueOf,
} from './bench.js';

const options = { timeout: 20_000 };

describe('deferred frames', options, () => {
  it('are pending until complete() says so', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS });
    const loan = publisher.tryLoan()!;
    const numbers = loan.tensors.data.data as Uint32Array;
    const sequence = loan.publish({ deferred: true });
    using frame = await subscriber.receive();
    assert.equal(frame.state, 'pending');
    const ready = frame.ready();
    numbers.fill(9);
    assert.equal(publisher.complete(sequence), true);
    await ready;
    assert.equal(frame.state, 'ready');
    assert.equal(valueOf(frame), 9);
    assert.equal(publisher.complete(sequence), false, 'once');
    assert.equal(publisher.complete(sequence + 1), false, 'never published');
    assert.throws(() => publisher.complete(0), RangeError);
  });

  it('are lost when their publisher ends before; ready ones are not', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', {
      format: NUMBERS,
      delivery: 'every',
      whenLost: 'end',
    });
    put(publisher, 1);
    put(publisher, 2, { deferred: true });
    using whole = await subscriber.receive();
    using pending = await subscriber.receive();
    const lost = assert.rejects(pending.ready(), failure('FRAME_LOST'));
    const copy = assert.rejects(pending.toHost(), failure('FRAME_LOST'));
    await publisher.close();
    await Promise.all([lost, copy]);
    assert.deepEqual([whole.state, pending.state], ['ready', 'lost']);
    await whole.ready();
  });

  it('ready() ends with its signal', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS });
    put(publisher, 1, { deferred: true });
    using frame = await subscriber.receive();
    const abort = new AbortController();
    const ready = frame.ready({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await assert.rejects(ready, /enough/);
  });

  it('keep their slot until they are complete, and a waiting loan() gets it then', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 2 });
    const first = put(publisher, 1, { deferred: true });
    const second = put(publisher, 2, { deferred: true });
    assert.equal(publisher.tryLoan(), undefined);
    const waiting = publisher.loan();
    publisher.complete(first);
    using loan = await waiting;
    assert.equal(loan.publish(), 3);
    publisher.complete(second);
  });
});

describe('setFormat', options, () => {
  const small = video({ width: 8, height: 8, pixelFormat: 'gray8' });
  const large = video({ width: 32, height: 16, pixelFormat: 'gray8' });

  it('lets subscribers read the old epoch to its end, then the new one', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('pictures', { format: small, slots: 12 });
    const subscriber = await bench.subscriber('pictures', {
      format: video({ pixelFormat: 'gray8' }),
      delivery: 'every',
    });
    const statuses = subscriber.status()[Symbol.asyncIterator]();
    await statuses.next();
    const send = (value: number, format: typeof small): void => {
      const frame = new Uint8Array(64 * format.height).fill(value);
      assert.notEqual(publisher.send(frame), undefined);
    };
    for (const value of [1, 2, 3]) send(value, small);
    await publisher.setFormat(large, { slots: 7 });
    assert.deepEqual(publisher.format, publisher.manifest.format);
    assert.equal(publisher.manifest.slots, 7);
    for (const value of [4, 5]) send(value, large);
    const seen: unknown[] = [];
    for await (const frame of subscriber) {
      const { width, height } = frame.format;
      seen.push([frame.sequence, frame.epoch, width, height, frame.bytes[0], frame.skipped]);
      if (seen.length === 5) break;
    }
    assert.deepEqual(seen, [
      [1, 1, 8, 8, 1, 0],
      [2, 1, 8, 8, 2, 0],
      [3, 1, 8, 8, 3, 0],
      [4, 2, 32, 16, 4, 0],
      [5, 2, 32, 16, 5, 0],
    ]);
    const { epoch, format } = await nextStatus(statuses, 'epoch');
    assert.deepEqual([epoch, format], [2, subscriber.manifest.format]);
    assert.equal(publisher.stats().published, 5);
  });

  it('does nothing when nothing would change', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('pictures', { format: small });
    const loan = publisher.tryLoan()!;
    await publisher.setFormat(video({ width: 8, height: 8, pixelFormat: 'gray8' }));
    assert.equal(publisher.manifest.epoch, 1);
    assert.equal(loan.publish(), 1);
    await assert.rejects(publisher.setFormat(small, { slots: 385 }), RangeError);
    assert.equal(publisher.send(new Uint8Array(64 * 8)), 2, 'a refused change changes nothing');
  });

  it('leaves a frame that is held as it is', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: tensors() });
    put(publisher, 77);
    const frame = (await subscriber.receive()) as unknown as Parameters<typeof valueOf>[0];
    await publisher.setFormat(tensor('u32', [32]) as Numbers);
    publisher.send(new Uint32Array(32).fill(5));
    using next = await subscriber.receive();
    assert.equal(next.epoch, 2);
    assert.equal(valueOf(frame), 77);
    frame.release();
  });

  it('to what a subscriber does not want ends it after the old epoch was read', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('pictures', { format: small });
    const subscriber = await bench.subscriber('pictures', { format: small, delivery: 'every' });
    publisher.send(new Uint8Array(64 * 8).fill(1));
    publisher.send(new Uint8Array(64 * 8).fill(2));
    const held = await subscriber.receive();
    await publisher.setFormat(large);
    publisher.send(new Uint8Array(64 * 16).fill(3));
    await until(() => publisher.stats().subscribers === 0);
    const seen: (number | undefined)[] = [];
    for await (const frame of subscriber) seen.push(frame.bytes[0]);
    assert.deepEqual(seen, [2]);
    const { reason, error } = await subscriber.closed;
    assert.equal(reason, 'format');
    assert.equal(error?.code, 'FORMAT_MISMATCH');
    assert.match(error?.message ?? '', /width/);
    assert.equal(held.bytes[0], 1);
    held.release();
    await assert.rejects(subscriber.receive(), failure('CLOSED', /format/));
  });

  it('ends who waits, and who does not look at all', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('pictures', { format: small });
    const waiting = await bench.subscriber('pictures', { format: small });
    const idle = await bench.subscriber('pictures', { format: small });
    const receiving = assert.rejects(waiting.receive(), failure('CLOSED', /format/));
    await publisher.setFormat(large);
    await receiving;
    assert.equal((await idle.closed).reason, 'format');
  });

  it('many times in a row ends at the last, for who looks late too', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('pictures', { format: small });
    const late = await bench.subscriber('pictures', { format: video(), delivery: 'every' });
    const busy = await bench.subscriber('pictures', { format: video() });
    for (let epoch = 2; epoch <= 30; epoch++) {
      await publisher.setFormat(epoch % 2 === 0 ? large : small);
      publisher.send(new Uint8Array(64 * (epoch % 2 === 0 ? 16 : 8)).fill(epoch));
      using frame = await busy.receive();
      assert.equal(frame.bytes[0], epoch);
    }
    for await (const frame of late) if (frame.epoch === 30) break;
    assert.equal(late.manifest.epoch, 30);
    const again = takeAll({ tryReceive: () => undefined });
    assert.deepEqual(again, []);
    assert.equal(publisher.stats().subscribers, 2);
  });

  it('keeps the lease promise: slots are counted anew', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('pictures', { format: small, slots: 8 });
    await bench.subscriber('pictures', { format: video(), maxHeld: 2 });
    await publisher.setFormat(large);
    for (let round = 0; round < 50; round++) {
      assert.notEqual(publisher.send(new Uint8Array(64 * 16)), undefined);
    }
    assert.equal(publisher.stats().dropped, 0);
  });
});
