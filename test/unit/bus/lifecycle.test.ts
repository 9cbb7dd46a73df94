import assert from 'node:assert/strict';
import { readdirSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import {
  listChannels,
  openPublisher,
  openSubscriber,
  text,
  video,
  watchChannels,
  type ChannelEvent,
} from '../../../src/index.js';
import {
  Bench,
  failure,
  nextStatus,
  NUMBERS,
  put,
  takeAll,
  takeValue,
  turn,
  until,
} from './bench.js';

const options = { timeout: 20_000 };

describe('starting', options, () => {
  it('in either order: a subscriber waits for its publisher', async (t) => {
    const bench = new Bench(t);
    const opening = bench.subscriber('numbers', { format: NUMBERS });
    await turn();
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await opening;
    put(publisher, 5);
    assert.equal(await takeValue(subscriber), 5);
  });

  it("whenMissing: 'fail' is CHANNEL_NOT_FOUND", async (t) => {
    const bench = new Bench(t);
    await assert.rejects(
      bench.subscriber('numbers', { format: NUMBERS, whenMissing: 'fail' }),
      failure('CHANNEL_NOT_FOUND'),
    );
  });

  it('a wait for a publisher ends with its signal', async (t) => {
    const bench = new Bench(t);
    const abort = new AbortController();
    const opening = bench.subscriber('numbers', { format: NUMBERS, signal: abort.signal });
    await turn();
    abort.abort(new Error('enough'));
    await assert.rejects(opening, /enough/);
    await assert.rejects(
      bench.subscriber('numbers', { format: NUMBERS, signal: AbortSignal.abort(new Error('no')) }),
      /no/,
    );
    await assert.rejects(
      bench.publisher('numbers', { format: NUMBERS, signal: AbortSignal.abort(new Error('no')) }),
      /no/,
    );
    assert.deepEqual(readdirSync(bench.directory), []);
  });

  it('with another format or kind is FORMAT_MISMATCH', async (t) => {
    const bench = new Bench(t);
    await bench.publisher('pictures', {
      format: video({ width: 8, height: 8, pixelFormat: 'gray8' }),
    });
    await assert.rejects(
      bench.subscriber('pictures', { format: video({ width: 9 }) }),
      failure('FORMAT_MISMATCH', /width/),
    );
    await assert.rejects(
      bench.subscriber('pictures', { format: text() }),
      failure('FORMAT_MISMATCH', /frame channel/),
    );
  });

  it('refuses bad arguments before anything is made', async (t) => {
    const bench = new Bench(t);
    const { directory } = bench;
    const bad: unknown[][] = [
      ['Bad Name', { format: NUMBERS }],
      ['', { format: NUMBERS }],
      ['x'.repeat(65), { format: NUMBERS }],
      ['a', undefined],
      ['a', {}],
      ['a', { format: { kind: 'nothing' } }],
      ['a', { format: video() }],
      ['a', { format: NUMBERS, slots: 1 }],
      ['a', { format: NUMBERS, slots: 385 }],
      ['a', { format: NUMBERS, slots: 2.5 }],
      ['a', { format: NUMBERS, whenFull: 'overwrite' }],
      ['a', { format: NUMBERS, unknown: 1 }],
      ['a', { format: NUMBERS, patienceMs: -1 }],
      ['a', { format: NUMBERS, patienceMs: Number.NaN }],
      ['a', { format: NUMBERS, maxSubscribers: 0 }],
      ['a', { format: NUMBERS, layout: 'bytes' }],
      ['a', { format: NUMBERS, memory: 'gpu' }],
      ['a', { format: NUMBERS, memory: 'cuda', device: 0 }],
      ['a', { format: text(), memory: 'cuda' }],
      ['a', { format: NUMBERS, label: 'x'.repeat(129) }],
      ['a', { format: NUMBERS, allow: { uids: [-1] } }],
      ['a', { format: NUMBERS, userData: { large: 'x'.repeat(5000) } }],
      ['a', { format: NUMBERS, directory: '' }],
      ['a', { format: text(), layout: 'slots', slots: 1000 }],
      ['a', { format: text(), ringBytes: 1 }],
      ['a', { format: text(), slots: 8 }],
      ['a*', { format: text() }],
    ];
    for (const [name, given] of bad) {
      await assert.rejects(
        (openPublisher as unknown as (...all: unknown[]) => Promise<unknown>)(
          name,
          given && { directory, ...(given as object) },
        ),
        (error) => error instanceof TypeError || error instanceof RangeError,
        `${String(name)} ${JSON.stringify(given)}`,
      );
    }
    const files = (): string[] => {
      try {
        return readdirSync(directory);
      } catch {
        return [];
      }
    };
    assert.deepEqual(files(), []);
    await (await bench.publisher('a', { format: NUMBERS })).close();
    const worse: unknown[][] = [
      ['a', { format: NUMBERS, maxHeld: 17 }],
      ['a', { format: NUMBERS, maxHeld: 0 }],
      ['a', { format: NUMBERS, delivery: 'some' }],
      ['a', { format: NUMBERS, maxLag: 3 }],
      ['a', { format: NUMBERS, delivery: 'every', maxLag: 0 }],
      ['a', { format: NUMBERS, share: { index: 2, count: 2 } }],
      ['a', { format: NUMBERS, start: 'oldest' }],
      ['a', { format: text(), keyFramesOnly: true }],
      ['a', { format: text(), start: -1 }],
      ['a/*', { format: NUMBERS, maxHeld: 17 }],
      ['a/*', { format: NUMBERS, directory: '' }],
      ['a/**/b', { format: NUMBERS }],
    ];
    for (const [name, given] of worse) {
      await assert.rejects(
        (openSubscriber as unknown as (...all: unknown[]) => Promise<unknown>)(name, {
          directory,
          ...(given as object),
        }),
        (error) => error instanceof TypeError || error instanceof RangeError,
        `${String(name)} ${JSON.stringify(given)}`,
      );
    }
    assert.deepEqual(files(), []);
  });
});

describe('an owned channel', options, () => {
  it('is CHANNEL_IN_USE for a second publisher, also of this process', async (t) => {
    const bench = new Bench(t);
    await bench.publisher('numbers', { format: NUMBERS });
    await assert.rejects(
      bench.publisher('numbers', { format: NUMBERS }),
      failure('CHANNEL_IN_USE', /numbers/),
    );
  });

  it("is taken over by a standby with whenTaken: 'wait', and its subscribers follow", async (t) => {
    const bench = new Bench(t);
    const first = await bench.publisher('numbers', { format: NUMBERS, label: 'first' });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS, delivery: 'every' });
    let taken = false;
    const standby = bench
      .publisher('numbers', { format: NUMBERS, whenTaken: 'wait', label: 'second' })
      .then((publisher) => {
        taken = true;
        return publisher;
      });
    put(first, 1);
    assert.equal(await takeValue(subscriber), 1);
    assert.equal(taken, false);
    await first.close();
    const second = await standby;
    await until(() => second.stats().subscribers === 1);
    put(second, 2);
    assert.equal(await takeValue(subscriber), 2);
    assert.equal(subscriber.manifest.process.label, 'second');
  });

  it('a standby ends with its signal', async (t) => {
    const bench = new Bench(t);
    await bench.publisher('numbers', { format: NUMBERS });
    const abort = new AbortController();
    const standby = bench.publisher('numbers', {
      format: NUMBERS,
      whenTaken: 'wait',
      signal: abort.signal,
    });
    abort.abort(new Error('enough'));
    await assert.rejects(standby, /enough/);
  });

  it('is given up when its files are removed', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    rmSync(bench.directory, { recursive: true });
    const { reason, error } = await publisher.closed;
    assert.equal(reason, 'failed');
    assert.match(error?.message ?? '', /was removed/);
    assert.throws(() => publisher.tryLoan(), failure('CLOSED', /failed/));
  });

  it('does not take the files of its successor along', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    for (const name of readdirSync(bench.directory)) unlinkSync(join(bench.directory, name));
    const successor = await bench.publisher('numbers', { format: NUMBERS });
    const before = readdirSync(bench.directory).sort();
    assert.equal(before.length, 3);
    await publisher.close();
    assert.deepEqual(readdirSync(bench.directory).sort(), before);
    put(successor, 4);
    assert.equal(await takeValue(await bench.subscriber('numbers', { format: NUMBERS })), 4);
  });
});

