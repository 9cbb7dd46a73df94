import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  audio,
  frameByteLength,
  isSluiceError,
  tensor,
  tensors,
  video,
  type VideoFormat,
} from '../../../src/index.js';
import { Bench, failure, fill, metadataOf, NUMBERS, put, takeAll, valueOf } from './bench.js';

const options = { timeout: 20_000 };

describe('formats of frames', options, () => {
  const sizes = [
    video({ width: 64, height: 48, pixelFormat: 'nv12' }),
    video({ width: 33, height: 17, pixelFormat: 'i420' }),
    video({ width: 20, height: 10, pixelFormat: 'rgb24' }),
    video({ width: 20, height: 10, pixelFormat: 'p010' }),
  ];
  for (const format of sizes) {
    const { pixelFormat, width, height } = format;
    it(`${pixelFormat} ${width}x${height} arrives plane by plane`, async (t) => {
      const bench = new Bench(t);
      const publisher = await bench.publisher('camera', { format });
      const subscriber = await bench.subscriber('camera', { format: video({ pixelFormat }) });
      using loan = publisher.tryLoan()!;
      for (const [index, plane] of loan.planes.entries()) plane.bytes.fill(index + 1);
      loan.publish();
      using frame = await subscriber.receive();
      assert.deepEqual(frame.format, subscriber.manifest.format);
      assert.equal(frame.byteLength, frameByteLength(format));
      const seen = frame.planes.map(({ bytes, width: w, pitchBytes }, index) => {
        assert.ok(bytes.every((byte) => byte === index + 1));
        return { w, pitchBytes };
      });
      assert.deepEqual(
        seen,
        expectedPlanes(format).map(({ width: w, pitchBytes }) => ({ w, pitchBytes })),
      );
    });
  }

  it('audio blocks carry their own number of samples', async (t) => {
    const bench = new Bench(t);
    const format = audio({ sampleRateHz: 48_000, channels: 2, dtype: 'i16', maxSamples: 480 });
    const publisher = await bench.publisher('sound', { format });
    const subscriber = await bench.subscriber('sound', { format, delivery: 'every' });
    for (const samples of [480, 17, 0]) {
      using loan = publisher.tryLoan()!;
      (loan.tensors.samples.data as Int16Array).fill(samples);
      loan.publish({ shape: { samples: [samples, 2] } });
    }
    for (const samples of [480, 17, 0]) {
      using frame = await subscriber.receive();
      assert.deepEqual(frame.tensors.samples.shape, [samples, 2]);
      assert.ok((frame.tensors.samples.data as Int16Array).every((value) => value === samples));
    }
  });

  it('variable tensors have their own shape each, at most the announced one', async (t) => {
    const bench = new Bench(t);
    const format = tensors({
      boxes: { dtype: 'f32', shape: [10, 4], variable: true },
      scores: { dtype: 'f32', shape: [10], variable: true },
      image: { dtype: 'u8', shape: [4, 4] },
    });
    const publisher = await bench.publisher('detections', { format });
    const subscriber = await bench.subscriber('detections', { format });
    using loan = publisher.tryLoan()!;
    assert.deepEqual(loan.tensors.boxes.shape, [10, 4]);
    (loan.tensors.boxes.data as Float32Array).set([1, 2, 3, 4, 5, 6, 7, 8]);
    (loan.tensors.scores.data as Float32Array).set([0.5, 0.25]);
    (loan.tensors.image.data as Uint8Array).fill(9);
    assert.throws(() => loan.publish({ shape: { boxes: [11, 4] } }), RangeError);
    assert.throws(() => loan.publish({ shape: { nothing: [1] } }), TypeError);
    loan.publish({ shape: { boxes: [2, 4], scores: [2] } });
    using frame = await subscriber.receive();
    const { boxes, scores, image } = frame.tensors;
    assert.deepEqual([boxes.shape, scores.shape, image.shape], [[2, 4], [2], [4, 4]]);
    assert.deepEqual([...(boxes.data as Float32Array)], [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.deepEqual([...(scores.data as Float32Array)], [0.5, 0.25]);
    assert.ok((image.data as Uint8Array).every((value) => value === 9));
    assert.throws(() => frame.asTensor(), TypeError);
  });

  it('a shape for a format without variable tensors is a mistake, and the loan lives on', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    using loan = publisher.tryLoan()!;
    assert.throws(() => loan.publish({ shape: [3] }), TypeError);
    assert.throws(() => loan.publish({ userData: new Uint8Array(97) }), RangeError);
    assert.throws(() => loan.publish({ byteLength: -1 }), RangeError);
    assert.throws(() => loan.publish({ ptsNs: Number.NaN }), RangeError);
    assert.equal(loan.publish(), 1);
  });

  it('one tensor is seen as one, in place', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('one', { format: tensor('f64', [2, 3]) });
    const subscriber = await bench.subscriber('one', { format: tensor('f64', [2, 3]) });
    publisher.send(new Float64Array([1, 2, 3, 4, 5, 6]));
    using frame = await subscriber.receive();
    assert.deepEqual([...(frame.asTensor().data as Float64Array)], [1, 2, 3, 4, 5, 6]);
    assert.equal(frame.tensors.data.data.buffer, frame.bytes.buffer);
  });
});

