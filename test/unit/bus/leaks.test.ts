import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openPublisher, openSubscriber, text, video } from '../../../src/index.js';
import { Bench, failure, NUMBERS, put, turn, until } from './bench.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

interface Held {
  readonly descriptors: number;
  /** Lines of /proc/self/maps that name a memfd: an address range is given back when its views are collected. */
  readonly mappings: number;
}

async function held(): Promise<Held> {
  for (let round = 0; round < 3; round++) {
    collectGarbage();
    await turn();
  }
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    mappings: readFileSync('/proc/self/maps', 'utf8').split('\n').length,
  };
}

/** Runs `cycle` until it has settled, then `rounds` times, and compares. */
async function leavesNothing(cycle: () => Promise<void>, rounds = 300): Promise<void> {
  for (let warmUp = 0; warmUp < 20; warmUp++) await cycle();
  const before = await held();
  for (let round = 0; round < rounds; round++) await cycle();
  let after = await held();
  // Views are found dead by the collector, some of them a little later.
  for (let tries = 0; tries < 20 && after.mappings > before.mappings + 100; tries++) {
    after = await held();
  }
  assert.equal(after.descriptors, before.descriptors, 'descriptors');
  // A heap that grows maps ranges of its own, about a hundred and then no more. A leak is one a cycle or several.
  assert.ok(
    after.mappings <= before.mappings + 200,
    `${after.mappings - before.mappings} mappings more`,
  );
}

describe('opened and closed again and again they leave nothing behind', { timeout: 60_000 }, () => {
  it('frames', async (t) => {
    const { directory } = new Bench(t);
    await leavesNothing(async () => {
      const publisher = await openPublisher('numbers', { directory, format: NUMBERS });
      const subscriber = await openSubscriber('numbers', { directory, format: NUMBERS });
      put(publisher, 1);
      const frame = await subscriber.receive();
      assert.equal((frame.tensors.data.data as Uint32Array)[0], 1);
      await subscriber.close();
      await publisher.close();
    });
    assert.deepEqual(readdirSync(directory), []);
  });

  it('messages, in both layouts', async (t) => {
    const { directory } = new Bench(t);
    let round = 0;
    await leavesNothing(async () => {
      const layout = round++ % 2 === 0 ? 'bytes' : 'slots';
      const publisher = await openPublisher('words', { directory, format: text(), layout });
      const subscriber = await openSubscriber('words', { directory, format: text() });
      await publisher.send('a');
      assert.equal((await subscriber.receive()).value, 'a');
      await publisher.close();
      await subscriber.close();
    });
    assert.deepEqual(readdirSync(directory), []);
  });

  it('subscribers of one publisher, also when they are refused', async (t) => {
    const bench = new Bench(t);
    const { directory } = bench;
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 3 });
    await leavesNothing(async () => {
      put(publisher, 1);
      const subscriber = await openSubscriber('numbers', {
        directory,
        format: NUMBERS,
        maxHeld: 1,
      });
      await subscriber.receive();
      await assert.rejects(
        openSubscriber('numbers', { directory, format: NUMBERS, maxHeld: 9 }),
        failure('LEASES_EXHAUSTED'),
      );
      await assert.rejects(
        openSubscriber('numbers', { directory, format: text() }),
        failure('FORMAT_MISMATCH'),
      );
      await subscriber.close();
      await until(() => publisher.stats().subscribers === 0);
    });
  });

  it('epochs', async (t) => {
    const bench = new Bench(t);
    const formats = [8, 16].map((width) => video({ width, height: 8, pixelFormat: 'gray8' }));
    const publisher = await bench.publisher('pictures', { format: formats[0]! });
    const subscriber = await bench.subscriber('pictures', { format: video() });
    await bench.subscriber('pictures', { format: video() });
    let round = 0;
    await leavesNothing(async () => {
      await publisher.setFormat(formats[++round % 2]!);
      publisher.send(new Uint8Array(64 * 8));
      using frame = await subscriber.receive();
      assert.equal(frame.epoch, publisher.manifest.epoch);
    });
  });

  it('failed attempts of publishers', async (t) => {
    const bench = new Bench(t);
    const { directory } = bench;
    await bench.publisher('taken', { format: text() });
    await leavesNothing(async () => {
      await assert.rejects(
        openPublisher('taken', { directory, format: text() }),
        failure('CHANNEL_IN_USE'),
      );
      await assert.rejects(
        openPublisher('free', { directory, format: NUMBERS, slots: 1000 }),
        RangeError,
      );
      await assert.rejects(
        openPublisher('free', { directory, format: text(), userData: { a: 'x'.repeat(9000) } }),
        RangeError,
      );
    }, 60);
    assert.deepEqual(
      readdirSync(directory).filter((name) => name.startsWith('free')),
      [],
    );
  });

  it('reconnecting', async (t) => {
    const bench = new Bench(t);
    const { directory } = bench;
    const subscriber = await (async () => {
      const publisher = await openPublisher('words', { directory, format: text() });
      const opened = await bench.subscriber('words', { format: text() });
      await publisher.close();
      return opened;
    })();
    let rounds = 0;
    const cycle = async (): Promise<void> => {
      const publisher = await openPublisher('words', { directory, format: text() });
      await until(() => publisher.stats().subscribers === 1);
      rounds += 1;
      await publisher.send(`${rounds}`);
      while ((await subscriber.receive()).value !== `${rounds}`);
      await publisher.close();
    };
    for (let warmUp = 0; warmUp < 3; warmUp++) await cycle();
    const before = await held();
    for (let round = 0; round < 12; round++) await cycle();
    const after = await held();
    assert.equal(after.descriptors, before.descriptors);
  });
});
