/** What becomes of frames, streams and memory when a publisher or a subscriber ends: in order, by SIGKILL, too early. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { type Frame, isSluiceError, type LoanedFrame, tensor } from '../../../src/index.js';
import { endAll, type Program, until } from '../../process/program.js';
import { openDescriptors } from '../../process/runtime.js';
import { errorOf, GpuRuntime, put, sleep } from '../gpu-runtime.js';
import { delay, stamp, type Stamped, WORDS } from '../integrity.js';
import { freeBytes, isSimulated, options } from '../place.js';

/** Far more than the driver needs to end a process, with a machine that does much else. */
const FREED_WITHIN_MS = isSimulated ? 5000 : 2000;
/** Longer than anything takes here that does not wait for it. */
const NEVER_MS = 20_000;
after(endAll);

/** A publisher in a process of its own. */
async function away(runtime: GpuRuntime, more: object = {}): Promise<Program> {
  const program = runtime.program({ role: 'publisher', options: {}, ...more });
  assert.equal(await program.line(), 'open');
  return program;
}

/** The next frame that is pending. */
async function pendingOf(
  sink: { receive(): Promise<Frame<Stamped>> },
  sequence: number,
): Promise<Frame<Stamped>> {
  for (;;) {
    const frame = await sink.receive();
    if (frame.sequence >= sequence) return frame;
    frame.release();
  }
}

describe('SIGKILL of a publisher with work in flight', options, () => {
  it('frees the streams that wait, tells what is lost and keeps what is complete', async (t) => {
    const runtime = new GpuRuntime(t);
    const checker = await runtime.checker();
    const publisher = await away(runtime);
    const sink = await runtime.sink({
      ...{ stream: checker.stream, delivery: 'every', maxHeld: 4 },
    });
    assert.equal(await publisher.ask('publish 1'), 'sent 1');
    const complete = await sink.receive();
    await complete.ready();
    assert.equal(await publisher.ask(`publish 2 ${NEVER_MS}`), 'sent 3');
    const [second, third] = [await sink.receive(), await sink.receive()];
    assert.deepEqual([second.state, third.state], ['pending', 'pending']);
    checker.check(second);
    const waiting = errorOf(second.ready());
    const copying = errorOf(third.toHost());
    const freed = checker.stream.synchronize();
    assert.equal(checker.stream.idle, false);
    const sinceMs = performance.now();
    await publisher.kill();
    await freed;
    assert.ok(performance.now() - sinceMs < FREED_WITHIN_MS, `${performance.now() - sinceMs} ms`);
    for (const { code, message } of [await waiting, await copying]) {
      assert.equal(code, 'FRAME_LOST', message);
    }
    assert.deepEqual([complete.state, second.state, third.state], ['ready', 'lost', 'lost']);
    const again = checker.check(complete);
    await checker.stream.synchronize();
    assert.equal(checker.wrongIn(again), 0, 'what is held stays readable');
    const heir = await away(runtime);
    assert.equal(await heir.ask('publish 1'), 'sent 1');
    const next = await sink.receive();
    assert.equal(next.sequence, 1);
    const number = checker.check(next);
    await checker.stream.synchronize();
    assert.deepEqual([checker.wrongIn(number), next.state], [0, 'ready']);
    assert.equal(sink.stats().reconnects, 1);
    const last = checker.check(complete);
    await checker.stream.synchronize();
    assert.equal(checker.wrongIn(last), 0, 'beyond the next publisher, too');
    for (const frame of [complete, second, third, next]) frame.release();
    assert.equal(await heir.ask('close'), 'closed');
  });

  it('marks as incomplete what was computed from a lost frame', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await away(runtime);
    const sink = await runtime.sink({ stream, maxHeld: 4, delivery: 'every' });
    const results = await runtime.source({ stream }, 'results');
    const readers = [
      await runtime.sink({ maxHeld: 4, delivery: 'every' }, 'results'),
      await runtime.sink({ copyTo: 'host', maxHeld: 4, delivery: 'every' }, 'results'),
    ];
    assert.equal(await publisher.ask('publish 1'), 'sent 1');
    const whole = await sink.receive();
    put(results, stream, 1, { source: whole });
    assert.equal(await publisher.ask(`publish 1 ${NEVER_MS}`), 'sent 2');
    const source = await sink.receive();
    // Enqueued while the source is pending, behind the wait for it.
    put(results, stream, 2, { source });
    await publisher.kill();
    await until(() => source.state === 'lost');
    put(results, stream, 3, { source });
    for (const reader of readers) {
      const seen = [];
      for (let i = 0; i < 3; i++) {
        const frame = await reader.receive();
        await frame.ready();
        seen.push([frame.ptsNs, frame.flags.incomplete]);
        frame.release();
      }
      const flags = seen.map(([, incomplete]) => incomplete);
      assert.deepEqual(flags, [false, true, true]);
    }
    whole.release();
    source.release();
  });

  it('ends those who wait only once: with whenLost "end" the subscriber closes', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await away(runtime);
    const sink = await runtime.sink({ stream, whenLost: 'end' });
    assert.equal(await publisher.ask(`publish 1 ${NEVER_MS}`), 'sent 1');
    const frame = await pendingOf(sink, 1);
    const next = errorOf(sink.receive());
    await publisher.kill();
    assert.equal((await next).code, 'CLOSED');
    assert.equal((await sink.closed).reason, 'ended');
    await stream.synchronize();
    if (!frame.released) {
      assert.equal(frame.state, 'lost');
      frame.release();
    }
    await sink.close();
  });

  it('frees a stream that waits while its subscriber closes', async (t) => {
    const runtime = new GpuRuntime(t);
    const checker = await runtime.checker();
    const publisher = await away(runtime);
    const sink = await runtime.sink({ stream: checker.stream });
    assert.equal(await publisher.ask(`publish 1 ${NEVER_MS}`), 'sent 1');
    const frame = await pendingOf(sink, 1);
    checker.check(frame);
    const waiting = errorOf(frame.ready());
    let closed = false;
    const closing = sink.close().then(() => (closed = true));
    assert.equal((await waiting).code, 'CLOSED');
    await sleep(50);
    assert.equal(closed, false, 'the stream still reads');
    await publisher.kill();
    await closing;
    await checker.stream.synchronize();
  });
});

