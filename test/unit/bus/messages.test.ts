import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bytes,
  json,
  type MessagePublisher,
  type MessageSubscriber,
  packets,
  type StandardSchema,
  text,
  type TextFormat,
} from '../../../src/index.js';
import { Bench, failure, nextStatus, NUMBERS, put } from './bench.js';

const options = { timeout: 20_000 };

/** A Standard Schema that takes numbers in `{ n }` and makes them strings on the way out. */
const schema: StandardSchema<{ n: number }> = {
  '~standard': {
    validate: (value: unknown) =>
      typeof (value as { n?: unknown } | null)?.n === 'number'
        ? { value: value as { n: number } }
        : { issues: [{ message: 'n must be a number', path: ['n'] }] },
  },
};

for (const layout of ['bytes', 'slots'] as const) {
  describe(`messages in the ${layout} layout`, options, () => {
    it('text arrives as it was sent', async (t) => {
      const bench = new Bench(t);
      const publisher = await bench.publisher('words', { format: text(), layout });
      const subscriber = await bench.subscriber('words', { format: text() });
      const words = ['', 'a', 'grüße \u{1f600}', 'x'.repeat(241), 'long '.repeat(2000), '\0'];
      for (const [type, word] of words.entries()) await publisher.send(word, { type });
      for (const [index, word] of words.entries()) {
        const message = await subscriber.receive();
        assert.equal(message.value, word);
        assert.equal(message.type, index);
        assert.equal(message.byteLength, Buffer.byteLength(word));
        assert.equal(message.channel, 'words');
        if (layout === 'bytes') {
          assert.equal(message.sequence, index + 1);
          assert.ok(message.timeNs > 0);
        } else assert.ok(Number.isNaN(message.timeNs));
      }
      assert.equal(subscriber.tryReceive(), undefined);
      assert.equal(subscriber.stats().received, words.length);
    });

    it('json is checked by the schema at both ends', async (t) => {
      const bench = new Bench(t);
      const publisher = await bench.publisher('values', { format: json(schema), layout });
      const subscriber = await bench.subscriber('values', { format: json(schema) });
      const open = await bench.subscriber('values', { format: json() });
      await publisher.send({ n: 1 });
      await assert.rejects(
        publisher.send({ n: 'one' } as never),
        failure('INVALID_MESSAGE', /n must be a number/),
      );
      assert.throws(() => publisher.trySend({} as never), failure('INVALID_MESSAGE'));
      await publisher.send(Buffer.from('{"n":"two"}'));
      await publisher.send(Buffer.from('not json'));
      await publisher.send({ n: 3 });
      assert.deepEqual((await subscriber.receive()).value, { n: 1 });
      await assert.rejects(subscriber.receive(), failure('INVALID_MESSAGE', /schema refused/));
      await assert.rejects(subscriber.receive(), failure('INVALID_MESSAGE', /not JSON/));
      assert.deepEqual((await subscriber.receive()).value, { n: 3 });
      assert.deepEqual((await open.receive()).value, { n: 1 });
      assert.deepEqual((await open.receive()).value, { n: 'two' });
      assert.equal(subscriber.stats().received, 4, 'those refused were received too');
    });

    it('bytes are copies', async (t) => {
      const bench = new Bench(t);
      const publisher = await bench.publisher('blobs', { format: bytes('image/png'), layout });
      const subscriber = await bench.subscriber('blobs', { format: bytes() });
      await assert.rejects(
        bench.subscriber('blobs', { format: bytes('image/jpeg') }),
        failure('FORMAT_MISMATCH'),
      );
      await publisher.send(Uint8Array.of(1, 2, 3));
      const first = await subscriber.receive();
      for (let round = 0; round < 40_000; round++) {
        await publisher.send(Uint8Array.of(9, 9, 9));
        subscriber.tryReceive();
      }
      assert.deepEqual([...first.value], [1, 2, 3]);
      assert.throws(() => publisher.trySend('text' as never), TypeError);
    });

    it('too large a one is MESSAGE_TOO_LARGE with what would do; the largest fits', async (t) => {
      const bench = new Bench(t);
      const size = layout === 'bytes' ? { ringBytes: 4096 } : { slots: 16 };
      const publisher = await bench.publisher('blobs', { format: bytes(), layout, ...size });
      const subscriber = await bench.subscriber('blobs', { format: bytes() });
      const most = publisher.maxMessageBytes;
      const attempts = [
        () => publisher.trySend(new Uint8Array(most + 1)),
        () => publisher.trySendBatch([new Uint8Array(1), new Uint8Array(most + 1)]),
      ];
      for (const attempt of attempts) assert.throws(attempt, failure('MESSAGE_TOO_LARGE'));
      await assert.rejects(
        publisher.send(new Uint8Array(most + 1)),
        failure('MESSAGE_TOO_LARGE', new RegExp(`${most}`)),
      );
      for (let round = 0; round < 20; round++) {
        await publisher.send(new Uint8Array(most).fill(round));
        const { value } = await subscriber.receive();
        assert.equal(value.byteLength, most);
        assert.ok(value.every((byte) => byte === round));
      }
      assert.equal(publisher.stats().published, 20);
    });

    it('start: newest, oldest, or a sequence', async (t) => {
      const bench = new Bench(t);
      const publisher = await bench.publisher('words', { format: text(), layout });
      for (let i = 1; i <= 10; i++) await publisher.send(`m${i}`);
      const readers = {
        newest: await bench.subscriber('words', { format: text() }),
        oldest: await bench.subscriber('words', { format: text(), start: 'oldest' }),
        seven: await bench.subscriber('words', { format: text(), start: 7 }),
        beyond: await bench.subscriber('words', { format: text(), start: 999 }),
        latest: await bench.subscriber('words', { format: text(), delivery: 'latest' }),
      };
      await publisher.send('m11');
      const words = (subscriber: MessageSubscriber<TextFormat>): string[] => {
        const seen: string[] = [];
        subscriber.drain((view, offset, byteLength) =>
          seen.push(Buffer.from(view).toString('latin1', offset, offset + byteLength)),
        );
        return seen;
      };
      const from = (first: number): string[] =>
        Array.from({ length: 12 - first }, (_, i) => `m${first + i}`);
      assert.deepEqual(words(readers.newest), from(11));
      assert.deepEqual(words(readers.oldest), from(1));
      assert.deepEqual(words(readers.seven), from(7));
      assert.deepEqual(words(readers.beyond), from(11));
      assert.deepEqual(words(readers.latest), ['m11']);
      for (const reader of Object.values(readers)) assert.equal(reader.stats().lost, 0);
    });

    it('batches are drained in order, in pieces too', async (t) => {
      const bench = new Bench(t);
      const publisher = await bench.publisher('blobs', { format: bytes(), layout });
      const subscriber = await bench.subscriber('blobs', { format: bytes() });
      const batch = Array.from({ length: 300 }, (_, i) => Buffer.from(`n${i}`));
      assert.equal(publisher.trySendBatch(batch, { type: 7 }), 300);
      const seen: string[] = [];
      let calls = 0;
      while (seen.length < 300) {
        await subscriber.waitForMessages();
        calls += 1;
        const visited = subscriber.drain((view, offset, byteLength, type) => {
          assert.equal(type, 7);
          seen.push(Buffer.from(view).toString('latin1', offset, offset + byteLength));
        }, 7);
        assert.ok(visited <= 7);
      }
      assert.equal(calls, Math.ceil(300 / 7), 'a look that left some behind needs no wait');
      assert.deepEqual(
        seen,
        batch.map((message) => message.toString()),
      );
      const stats = subscriber.stats();
      assert.equal(stats.received, 300);
      if (layout === 'bytes') assert.equal(stats.lastSequence, 300);
      assert.equal(publisher.trySendBatch([]), 0);
    });

    it('a visitor that throws has had its message, and the rest stays', async (t) => {
      const bench = new Bench(t);
      const publisher = await bench.publisher('words', { format: text(), layout });
      const subscriber = await bench.subscriber('words', { format: text() });
      for (const word of ['a', 'b', 'c']) await publisher.send(word);
      assert.throws(() =>
        subscriber.drain(() => {
          throw new Error('mine');
        }),
      );
      await subscriber.waitForMessages();
      assert.equal((await subscriber.receive()).value, 'b');
      assert.equal((await subscriber.receive()).value, 'c');
    });

    it("delivery: 'latest' gets the newest and counts the rest", async (t) => {
      const bench = new Bench(t);
      const publisher = await bench.publisher('words', { format: text(), layout });
      const subscriber = await bench.subscriber('words', { format: text(), delivery: 'latest' });
      for (let i = 1; i <= 50; i++) {
        await publisher.send(`m${i}`);
        if (i % 10 !== 0) continue;
        assert.equal((await subscriber.receive()).value, `m${i}`);
        assert.equal(subscriber.tryReceive(), undefined);
      }
      const { received, skipped, lost } = subscriber.stats();
      assert.deepEqual([received, skipped, lost], [5, 45, 0]);
    });

    it('share splits exactly', async (t) => {
      const bench = new Bench(t);
      const publisher = await bench.publisher('words', { format: text(), layout });
      const members = await Promise.all(
        [0, 1, 2].map((index) =>
          bench.subscriber('words', { format: text(), share: { index, count: 3 } }),
        ),
      );
      for (let i = 1; i <= 99; i++) await publisher.send(String(i));
      const counts = members.map((member, index) => {
        let count = 0;
        member.drain((view, offset, byteLength, _type, sequence) => {
          assert.equal(sequence % 3, index);
          assert.equal(
            Number(Buffer.from(view).toString('latin1', offset, offset + byteLength)),
            sequence,
          );
          count += 1;
        });
        return count;
      });
      assert.deepEqual(counts, [33, 33, 33]);
      for (const member of members) assert.equal(member.stats().lost, 0);
    });
  });
}