function expectedPlanes(format: VideoFormat): readonly { width: number; pitchBytes: number }[] {
  const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;
  const { width, pixelFormat } = format;
  const half = Math.ceil(width / 2);
  switch (pixelFormat) {
    case 'nv12':
      return [width, half].map((w) => ({ width: w, pitchBytes: align(width) }));
    case 'p010':
      return [width, half].map((w) => ({ width: w, pitchBytes: align(width * 2) }));
    case 'i420':
      return [width, half, half].map((w) => ({ width: w, pitchBytes: align(w) }));
    default:
      return [{ width, pitchBytes: align(width * 3) }];
  }
}

describe('loans', options, () => {
  it('publish once: again is CLOSED, dispose is harmless, use afterwards is CLOSED', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const loan = publisher.tryLoan()!;
    assert.equal(loan.publish(), 1);
    assert.throws(() => loan.publish(), failure('CLOSED', /published/));
    assert.throws(() => loan.bytes, failure('CLOSED'));
    assert.throws(() => loan.tensors, failure('CLOSED'));
    loan[Symbol.dispose]();
    assert.equal(publisher.stats().published, 1);
  });

  it('disposing gives the slot back unseen', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 3 });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS, maxHeld: 1 });
    for (let round = 0; round < 10; round++) {
      using loan = publisher.tryLoan()!;
      fill(loan, round);
    }
    assert.equal(subscriber.tryReceive(), undefined);
    assert.equal(put(publisher, 7), 1);
    assert.deepEqual(takeAll(subscriber), [7]);
    assert.equal(publisher.stats().slotsHeld, 0);
  });

  it('every slot can be on loan; one more is a drop, and none waits for the newest', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 3 });
    const loans = [publisher.tryLoan()!, publisher.tryLoan()!, publisher.tryLoan()!];
    assert.equal(publisher.stats().slotsHeld, 3);
    assert.equal(publisher.tryLoan(), undefined);
    assert.equal(publisher.stats().dropped, 1);
    assert.equal(publisher.send(new Uint32Array(16)), undefined);
    assert.equal(publisher.stats().dropped, 2);
    for (const loan of loans) loan[Symbol.dispose]();
  });

  it('a waiting loan() gets a slot that is given back', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 2 });
    const loans = [publisher.tryLoan()!, publisher.tryLoan()!];
    const waiting = publisher.loan();
    loans[0]![Symbol.dispose]();
    using loan = await waiting;
    assert.equal(loan.publish(), 1);
    loans[1]!.publish();
  });

  it('a waiting loan() gets the slot that is no longer the newest', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 2 });
    const loans = [publisher.tryLoan()!, publisher.tryLoan()!];
    const waiting = publisher.loan();
    loans[0]!.publish();
    loans[1]!.publish();
    using loan = await waiting;
    assert.equal(loan.publish(), 3);
  });

  it('a waiting loan() ends with its signal, and with the publisher', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 2 });
    const loans = [publisher.tryLoan()!, publisher.tryLoan()!];
    const abort = new AbortController();
    const aborted = publisher.loan({ signal: abort.signal });
    abort.abort(new Error('enough'));
    await assert.rejects(aborted, { message: 'enough' });
    await assert.rejects(publisher.loan({ signal: AbortSignal.abort(new Error('no')) }), {
      message: 'no',
    });
    const closed = publisher.loan();
    await publisher.close();
    await assert.rejects(closed, failure('CLOSED'));
    assert.throws(() => loans[0]!.publish(), failure('CLOSED', /revoked/));
    loans[1]![Symbol.dispose]();
    assert.throws(() => publisher.tryLoan(), failure('CLOSED'));
    assert.throws(() => publisher.send(new Uint32Array(16)), failure('CLOSED'));
  });

  it('is revoked the moment its publisher is closed', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const loan = publisher.tryLoan()!;
    const closing = publisher.close();
    assert.throws(() => loan.publish(), failure('CLOSED', /revoked/));
    await closing;
    assert.equal(publisher.stats().published, 0);
  });

  it('is revoked by setFormat', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('pictures', {
      format: video({ width: 8, height: 8, pixelFormat: 'gray8' }),
    });
    const loan = publisher.tryLoan()!;
    await publisher.setFormat(video({ width: 16, height: 8, pixelFormat: 'gray8' }));
    assert.throws(() => loan.publish(), failure('CLOSED', /revoked/));
    loan[Symbol.dispose]();
    assert.equal(publisher.stats().slotsHeld, 0);
    assert.equal(publisher.tryLoan()!.publish(), 1);
  });
});

