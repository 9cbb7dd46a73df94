/** Copies between GPU and host memory: only where they are named, one for all who ask, and never read too early. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { listDevices } from '../../../src/gpu/index.js';
import { endAll, until } from '../../process/program.js';
import { sharedMappings } from '../../process/runtime.js';
import { errorOf, GpuRuntime, put, sleep } from '../gpu-runtime.js';
import { delay, stamp, STAMPED, stampedWords, WORDS, wrongWords } from '../integrity.js';
import { options } from '../place.js';

after(endAll);

describe("copyTo: 'host' of a CUDA channel", options, () => {
  it('is one copy for all readers, begun with the first and ended with the last', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source({ slots: 24 });
    put(publisher, stream, 1);
    await stream.synchronize();
    const before = sharedMappings();
    const first = await runtime.sink({ copyTo: 'host', delivery: 'every' });
    const newest = await first.receive();
    assert.deepEqual([newest.memory, newest.sequence, newest.state], ['host', 1, 'ready']);
    assert.equal(wrongWords(newest.bytes as never, 1), 0, 'a late reader gets the newest frame');
    newest.release();
    const second = await runtime.sink({ copyTo: 'host', delivery: 'every' });
    const child = runtime.program({
      ...{ role: 'subscriber', device: null, reads: true },
      options: { copyTo: 'host', delivery: 'every' },
    });
    assert.equal(await child.line(), 'open');
    const frame = await second.receive();
    assert.equal(frame.sequence, 1);
    frame.release();
    for (let value = 2; value <= 12; value++) {
      put(publisher, stream, value);
      for (const sink of [first, second]) {
        const copy = await sink.receive();
        assert.deepEqual([copy.sequence, copy.state], [value, 'ready']);
        assert.equal(wrongWords(copy.bytes as never, value), 0);
        copy.release();
      }
    }
    await until(() => publisher.subscribers.every(({ lastSequence }) => lastSequence === 12));
    const found = JSON.parse(await child.ask('found')) as { wrong: number; last: number };
    assert.deepEqual([found.wrong, found.last], [0, 12]);
    assert.equal(second.stats().bytesInPlace, 0);
    assert.equal(second.stats().bytesCopied, 12 * WORDS * 4);
    assert.equal(await child.ask('close'), 'closed');
    await first.close();
    await second.close();
    await until(() => publisher.subscribers.length === 0);
    put(publisher, stream, 13);
    await stream.synchronize();
    await until(() => sharedMappings() <= before);
    const late = await runtime.sink({ copyTo: 'host' });
    const again = await late.receive();
    assert.equal(again.sequence, 13);
    assert.equal(wrongWords(again.bytes as never, 13), 0);
    again.release();
  });

  it('shows a frame to the processor when the copy is there, not before', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source();
    const sink = await runtime.sink({ copyTo: 'host' });
    delay(stream, 50);
    put(publisher, stream, 3);
    assert.equal(sink.tryReceive(), undefined);
    const frame = await sink.receive();
    assert.equal(stream.idle || frame.state === 'ready', true);
    assert.equal(wrongWords(frame.bytes as never, 3), 0);
    frame.release();
  });

  it('comes beside readers in place', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source();
    const checker = await runtime.checker();
    const inPlace = await runtime.sink({ stream: checker.stream });
    const copied = await runtime.sink({ copyTo: 'host' });
    for (let value = 1; value <= 20; value++) {
      put(publisher, stream, value);
      const frame = await inPlace.receive();
      checker.check(frame);
      frame.release();
      const copy = await copied.receive();
      assert.equal(wrongWords(copy.bytes as never, value), 0);
      copy.release();
    }
    await checker.stream.synchronize();
    assert.equal(checker.wrong, 0);
  });

  it('of bytes that were sent from host memory', async (t) => {
    const runtime = new GpuRuntime(t);
    const publisher = await runtime.source({ stream: await runtime.stream() });
    const copied = await runtime.sink({ copyTo: 'host', delivery: 'every' });
    const checker = await runtime.checker();
    const inPlace = await runtime.sink({ stream: checker.stream, delivery: 'every' });
    for (let value = 1; value <= 8; value++) {
      assert.equal(publisher.send(stampedWords(value), { ptsNs: value }), value);
      const copy = await copied.receive();
      assert.equal(wrongWords(copy.bytes as never, value), 0);
      copy.release();
      const frame = await inPlace.receive();
      checker.check(frame);
      frame.release();
    }
    await checker.stream.synchronize();
    assert.equal(checker.wrong, 0);
    assert.throws(() => publisher.send(new Uint8Array(3)), RangeError);
  });

  it('send() gives up while the GPU is far behind, and does not wait', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source({ stream });
    const sent: (number | undefined)[] = [];
    // Buffers are made at first use, which waits for the GPU.
    for (let i = 0; i < 3; i++) publisher.send(stampedWords(i), { ptsNs: 1 });
    await stream.synchronize();
    const words = stampedWords(7);
    delay(stream, 200);
    const sinceMs = performance.now();
    for (let i = 0; i < 5; i++) sent.push(publisher.send(words, { ptsNs: 1 }));
    assert.ok(performance.now() - sinceMs < 150, `${performance.now() - sinceMs} ms`);
    assert.deepEqual(sent, [4, 5, 6, undefined, undefined]);
    assert.equal(publisher.stats().dropped, 2);
    await stream.synchronize();
    assert.equal(publisher.send(stampedWords(9)), 7);
  });
});

describe("copyTo: 'cuda' of a host channel", options, () => {
  it('copies each frame to the GPU, where it stays until its release', async (t) => {
    const runtime = new GpuRuntime(t);
    const publisher = await runtime.source({ memory: 'host' });
    const checker = await runtime.checker();
    const inStream = await runtime.sink({
      ...{ copyTo: 'cuda', stream: checker.stream, delivery: 'every' },
    });
    const polled = await runtime.sink({ copyTo: 'cuda', delivery: 'every', maxHeld: 3 });
    for (let value = 1; value <= 20; value++) {
      publisher.send(stampedWords(value), { ptsNs: value });
      const frame = await inStream.receive();
      assert.equal(frame.memory, 'cuda:0');
      checker.check(frame);
      frame.release();
      const other = await polled.receive();
      await other.ready();
      const copy = await other.toHost();
      assert.equal(wrongWords(copy.bytes as never, value), 0);
      other.waitOn(checker.stream);
      checker.check(other);
      other.release();
    }
    await checker.stream.synchronize();
    assert.equal(checker.wrong, 0);
    assert.equal(inStream.stats().bytesInPlace, 0);
    assert.equal(inStream.stats().bytesCopied, 20 * WORDS * 4);
    await until(() => publisher.stats().slotsHeld === 0);
  });

  it('is wanted by name: a stream alone is WRONG_DEVICE, and the remedy says so', async (t) => {
    const runtime = new GpuRuntime(t);
    await runtime.source({ memory: 'host' });
    const stream = await runtime.stream();
    for (const wish of [{ stream }, { device: 0 }]) {
      const { code, remedy } = await errorOf(runtime.sink(wish));
      assert.equal(code, 'WRONG_DEVICE');
      assert.match(remedy ?? '', /copyTo: 'cuda'/);
    }
  });
});

describe('a host channel whose slots a GPU writes', options, () => {
  it('is pending until the stream is through, and no reader sees it before', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const [device] = listDevices();
    const publisher = await runtime.publisher('frames', {
      ...{ format: STAMPED, device: 0, slots: 24 },
    });
    const { memory, device: named } = publisher.manifest;
    assert.deepEqual([memory, named?.uuid], ['host', device?.uuid]);
    const child = runtime.program({
      ...{ role: 'subscriber', device: null, reads: true },
      options: { delivery: 'every' },
    });
    assert.equal(await child.line(), 'open');
    const checker = await runtime.checker();
    const [inPlace, uploaded] = [
      await runtime.sink({ delivery: 'every' }),
      await runtime.sink({ copyTo: 'cuda', stream: checker.stream, delivery: 'every' }),
    ];
    for (let value = 1; value <= 15; value++) {
      const loan = publisher.tryLoan()!;
      assert.equal(loan.bytes.byteLength >= WORDS * 4, true);
      assert.notEqual(loan.pointer, 0n);
      delay(stream, value % 5);
      stamp(stream, loan.pointer, value);
      loan.publish({ stream, ptsNs: value });
      const frame = await inPlace.receive();
      assert.equal(frame.state, 'ready');
      assert.equal(wrongWords(frame.bytes as never, value), 0);
      frame.release();
      const copy = await uploaded.receive();
      checker.check(copy);
      copy.release();
    }
    const byProcessor = publisher.tryLoan()!;
    byProcessor.bytes.set(new Uint8Array(stampedWords(16).buffer));
    byProcessor.publish({ ptsNs: 16 });
    const frame = await inPlace.receive();
    assert.equal(wrongWords(frame.bytes as never, 16), 0);
    frame.release();
    await until(() => publisher.subscribers.some(({ lastSequence }) => lastSequence === 16));
    await sleep(20);
    const found = JSON.parse(await child.ask('found')) as { wrong: number; outOfOrder: number };
    assert.deepEqual([found.wrong, found.outOfOrder], [0, 0]);
    await checker.stream.synchronize();
    assert.equal(checker.wrong, 0);
  });

  it('is written by nobody after the last of its streams, and closes in order', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.publisher('frames', { format: STAMPED, device: 0, stream });
    const sink = await runtime.sink();
    const loan = publisher.tryLoan()!;
    delay(stream, 80);
    stamp(stream, loan.pointer, 4);
    loan.publish({ stream, ptsNs: 4 });
    const closing = publisher.close();
    const frame = await sink.receive();
    assert.equal(wrongWords(frame.bytes as never, 4), 0, 'close() waits for what was published');
    frame.release();
    await closing;
    await stream.synchronize();
  });
});
