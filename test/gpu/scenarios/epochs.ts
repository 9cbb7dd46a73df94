/** Changes of format while frames are held, waited for and written. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { type Frame, tensor, tensors } from '../../../src/index.js';
import { endAll, until } from '../../process/program.js';
import { GpuRuntime, put } from '../gpu-runtime.js';
import { delay, STAMPED, type Stamped, WORDS } from '../integrity.js';
import { options } from '../place.js';

after(endAll);

const PENDING = [1, 'pending', 2, 'pending'];

describe('a change of format', options, () => {
  it('keeps what is held of the epoch before, with work queued on both sides', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const checker = await runtime.checker();
    const publisher = await runtime.source({ slots: 12 });
    const child = runtime.program({
      ...{ role: 'subscriber', reads: true },
      options: { delivery: 'every', format: tensors() },
    });
    assert.equal(await child.line(), 'open');
    const sink = await runtime.subscriber('frames', {
      ...{ format: tensors(), stream: checker.stream, delivery: 'every', maxHeld: 3 },
    });
    put(publisher, stream, 1);
    const first = (await sink.receive()) as Frame<Stamped>;
    delay(stream, 60);
    put(publisher, stream, 2);
    const epochs: number[][] = [];
    const take = async (): Promise<void> => {
      const frame = (await sink.receive()) as Frame<Stamped>;
      epochs.push([frame.sequence, frame.epoch, frame.ptsNs]);
      checker.check(frame);
      frame.release();
    };
    await publisher.setFormat(tensor('u32', [WORDS + 1024]));
    put(publisher, stream, 3);
    await take();
    await take();
    // An epoch is kept for those who have not gone over to it yet, but not two.
    await until(() => publisher.subscribers.every(({ lastSequence }) => lastSequence === 3));
    await publisher.setFormat(STAMPED);
    put(publisher, stream, 4);
    await take();
    assert.deepEqual(epochs, [
      [2, 1, 2],
      [3, 2, 3],
      [4, 3, 4],
    ]);
    await checker.stream.synchronize();
    assert.equal(checker.wrong, 0);
    const again = checker.check(first);
    await checker.stream.synchronize();
    assert.equal(checker.wrongIn(again), 0);
    first.release();
    await until(() => publisher.stats().slotsHeld === 0);
    await until(() => publisher.subscribers.every(({ lastSequence }) => lastSequence === 4));
    const found = JSON.parse(await child.ask('found')) as object;
    assert.deepEqual(found, { received: 4, last: 4, outOfOrder: 0, wrong: 0, lost: 0 });
  });

  it('to another size leaves subscribers of the old one what they wait for', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source();
    const child = runtime.program({ role: 'subscriber', options: {} });
    assert.equal(await child.line(), 'open');
    delay(stream, 100);
    put(publisher, stream, 1);
    assert.equal(await child.ask('busy 0'), 'busy');
    await publisher.setFormat(tensor('u32', [WORDS * 2]));
    const found = JSON.parse(await child.ask('found')) as object;
    assert.deepEqual(found, { received: 1, last: 1, outOfOrder: 0, wrong: 0, lost: 0 });
    assert.equal(await child.ask('close'), 'closed');
  });

  it('to another size leaves subscribers of the old one, with the reason', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const publisher = await runtime.source();
    const sink = await runtime.sink({ stream });
    put(publisher, stream, 1);
    const frame = await sink.receive();
    await publisher.setFormat(tensor('u32', [WORDS * 2]));
    const { reason, error } = await sink.closed;
    assert.deepEqual([reason, error?.code], ['format', 'FORMAT_MISMATCH']);
    if (!frame.released) frame.release();
  });

  it('and a death soon after it free the streams that read the epoch before', async (t) => {
    const runtime = new GpuRuntime(t);
    const stream = await runtime.stream();
    const child = runtime.program({ role: 'publisher' });
    assert.equal(await child.line(), 'open');
    const sink = await runtime.subscriber('frames', {
      ...{ format: tensors(), stream, delivery: 'every', maxHeld: 3 },
    });
    assert.equal(await child.ask('publish 1 8000'), 'sent 1');
    const former = await sink.receive();
    assert.equal(await child.ask(`format ${WORDS * 2}`), 'changed');
    assert.equal(await child.ask('publish'), 'sent 2');
    const next = await sink.receive();
    assert.deepEqual([former.epoch, former.state, next.epoch, next.state], PENDING);
    await child.kill();
    await stream.synchronize();
    assert.deepEqual([former.state, next.state], ['lost', 'lost']);
    former.release();
    next.release();
  });
});