describe("a publisher's end", options, () => {
  it("with whenLost: 'reconnect' leads to the next one; sequences start again", async (t) => {
    const bench = new Bench(t);
    const first = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS, delivery: 'every' });
    const statuses = subscriber.status()[Symbol.asyncIterator]();
    const connected = await nextStatus(statuses, 'connected');
    for (const value of [1, 2, 3]) put(first, value);
    await first.close();
    assert.match((await nextStatus(statuses, 'lost')).reason, /ended|closed/);
    const second = await bench.publisher('numbers', { format: NUMBERS });
    for (const value of [10, 11, 12]) put(second, value);
    const again = await nextStatus(statuses, 'connected');
    assert.notEqual(again.manifest.instance, connected.manifest.instance);
    const seen: number[] = [];
    for await (const frame of subscriber) {
      seen.push(frame.sequence);
      if (seen.length === 4) break;
    }
    assert.deepEqual(seen, [1, 2, 3, 3], 'the old ones first, then the newest of the new');
    assert.deepEqual(await nextStatus(statuses, 'gap'), {
      type: 'gap',
      from: 1,
      to: 2,
      cause: 'restart',
    });
    assert.equal(subscriber.stats().reconnects, 1);
  });

  it("with whenLost: 'end' ends the subscriber once all was read", async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', {
      format: NUMBERS,
      delivery: 'every',
      whenLost: 'end',
    });
    const idle = await bench.subscriber('numbers', { format: NUMBERS, whenLost: 'end' });
    for (const value of [1, 2, 3]) put(publisher, value);
    takeAll(idle);
    await publisher.close();
    assert.deepEqual(await idle.closed, { reason: 'ended' }, 'nobody had to look');
    const seen: number[] = [];
    for await (const frame of subscriber) seen.push(frame.sequence);
    assert.deepEqual(seen, [1, 2, 3]);
    assert.deepEqual(await subscriber.closed, { reason: 'ended' });
    assert.equal(subscriber.tryReceive(), undefined);
  });

  it('with another format at the next start ends it with reason format', async (t) => {
    const bench = new Bench(t);
    const first = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS });
    await first.close();
    await bench.publisher('numbers', { format: text() });
    assert.equal((await subscriber.closed).reason, 'format');
  });
});