describe('a publisher whose GPU work fails', options, () => {
  it('ends the channel, and those who wait for it are free', async (t) => {
    const runtime = new GpuRuntime(t);
    const checker = await runtime.checker();
    const publisher = await away(runtime);
    const sink = await runtime.sink({ stream: checker.stream, delivery: 'every', maxHeld: 4 });
    assert.equal(await publisher.ask('publish 1'), 'sent 1');
    const complete = await sink.receive();
    await complete.ready();
    assert.equal(await publisher.ask('break 100'), 'broken');
    assert.equal(await publisher.ask('publish 1'), 'sent 2');
    const never = await sink.receive();
    assert.equal(never.state, 'pending');
    // It publishes nothing more, and finds out all the same.
    assert.equal(await publisher.ask('end'), 'failed CUDA_ERROR');
    assert.match(await publisher.ask('publish 1'), /^failed CLOSED/);
    await until(() => never.state === 'lost');
    await checker.stream.synchronize();
    assert.equal((await errorOf(never.ready())).code, 'FRAME_LOST');
    const number = checker.check(complete);
    await checker.stream.synchronize();
    assert.equal(checker.wrongIn(number), 0);
    complete.release();
    never.release();
    assert.equal(await publisher.ask('close'), 'closed');
  });
});

describe('SIGKILL of a subscriber with work in flight', options, () => {
  it('gives its leases back when its process has ended, and the publisher goes on', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source({ slots: 12 });
    const checker = await runtime.checker();
    const survivor = await runtime.sink({ stream: checker.stream, delivery: 'every' });
    const victims = [
      runtime.program({ role: 'subscriber', options: { delivery: 'every', maxLag: 2 } }),
      runtime.program({ role: 'subscriber', options: {} }),
    ];
    for (const victim of victims) assert.equal(await victim.line(), 'open');
    put(publisher, stream, 1);
    assert.equal(await victims[0]!.ask(`busy ${NEVER_MS}`), 'busy');
    assert.equal(await victims[1]!.ask('hold'), 'held 1');
    (await survivor.receive()).release();
    await until(() => publisher.stats().slotsHeld >= 1);
    for (let value = 2; value <= 40; value++) {
      put(publisher, stream, value);
      if (value === 20) void victims[0]!.kill();
      if (value === 22) void victims[1]!.kill();
      const frame = await survivor.receive();
      assert.equal(frame.sequence, value);
      checker.check(frame);
      frame.release();
    }
    await Promise.all(victims.map(({ ended }) => ended));
    await until(() => publisher.subscribers.length === 1 && publisher.stats().slotsHeld === 0);
    await checker.stream.synchronize();
    assert.equal(checker.wrong, 0);
    assert.equal(publisher.stats().dropped, 0);
    const late = runtime.program({ role: 'subscriber', options: {} });
    assert.equal(await late.line(), 'open');
    assert.match(await late.ask('take'), /"sequence":40.*"wrong":0/);
  });
});