describe('send', options, () => {
  it('copies a whole frame, or a shorter one that says so', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS, delivery: 'every' });
    assert.equal(publisher.send(new Uint32Array(16).fill(3)), 1);
    assert.throws(() => publisher.send(new Uint32Array(17)), RangeError);
    assert.throws(() => publisher.send(new Uint32Array(15)), /pass byteLength/);
    assert.equal(publisher.send(new Uint32Array(4).fill(5), { byteLength: 16 }), 2);
    using whole = await subscriber.receive();
    assert.equal(valueOf(whole), 3);
    using part = await subscriber.receive();
    assert.deepEqual([...new Uint32Array(part.bytes.slice().buffer)], [5, 5, 5, 5]);
    assert.equal(publisher.stats().published, 2);
  });

  it('that a bad option stops keeps no slot', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS, slots: 2 });
    const data = new Uint32Array(16);
    for (let round = 0; round < 5; round++) {
      assert.throws(() => publisher.send(data, { userData: new Uint8Array(100) }), RangeError);
    }
    assert.equal(publisher.send(data), 1);
  });
});

describe('metadata', options, () => {
  it('travels with the frame', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS, label: 'me' });
    const captureTimeNs = 123_456_789_012_345;
    put(publisher, 1, {
      ptsNs: -5_000_000_000,
      captureTimeNs,
      keyFrame: true,
      discontinuity: true,
      userData: Uint8Array.of(1, 2, 3),
    });
    using frame = await subscriber.receive();
    assert.deepEqual(
      { ...metadataOf(frame), id: undefined, userData: [...frame.userData] },
      {
        sequence: 1,
        epoch: 1,
        ptsNs: -5_000_000_000,
        captureTimeNs,
        id: undefined,
        userData: [1, 2, 3],
        flags: { keyFrame: true, discontinuity: true, corrupt: false, incomplete: false },
      },
    );
    assert.ok(frame.publishTimeNs > 0);
    assert.equal(frame.channel, 'numbers');
    assert.ok(frame.captureDate instanceof Date);
  });

  it('has capture time, pts and date of now unless told otherwise', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS });
    const before = Date.now();
    put(publisher, 1);
    using frame = await subscriber.receive();
    assert.equal(frame.ptsNs, frame.captureTimeNs);
    assert.ok(frame.captureTimeNs <= frame.publishTimeNs);
    assert.ok(Math.abs(frame.captureDate.getTime() - before) < 60_000);
    assert.equal(frame.userData.byteLength, 0);
  });

  it('keeps the lineage over a second channel', async (t) => {
    const bench = new Bench(t);
    const cameraOut = await bench.publisher('camera', { format: NUMBERS });
    const cameraIn = await bench.subscriber('camera', { format: NUMBERS, delivery: 'every' });
    const resultOut = await bench.publisher('result', { format: NUMBERS });
    const resultIn = await bench.subscriber('result', { format: NUMBERS, delivery: 'every' });
    const ids = new Set<bigint>();
    for (let value = 1; value <= 3; value++) {
      put(cameraOut, value, { ptsNs: value * 1000, captureTimeNs: value });
      using source = await cameraIn.receive();
      put(resultOut, value * 10, { source });
      using result = await resultIn.receive();
      assert.deepEqual(metadataOf(result), { ...metadataOf(source), sequence: result.sequence });
      ids.add(result.id);
    }
    assert.equal(ids.size, 3, 'each capture has an id of its own');
  });

  it('marks as incomplete what came of a pending frame whose publisher went', async (t) => {
    const bench = new Bench(t);
    const source = await bench.publisher('source', { format: NUMBERS });
    const sourceIn = await bench.subscriber('source', { format: NUMBERS });
    const result = await bench.publisher('result', { format: NUMBERS });
    const resultIn = await bench.subscriber('result', { format: NUMBERS, delivery: 'every' });
    const next = await bench.publisher('next', { format: NUMBERS });
    const nextIn = await bench.subscriber('next', { format: NUMBERS });
    put(source, 1, { deferred: true });
    using pending = await sourceIn.receive();
    put(result, 1, { source: pending });
    using early = await resultIn.receive();
    assert.equal(early.flags.incomplete, false);
    await source.close();
    while (pending.state === 'pending') await new Promise((resolve) => setImmediate(resolve));
    assert.equal(pending.state, 'lost');
    put(result, 2, { source: pending });
    using late = await resultIn.receive();
    assert.equal(late.flags.incomplete, true);
    put(next, 3, { source: late });
    using third = await nextIn.receive();
    assert.equal(third.flags.incomplete, true, 'and everything that came of that');
  });
});

describe('toHost', options, () => {
  it('copies into memory that outlives the frame', async (t) => {
    const bench = new Bench(t);
    const publisher = await bench.publisher('numbers', { format: NUMBERS });
    const subscriber = await bench.subscriber('numbers', { format: NUMBERS });
    put(publisher, 42);
    const frame = await subscriber.receive();
    const copy = await frame.toHost();
    frame.release();
    await subscriber.close();
    await publisher.close();
    assert.ok((copy.tensors.data.data as Uint32Array).every((value) => value === 42));
    copy.bytes.fill(0);
    assert.equal(subscriber.stats().bytesCopied, copy.bytes.byteLength);
    await assert.rejects(frame.toHost(), (error) => isSluiceError(error, 'CLOSED'));
  });
});
