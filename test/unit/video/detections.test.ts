/** Detections: what may be said, who says it of which frame, and who reads it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { isSluiceError, json, tensors, video } from '../../../src/index.js';
import {
  type Detections,
  encodeDetections,
  filterInputs,
  identityOf,
  openDetectionPublisher,
  openDetectionSubscriber,
  openFilter,
  parseDetections,
  toSourceBox,
} from '../../../src/video.js';
import { Bench } from '../bus/bench.js';

interface Case {
  readonly name: string;
  readonly accepted: boolean;
  readonly message: unknown;
}

const { cases } = JSON.parse(
  readFileSync(new URL('../../../../spec/detections.json', import.meta.url), 'utf8'),
) as { readonly cases: readonly Case[] };

const PERSON = { box: { x: 4, y: 2, width: 8, height: 4 }, label: 'person', score: 0.5 };
const format = video({ width: 16, height: 8, pixelFormat: 'rgb24' });

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe('the schema of detections', () => {
  for (const { name, accepted, message } of cases) {
    it(`${accepted ? 'takes' : 'refuses'} ${name}`, () => {
      const bytes = Buffer.from(JSON.stringify(message));
      if (accepted) {
        const parsed = parseDetections(bytes);
        assert.deepEqual(parseDetections(encodeDetections(parsed)), parsed);
        return;
      }
      const refused = (error: unknown): boolean => isSluiceError(error, 'INVALID_MESSAGE');
      assert.throws(() => parseDetections(bytes), refused);
      assert.throws(() => encodeDetections(message as Detections), refused);
    });
  }

  it('has room for 1024 and no more', () => {
    const whole = cases[0]!.message as Detections;
    const many = (count: number): Detections => ({
      ...whole,
      detections: Array.from({ length: count }, () => PERSON),
    });
    assert.equal(parseDetections(encodeDetections(many(1024))).detections.length, 1024);
    assert.throws(() => encodeDetections(many(1025)), /schema refused it at detections/);
  });

  it('refuses what is no JSON', () => {
    for (const text of ['', '{', '"a"', 'null', '[]']) {
      assert.throws(
        () => parseDetections(Buffer.from(text)),
        (error) => isSluiceError(error, 'INVALID_MESSAGE'),
      );
    }
  });
});

describe('channels of detections', { timeout: 30_000 }, () => {
  it('say of which frame they speak, with its id and times', async (t) => {
    const bench = new Bench(t);
    const { directory } = bench;
    const camera = await bench.publisher('camera/door', { format });
    const view = await bench.subscriber('camera/door', { format: video() });
    const found = bench.own(await openDetectionSubscriber('detect/*', { directory }));
    const detector = bench.own(
      await openDetectionPublisher('detect/door', { model: 'test', directory }),
    );
    camera.tryLoan()!.publish({ ptsNs: 7 });
    using frame = await view.receive();
    const messages = found[Symbol.asyncIterator]();
    const next = messages.next();
    // A pattern finds the channel by and by, and begins with what is new then.
    const sending = setInterval(() => detector.send(frame, [PERSON]), 5);
    const { value: message } = await next.finally(() => clearInterval(sending));
    assert.equal(message!.channel, 'detect/door');
    const { value, packet } = message!;
    const { instance } = camera.manifest;
    const identity = { channel: 'camera/door', instance, epoch: 1, sequence: 1, ptsNs: 7 };
    const id = String(frame.id);
    assert.deepEqual(value.frame, { ...identity, id, width: 16, height: 8 });
    assert.deepEqual(value.frame, identityOf(frame));
    assert.deepEqual([value.model, value.detections], ['test', [PERSON]]);
    assert.deepEqual([packet!.id, packet!.ptsNs], [frame.id, 7]);
    assert.equal(packet!.captureTimeNs, frame.captureTimeNs);
  });

  it('speak of the picture of which a filter made a tensor', async (t) => {
    const bench = new Bench(t);
    const { directory } = bench;
    const camera = await bench.publisher('camera', { format });
    const to = { width: 8, height: 8, colors: 'rgb', layout: 'chw', dtype: 'u8' } as const;
    bench.own(await openFilter('tensor', ['camera'], { to, directory }));
    const inputs = await bench.subscriber('tensor/inputs', { format: filterInputs() });
    await bench.subscriber('tensor', { format: tensors() });
    const detector = bench.own(
      await openDetectionPublisher('detect/camera', { model: 'test', directory }),
    );
    const found = bench.own(await openDetectionSubscriber('detect/camera', { directory }));
    for await (const { subscribers } of camera.demand()) if (subscribers > 0) break;
    camera.tryLoan()!.publish({ ptsNs: 9 });
    await until(() => detector.stats().subscribers === 1);
    const [input] = (await inputs.receive()).value.inputs;
    const box = toSourceBox({ x: 2, y: 3, width: 4, height: 2 }, input!.placement);
    assert.ok(detector.send(input!, [{ box, label: 'person' }]));
    for await (const { value } of found) {
      assert.deepEqual(value.detections, [{ box: PERSON.box, label: 'person' }]);
      assert.deepEqual([value.frame.channel, value.frame.ptsNs], ['camera', 9]);
      assert.equal(value.frame.instance, camera.manifest.instance);
      break;
    }
  });

  it('pass over what is no detection, and say so', async (t) => {
    const bench = new Bench(t);
    const { directory } = bench;
    const problems: string[] = [];
    const onProblem = (error: Error): void => void problems.push(error.message);
    const publisher = await bench.publisher('detect/a', { format: json() });
    const found = bench.own(await openDetectionSubscriber('detect/a', { directory, onProblem }));
    await until(() => publisher.subscribers.length === 1);
    publisher.trySend({ version: 1, label: '\u001b[31m' });
    publisher.trySend(Buffer.from('{"version":'));
    publisher.trySend(cases[0]!.message as object);
    for await (const { value } of found) {
      assert.equal(value.model, 'yolo11n');
      break;
    }
    assert.equal(problems.length, 2);
    assert.ok(problems.every((problem) => !problem.includes('\u001b')));
  });

  it('refuse to be opened without a model, and to say what makes no sense', async (t) => {
    const bench = new Bench(t);
    const { directory } = bench;
    await assert.rejects(openDetectionPublisher('detect/a', { model: '', directory }), /model/);
    const detector = bench.own(
      await openDetectionPublisher('detect/a', { model: 'test', directory }),
    );
    const camera = await bench.publisher('camera', { format });
    const view = await bench.subscriber('camera', { format: video() });
    camera.tryLoan()!.publish();
    using frame = await view.receive();
    const wrong = { ...PERSON, score: 2 };
    assert.throws(() => detector.send(frame, [wrong]), /schema refused it at detections.0.score/);
  });
});