describe('packets', options, () => {
  it('carry pts, dts, key flag, and what they know of their frame', async (t) => {
    const bench = new Bench(t);
    const camera = await bench.publisher('camera', { format: NUMBERS });
    const frames = await bench.subscriber('camera', { format: NUMBERS });
    const publisher = await bench.publisher('h264', { format: packets({ codec: 'h264' }) });
    const subscriber = await bench.subscriber('h264', { format: packets() });
    put(camera, 1, { ptsNs: 40_000_000, captureTimeNs: 5_000_000_000 });
    using frame = await frames.receive();
    await publisher.send(Uint8Array.of(1), { frame, keyFrame: true, dtsNs: -1000 });
    await publisher.send(Uint8Array.of(2), { ptsNs: 2 ** 40 });
    await publisher.send(Uint8Array.of(3));
    assert.deepEqual((await subscriber.receive()).packet, {
      ptsNs: 40_000_000,
      dtsNs: -1000,
      keyFrame: true,
      id: frame.id,
      captureTimeNs: 5_000_000_000,
    });
    assert.deepEqual((await subscriber.receive()).packet, {
      ptsNs: 2 ** 40,
      dtsNs: 2 ** 40,
      keyFrame: false,
      id: 0n,
      captureTimeNs: 0,
    });
    assert.equal((await subscriber.receive()).packet?.ptsNs, 0);
    assert.throws(() => publisher.trySend(Uint8Array.of(1), { type: 256 }), RangeError);
    await assert.rejects(
      bench.subscriber('h264', { format: packets({ codec: 'hevc' }) }),
      failure('FORMAT_MISMATCH', /codec/),
    );
  });
});

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
