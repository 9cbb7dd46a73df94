/** Frames stay where a GPU wrote them, and streams of other threads and processes read them there, whole. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import type { Frame, FrameSubscriber } from '../../../src/index.js';
import { endAll, until } from '../../process/program.js';
import { GpuRuntime, put, putNext, sleep } from '../gpu-runtime.js';
import { delay, stamp, type Stamped, WORDS, wrongWords } from '../integrity.js';
import { isSimulated, options } from '../place.js';

const FRAMES = isSimulated ? 60 : 400;
after(endAll);

interface Found {
  readonly received: number;
  readonly last: number;
  readonly outOfOrder: number;
  readonly wrong: number;
  readonly lost: number;
}

/** Reads until a frame has this value; each frame is checked on the GPU, and none is waited for. */
async function readUntil(
  subscriber: FrameSubscriber<Stamped>,
  look: (frame: Frame<Stamped>) => unknown,
  last: number,
): Promise<number[]> {
  const values: number[] = [];
  for await (const frame of subscriber) {
    look(frame);
    values.push(frame.ptsNs);
    if (frame.ptsNs >= last) return values;
  }
  return values;
}

describe('frames in the memory of a GPU', options, () => {
  it('are read whole by three subscribers of this thread, behind two streams of the publisher', async (t) => {
    const runtime = new GpuRuntime(t);
    const streams = [await runtime.stream(), await runtime.stream()];
    const publisher = await runtime.source({ slots: 24, whenFull: 'wait' });
    assert.equal(publisher.manifest.memory, 'cuda:0');
    const checkers = [await runtime.checker(), await runtime.checker(), await runtime.checker()];
    const every = { delivery: 'every', maxLag: 4 };
    const [first, second, third] = checkers.map(({ stream }) => stream);
    const sinks = [
      await runtime.sink({ ...every, stream: first }),
      await runtime.sink({ ...every, stream: second }),
      await runtime.sink({ stream: third }),
    ];
    const reading = sinks.map((sink, index) =>
      readUntil(sink, (frame) => checkers[index]!.check(frame), FRAMES),
    );
    for (let value = 1; value <= FRAMES; value++) {
      await putNext(publisher, streams[value % 2]!, value);
      if (value % 16 === 0) await sleep(1);
    }
    const [one, two, latest] = await Promise.all(reading);
    const all = Array.from({ length: FRAMES }, (_, index) => index + 1);
    assert.deepEqual([one, two], [all, all]);
    assert.deepEqual(
      latest,
      latest!.toSorted((a, b) => a - b),
    );
    for (const { stream } of checkers) await stream.synchronize();
    assert.deepEqual(
      checkers.map(({ wrong }) => wrong),
      [0, 0, 0],
    );
    assert.equal(sinks[0]!.stats().bytesCopied, 0);
    assert.equal(sinks[0]!.stats().bytesInPlace, FRAMES * WORDS * 4);
  });

  it('are read whole by subscribers of other processes, behind two streams of the publisher', async (t) => {
    const runtime = new GpuRuntime(t);
    const streams = [await runtime.stream(), await runtime.stream()];
    const publisher = await runtime.source({ slots: 32, whenFull: 'wait', patienceMs: 60_000 });
    const every = { role: 'subscriber', reads: true, options: { delivery: 'every', maxLag: 4 } };
    const readers = [every, every, { ...every, options: {} }].map((given) =>
      runtime.program(given),
    );
    for (const reader of readers) assert.equal(await reader.line(), 'open');
    for (let value = 1; value <= FRAMES; value++) {
      if (value % 7 === 0) delay(streams[value % 2]!, 1);
      await putNext(publisher, streams[value % 2]!, value);
    }
    await until(() => publisher.subscribers.every(({ lastSequence }) => lastSequence === FRAMES));
    const found = [];
    for (const reader of readers) found.push(JSON.parse(await reader.ask('found')) as Found);
    const whole = { received: FRAMES, last: FRAMES, outOfOrder: 0, wrong: 0, lost: 0 };
    assert.deepEqual(found.slice(0, 2), [whole, whole]);
    assert.deepEqual({ ...found[2], received: FRAMES }, whole);
    for (const reader of readers) assert.equal(await reader.ask('close'), 'closed');
    await until(() => publisher.stats().slotsHeld === 0);
  });

  it('are found by readers that come while they are pending', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source();
    const local = await runtime.checker();
    const child = runtime.program({ role: 'subscriber', options: {} });
    // The child is connected to a channel whose one frame is complete; then it comes again, in the shape of others.
    put(publisher, stream, 1);
    await stream.synchronize();
    assert.equal(await child.line(), 'open');
    assert.deepEqual(JSON.parse(await child.ask('take')), {
      ...{ memory: 'cuda:0', sequence: 1, received: 1, last: 1, outOfOrder: 0, wrong: 0 },
    });
    delay(stream, 400);
    put(publisher, stream, 2);
    const sink = await runtime.sink({ stream: local.stream });
    assert.equal(
      sink.tryReceive(),
      undefined,
      'the frame is older than the mirrors of this reader',
    );
    const late = runtime.program({ role: 'subscriber', options: {} });
    const frame = await sink.receive();
    assert.deepEqual([frame.sequence, frame.state], [2, 'ready']);
    local.check(frame);
    frame.release();
    assert.equal(await late.line(), 'open');
    const { sequence, wrong } = JSON.parse(await late.ask('take')) as Found & { sequence: number };
    assert.deepEqual({ sequence, wrong }, { sequence: 2, wrong: 0 });
    await local.stream.synchronize();
    assert.equal(local.wrong, 0);
  });

  it('keep their slot until every stream that reads them is through', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source({ slots: 6 });
    const [slow, second, third] = [
      await runtime.checker(),
      await runtime.checker(),
      await runtime.checker(),
    ];
    const sink = await runtime.sink({ stream: slow.stream, delivery: 'every', maxLag: 2 });
    put(publisher, stream, 1);
    const frame = await sink.receive();
    frame.waitOn(second.stream);
    const { pointer } = frame;
    delay(slow.stream, 20);
    slow.check(frame);
    delay(second.stream, 150);
    second.check(frame);
    delay(third.stream, 60);
    third.check(frame);
    frame.release({ stream: third.stream });
    assert.throws(() => frame.pointer, { code: 'CLOSED' });
    assert.equal(sink.stats().held, 0);
    assert.equal(publisher.stats().slotsHeld, 1);
    const reused: number[] = [];
    for (let value = 2; value < 40 && !second.stream.idle; value++) {
      const loan = publisher.tryLoan();
      if (loan !== undefined) {
        if (loan.pointer === pointer && !second.stream.idle) reused.push(value);
        stamp(stream, loan.pointer, value);
        loan.publish({ stream, ptsNs: value });
      }
      sink.tryReceive()?.release();
      await sleep(5);
    }
    await until(() => publisher.stats().slotsHeld === 0);
    assert.deepEqual(reused, []);
    for (const { stream: each } of [slow, second, third]) await each.synchronize();
    assert.deepEqual([slow.wrong, second.wrong, third.wrong], [0, 0, 0]);
  });

  it('are waited for by the processor where it wants to, and copied by name only', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source();
    const sink = await runtime.sink({ maxHeld: 4 });
    delay(stream, 60);
    put(publisher, stream, 5);
    const frame = await sink.receive();
    assert.equal(frame.state, 'pending');
    assert.equal(frame.memory, 'cuda:0');
    assert.throws(() => frame.bytes, { code: 'DEVICE_MEMORY' });
    const aborted = frame.ready({ signal: AbortSignal.timeout(5) });
    await assert.rejects(aborted, { name: 'TimeoutError' });
    const copies = await Promise.all([frame.toHost(), frame.toHost(), frame.ready()]);
    assert.equal(frame.state, 'ready');
    for (const copy of copies.slice(0, 2)) assert.equal(wrongWords(copy!.bytes as never, 5), 0);
    assert.equal(sink.stats().bytesCopied, 2 * WORDS * 4);
    frame.release();
    assert.equal(publisher.stats().slotsHeld, 0);
  });

  it('come in order from a stream that others wait on', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source({ stream });
    const checker = await runtime.checker();
    const sink = await runtime.sink({ maxHeld: 4 });
    delay(stream, 50);
    const loan = publisher.tryLoan()!;
    // stamp() on the stream that the publisher was opened with: publish() names none.
    put(publisher, stream, 9);
    loan[Symbol.dispose]();
    const frame = await sink.receive();
    assert.equal(frame.state, 'pending');
    const kept = frame.retain();
    frame.waitOn(checker.stream);
    checker.check(frame);
    frame.release();
    assert.equal(kept.pointer !== 0n, true);
    kept.release();
    assert.equal(checker.stream.idle, false);
    await checker.stream.synchronize();
    assert.equal(checker.wrong, 0);
    await until(() => publisher.stats().slotsHeld === 0);
  });
});