describe('close() with work in flight', options, () => {
  it('of a publisher waits for what it published, for a bounded time', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const checker = await runtime.checker();
    const publisher = await runtime.source();
    const [sink, child] = [
      await runtime.sink({ stream: checker.stream, whenLost: 'end' }),
      runtime.program({ role: 'subscriber', options: { whenLost: 'end' } }),
    ];
    assert.equal(await child.line(), 'open');
    delay(stream, 150);
    put(publisher, stream, 8);
    assert.equal(await child.ask('busy 10'), 'busy');
    const closing = publisher.close();
    assert.throws(() => publisher.tryLoan(), { code: 'CLOSED' });
    const frame = await sink.receive();
    checker.check(frame);
    await closing;
    assert.equal(frame.state, 'ready');
    await checker.stream.synchronize();
    assert.equal(checker.wrong, 0);
    if (!frame.released) frame.release();
    assert.match(await child.ask('found'), /"wrong":0/);
    assert.equal(await child.ask('close'), 'closed');
  });

  it(
    'of a publisher whose stream takes longer ends the frame as lost',
    { timeout: 20_000 },
    async (t) => {
      const runtime = new GpuRuntime(t);
      const stream = await runtime.stream();
      const publisher = await runtime.source();
      const child = runtime.program({ role: 'subscriber', options: {} });
      assert.equal(await child.line(), 'open');
      put(publisher, stream, 1);
      assert.match(await child.ask('take'), /"wrong":0/);
      delay(stream, 2500);
      put(publisher, stream, 2);
      const taken = child.ask('take');
      await publisher.close();
      assert.match(await taken, /^failed FRAME_LOST/);
      assert.equal(await child.ask('close'), 'closed');
      await stream.synchronize();
    },
  );

  it('of a subscriber waits for its streams, then gives all back', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const checker = await runtime.checker();
    const publisher = await runtime.source({ slots: 8 });
    const sink = await runtime.sink({ stream: checker.stream, maxHeld: 3, delivery: 'every' });
    put(publisher, stream, 1);
    put(publisher, stream, 2);
    const [first, second] = [await sink.receive(), await sink.receive()];
    delay(checker.stream, 120);
    checker.check(first);
    checker.check(second);
    first.release();
    const closing = sink.close();
    assert.equal(publisher.stats().slotsHeld >= 1, true);
    assert.throws(() => second.pointer, { code: 'CLOSED' });
    await closing;
    assert.equal(checker.stream.idle, true);
    assert.equal(checker.wrong, 0);
    await until(() => publisher.subscribers.length === 0 && publisher.stats().slotsHeld === 0);
  });

  it('of a publisher leaves loans their memory while its stream writes it', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source({ stream });
    const loan = publisher.tryLoan()!;
    delay(stream, 1500);
    stamp(stream, loan.pointer, 1);
    await publisher.setFormat(tensor('u32', [WORDS * 2]));
    assert.equal(stream.idle, false, 'this thread was not kept for it');
    const next = publisher.tryLoan()!;
    stamp(stream, next.pointer, 2);
    await publisher.close();
    await stream.synchronize();
    for (const gone of [loan, next]) assert.throws(() => gone.publish(), { code: 'CLOSED' });
  });

  it('of a subscriber does not wait for ever for a publisher that lives', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const child = runtime.program({ role: 'publisher' });
    assert.equal(await child.line(), 'open');
    const sink = await runtime.sink({ stream });
    const other = await runtime.sink();
    assert.equal(await child.ask('publish 1 8000'), 'sent 1');
    const frame = await sink.receive();
    assert.equal(frame.state, 'pending');
    frame.release();
    await sink.close();
    await stream.synchronize();
    using late = await other.receive();
    assert.equal(late.state, 'pending', 'it was not waited for');
  });

  it('of both at once, in either order, whatever is queued', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const checker = await runtime.checker();
    for (let round = 0; round < 6; round++) {
      const publisher = await runtime.source({ slots: 8 }, `round-${round}`);
      const sink = await runtime.sink(
        { stream: checker.stream, delivery: 'every' },
        `round-${round}`,
      );
      put(publisher, stream, 1);
      delay(stream, 10);
      put(publisher, stream, 2);
      const frame = await sink.receive();
      checker.check(frame);
      frame.release();
      const ends = [publisher, sink];
      if (round % 2 === 1) ends.reverse();
      await Promise.all(ends.map((end) => end.close()));
    }
    await stream.synchronize();
    await checker.stream.synchronize();
    assert.equal(checker.wrong, 0);
  });

  it('under a wait for the next frame is CLOSED, and a loop just ends', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source({ slots: 2 + 3, whenFull: 'wait' });
    const sink = await runtime.sink({ stream });
    const other = await runtime.sink({ maxHeld: 1 });
    const [waiting, looping] = [
      errorOf(sink.receive()),
      (async () => {
        for await (const frame of other) assert.fail(`frame ${frame.sequence}`);
      })(),
    ];
    await sleep(5);
    await sink.close();
    await other.close();
    assert.equal((await waiting).code, 'CLOSED');
    await looping;
    const loans: LoanedFrame<Stamped>[] = [];
    for (let loan = publisher.tryLoan(); loan !== undefined; loan = publisher.tryLoan()) {
      loans.push(loan);
    }
    const wait = errorOf(publisher.loan());
    await sleep(5);
    await publisher.close();
    assert.equal((await wait).code, 'CLOSED');
    assert.throws(() => loans[0]!.publish(), { code: 'CLOSED' });
  });

  it('leaves nothing behind: descriptors and memory of the GPU return', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const checker = await runtime.checker();
    const round = async (): Promise<void> => {
      const publisher = await runtime.source({ stream });
      const sinks = [
        await runtime.sink({ stream: checker.stream }),
        await runtime.sink({ copyTo: 'host' }),
      ];
      put(publisher, stream, 1);
      for (const sink of sinks) {
        const frame = await sink.receive();
        await frame.toHost();
        if (frame.memory !== 'host') checker.check(frame);
        frame.release();
      }
      await publisher.setFormat(tensor('u32', [WORDS + 64]));
      const loan = publisher.tryLoan()!;
      stamp(stream, loan.pointer, 2);
      loan.publish({ ptsNs: 2 });
      publisher.send(new Uint32Array(WORDS + 64));
      for (const sink of sinks) {
        const frame = await sink.receive().catch((error: unknown) => {
          if (isSluiceError(error, 'CLOSED')) return undefined;
          throw error;
        });
        frame?.release();
        await sink.close();
      }
      await publisher.close();
      await stream.synchronize();
    };
    for (let i = 0; i < 3; i++) await round();
    const before = { descriptors: openDescriptors(), bytes: freeBytes() };
    for (let i = 0; i < 5; i++) await round();
    await until(() => openDescriptors() <= before.descriptors);
    assert.equal(freeBytes(), before.bytes);
  });
});
