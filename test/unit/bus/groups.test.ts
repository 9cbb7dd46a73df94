import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { text, video } from '../../../src/index.js';
import { Bench, failure, NUMBERS, put, until, valueOf } from './bench.js';

const options = { timeout: 20_000 };

describe('a group', options, () => {
  it('follows channels as they come, go, and come back', async (t) => {
    const bench = new Bench(t);
    const one = await bench.publisher('agent/one', { format: text() });
    await bench.publisher('other/one', { format: text() });
    await bench.publisher('agent/pictures', { format: NUMBERS });
    const group = await bench.subscriber('agent/*', { format: text() });
    assert.throws(() => group.manifest, failure('CLOSED'));
    await until(() => group.channels.length === 1);
    await one.send('a');
    const first = await group.receive();
    assert.deepEqual([first.channel, first.value], ['agent/one', 'a']);
    const two = await bench.publisher('agent/two', { format: text() });
    await until(() => group.channels.length === 2);
    await two.send('b');
    const second = await group.receive();
    assert.deepEqual([second.channel, second.value], ['agent/two', 'b']);
    await one.send('last words');
    await one.close();
    assert.equal((await group.receive()).value, 'last words');
    await until(() => group.channels.length === 1);
    const again = await bench.publisher('agent/one', { format: text() });
    await until(() => group.channels.length === 2);
    await again.send('c');
    assert.equal((await group.receive()).value, 'c');
    assert.deepEqual(group.channels, ['agent/one', 'agent/two']);
    const stats = group.stats();
    assert.deepEqual([stats.received, stats.reconnects, stats.lost], [4, 1, 0]);
  });

  it('takes turns: a busy channel does not starve the others', async (t) => {
    const bench = new Bench(t);
    const busy = await bench.publisher('agent/busy', { format: text() });
    const quiet = await bench.publisher('agent/quiet', { format: text() });
    const group = await bench.subscriber('agent/*', { format: text() });
    await until(() => group.channels.length === 2);
    for (let i = 0; i < 100; i++) await busy.send('noise');
    for (let i = 0; i < 3; i++) await quiet.send('word');
    const first = [];
    for (let i = 0; i < 6; i++) first.push((await group.receive()).channel);
    assert.equal(first.filter((channel) => channel === 'agent/quiet').length, 3);
  });

  it('of frames: the loop owns its frame, a member with full hands stops nobody', async (t) => {
    const bench = new Bench(t);
    const left = await bench.publisher('camera/left', { format: NUMBERS });
    const right = await bench.publisher('camera/right', { format: NUMBERS });
    const group = await bench.subscriber('camera/**', {
      format: NUMBERS,
      delivery: 'every',
      maxHeld: 1,
    });
    await until(() => group.channels.length === 2);
    put(left, 1);
    const held = await group.receive();
    put(left, 2);
    put(right, 3);
    const other = await group.receive();
    assert.deepEqual([other.channel, valueOf(other)], ['camera/right', 3]);
    assert.throws(() => group.tryReceive(), failure('LEASES_EXHAUSTED'));
    held.release();
    other.release();
    for await (const frame of group) {
      assert.equal(valueOf(frame), 2);
      break;
    }
    assert.equal(group.stats().held, 0);
  });

  it('leaves out what it does not want, until it does', async (t) => {
    const bench = new Bench(t);
    const small = video({ width: 8, height: 8, pixelFormat: 'gray8' });
    const large = video({ width: 16, height: 8, pixelFormat: 'gray8' });
    const publisher = await bench.publisher('camera/a', { format: large });
    const group = await bench.subscriber('camera/*', { format: small });
    await bench.publisher('camera/b', { format: small });
    await until(() => group.channels.length === 1);
    assert.deepEqual(group.channels, ['camera/b']);
    await publisher.setFormat(small);
    await until(() => group.channels.length === 2);
    await publisher.setFormat(large);
    await until(() => group.channels.length === 1);
  });

  it('tries again when a channel had no place free', async (t) => {
    const bench = new Bench(t);
    await bench.publisher('agent/one', { format: text(), maxSubscribers: 1 });
    const first = await bench.subscriber('agent/one', { format: text() });
    const group = await bench.subscriber('agent/*', { format: text() });
    await bench.publisher('agent/two', { format: text() });
    await until(() => group.channels.length === 1);
    await first.close();
    await until(() => group.channels.length === 2);
  });

  it('ends with close, its signal, and a receive with its own', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('agent/one', { format: text() });
    const ends = new AbortController();
    const group = await bench.subscriber('agent/*', { format: text(), signal: ends.signal });
    await until(() => group.channels.length === 1);
    const abort = new AbortController();
    const receiving = group.receive({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await assert.rejects(receiving, /enough/);
    const pending = assert.rejects(group.receive(), failure('CLOSED', /aborted/));
    ends.abort();
    await pending;
    assert.deepEqual(await group.closed, { reason: 'aborted' });
    await until(() => publisher.stats().subscribers === 0);
    const other = await bench.subscriber('agent/*', { format: text() });
    const loop = (async () => {
      for await (const message of other) assert.fail(message.value);
    })();
    await other.close();
    await loop;
    assert.deepEqual(await other.closed, { reason: 'closed' });
  });

  it("whenBehind: 'end' ends all of it", async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('agent/one', {
      format: text(),
      ringBytes: 4096,
      whenFull: 'overwrite',
    });
    const group = await bench.subscriber('agent/*', { format: text(), whenBehind: 'end' });
    await until(() => group.channels.length === 1);
    for (let i = 0; i < 500; i++) publisher.trySend(String(i));
    group.tryReceive();
    publisher.trySend('more');
    await assert.rejects(
      (async () => {
        for (;;) await group.receive();
      })(),
      failure('CLOSED', /behind/),
    );
  });
});
