import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bytes,
  json,
  type MessageSubscriber,
  packets,
  type StandardSchema,
  text,
  type TextFormat,
} from '../../../src/index.js';
import { Bench, failure, NUMBERS, put } from './bench.js';

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