describe('signals and status', options, () => {
  it('end receive() with their reason, endpoints with aborted, loops of statuses without one', async (t) => {
    const bench = new Bench(t);
    const ends = new AbortController();
    const publisher = await bench.publisher('numbers', { format: NUMBERS, signal: ends.signal });
    const subscriber = await bench.subscriber('numbers', {
      format: NUMBERS,
      signal: ends.signal,
    });
    const abort = new AbortController();
    const receiving = subscriber.receive({ signal: abort.signal });
    const statuses = subscriber.status({ signal: abort.signal })[Symbol.asyncIterator]();
    assert.equal((await statuses.next()).value.type, 'connected');
    const next = statuses.next();
    abort.abort(new Error('enough'));
    await assert.rejects(receiving, /enough/);
    assert.equal((await next).done, true);
    put(publisher, 1);
    assert.equal(await takeValue(subscriber), 1, 'an aborted wait takes nothing');
    ends.abort();
    assert.deepEqual(await publisher.closed, { reason: 'aborted' });
    assert.deepEqual(await subscriber.closed, { reason: 'aborted' });
    assert.throws(() => put(publisher, 2), failure('CLOSED', /aborted/));
    await publisher.close();
    assert.deepEqual(await publisher.closed, { reason: 'aborted' });
  });

  it('tell the present state first, as it is when the loop starts', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS });
    const early = subscriber.status();
    await publisher.close();
    const second = await bench.publisher('numbers', { format: NUMBERS });
    await until(() => second.stats().subscribers === 1);
    await until(() => subscriber.manifest.instance === second.manifest.instance);
    for await (const status of early) {
      assert.equal(status.type, 'connected');
      if (status.type === 'connected') {
        assert.equal(status.manifest.instance, second.manifest.instance);
      }
      break;
    }
    await subscriber.close();
    for await (const status of subscriber.status()) assert.fail(`${status.type} after the end`);
    for await (const status of publisher.status()) assert.fail(`${status.type} after the end`);
  });

  it('close() twice is one end; receive() in the middle of it is CLOSED', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS });
    const receiving = assert.rejects(subscriber.receive(), failure('CLOSED', /closed/));
    await Promise.all([subscriber.close(), subscriber.close()]);
    await receiving;
    await subscriber[Symbol.asyncDispose]();
    assert.deepEqual(await subscriber.closed, { reason: 'closed' });
    assert.throws(() => subscriber.tryReceive(), failure('CLOSED'));
    await Promise.all([publisher.close(), publisher[Symbol.asyncDispose]()]);
    assert.deepEqual(await publisher.closed, { reason: 'closed' });
    assert.deepEqual(readdirSync(bench.directory), []);
  });
});

describe('looking around', options, () => {
  it('lists and watches channels as they come, change and go', async (t) => {
    const bench = new Bench(t);
    const { directory } = bench;
    const abort = new AbortController();
    const events: string[] = [];
    const camera = await bench.publisher('camera/door', { format: NUMBERS });
    const watching = (async () => {
      const watch = watchChannels('camera/*', { directory, signal: abort.signal });
      for await (const { type, manifest } of watch as AsyncIterable<ChannelEvent>) {
        events.push(`${type} ${manifest.channel} ${manifest.epoch}`);
      }
    })();
    await until(() => events.length === 1);
    await bench.publisher('agent/one', { format: text() });
    const yard = await bench.publisher('camera/yard', { format: NUMBERS });
    await until(() => events.length === 2);
    await camera.setFormat(NUMBERS, { slots: 9 });
    await until(() => events.length === 3);
    assert.deepEqual(
      (await listChannels('camera/*', { directory })).map(({ channel }) => channel),
      ['camera/door', 'camera/yard'],
    );
    await yard.close();
    await until(() => events.length === 4);
    abort.abort();
    await watching;
    assert.deepEqual(events, [
      'announced camera/door 1',
      'announced camera/yard 1',
      'changed camera/door 2',
      'retired camera/yard 1',
    ]);
  });
});
