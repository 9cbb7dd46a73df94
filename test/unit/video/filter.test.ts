/** Filters: pictures as tensors, alone and in batches, for as long as somebody reads them. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type FramePublisher, tensors, video, type VideoFormat } from '../../../src/index.js';
import {
  filterInputs,
  type FilterOptions,
  openDetectionPublisher,
  openFilter,
  type TensorTarget,
  toSourceBox,
} from '../../../src/video.js';
import { Bench, NUMBERS } from '../bus/bench.js';

const CHW: TensorTarget = { width: 8, height: 8, colors: 'rgb', layout: 'chw', dtype: 'u8' };
const rgb = (width: number, height: number): VideoFormat =>
  video({ width, height, pixelFormat: 'rgb24' });

/** A picture of one value. */
function put(camera: FramePublisher<VideoFormat>, value: number, ptsNs = value): void {
  const loan = camera.tryLoan()!;
  loan.planes[0]!.bytes.fill(value);
  loan.publish({ ptsNs });
}

class FilterBench extends Bench {
  constructor(t: TestContext) {
    super(t);
  }

  async filter(inputs: readonly string[], options: Partial<FilterOptions> = {}) {
    const all = { to: CHW, directory: this.directory, ...options };
    return this.own(await openFilter('out', inputs, all));
  }

  async camera(name: string, width = 16, height = 8) {
    return this.publisher(name, { format: rgb(width, height) });
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe('a filter of one input', { timeout: 30_000 }, () => {
  it('makes a tensor of each picture, with its lineage and where the picture is', async (t) => {
    const bench = new FilterBench(t);
    const camera = await bench.camera('camera');
    await bench.filter(['camera']);
    const sources = await bench.subscriber('out/inputs', { format: filterInputs() });
    const view = await bench.subscriber('out', { format: tensors() });
    await until(() => camera.subscribers.length === 1);
    put(camera, 200, 4_000);
    using frame = await view.receive();
    assert.deepEqual(frame.tensors['data']!.shape, [3, 8, 8]);
    const data = [...(frame.tensors['data']!.data as Uint8Array)];
    const row = (value: number): number[] => Array(8).fill(value);
    const bars = [...row(114), ...row(114)];
    const plane = [...bars, ...row(200), ...row(200), ...row(200), ...row(200), ...bars];
    assert.deepEqual(data, [...plane, ...plane, ...plane]);
    assert.equal(frame.ptsNs, 4_000);
    const { value } = await sources.receive();
    const { inputs, sequence } = value;
    assert.equal(sequence, frame.sequence);
    assert.deepEqual([inputs[0]!.channel, inputs[0]!.id], ['camera', String(frame.id)]);
    const box = toSourceBox({ x: 2, y: 3, width: 4, height: 2 }, inputs[0]!.placement);
    assert.deepEqual(box, { x: 4, y: 2, width: 8, height: 4 });
  });

  it('reads nothing while nobody reads it', async (t) => {
    const bench = new FilterBench(t);
    const camera = await bench.camera('camera');
    const filter = await bench.filter(['camera']);
    put(camera, 1);
    assert.equal(camera.subscribers.length, 0);
    assert.equal(filter.stats().active, false);
    const view = await bench.subscriber('out', { format: tensors() });
    (await view.receive()).release();
    assert.equal(filter.stats().active, true);
    await view.close();
    await until(() => camera.subscribers.length === 0);
    assert.equal(filter.stats().active, false);
  });

  it('goes on over another size, and over the end of its input', async (t) => {
    const bench = new FilterBench(t);
    const camera = await bench.camera('camera');
    await bench.filter(['camera']);
    const view = await bench.subscriber('out', { format: tensors() });
    await until(() => camera.subscribers.length === 1);
    put(camera, 10);
    (await view.receive()).release();
    await camera.setFormat(rgb(8, 16));
    put(camera, 20);
    using tall = await view.receive();
    const data = tall.tensors['data']!.data as Uint8Array;
    assert.deepEqual([data[0], data[4]], [114, 20]);
    await camera.close();
    const next = await bench.camera('camera', 8, 8);
    await until(() => next.subscribers.length === 1);
    put(next, 30);
    using square = await view.receive();
    assert.equal((square.tensors['data']!.data as Uint8Array)[0], 30);
  });

  it('makes pictures of another format', async (t) => {
    const bench = new FilterBench(t);
    const camera = await bench.camera('camera');
    const to = video({ width: 8, height: 4, pixelFormat: 'nv12' });
    await bench.filter(['camera'], { to });
    const view = await bench.subscriber('out', { format: video({ pixelFormat: 'nv12' }) });
    await until(() => camera.subscribers.length === 1);
    put(camera, 255);
    using frame = await view.receive();
    assert.equal(frame.planes[0]!.bytes[0], 235);
  });
});

describe('a filter whose input changes', { timeout: 30_000 }, () => {
  it('reads it again when its format is that of pictures again', async (t) => {
    const bench = new FilterBench(t);
    const camera = await bench.camera('camera');
    const problems: string[] = [];
    const onProblem = (input: string, error: unknown): void => {
      problems.push(`${input} ${(error as { code: string }).code}`);
    };
    await bench.filter(['camera'], { onProblem });
    const view = await bench.subscriber('out', { format: tensors() });
    await until(() => camera.subscribers.length === 1);
    put(camera, 1);
    (await view.receive()).release();
    await camera.close();
    const other = await bench.publisher('camera', { format: NUMBERS });
    await until(() => problems.length > 0);
    await other.close();
    const back = await bench.camera('camera');
    await until(() => back.subscribers.length === 1);
    put(back, 2);
    using frame = await view.receive();
    assert.equal((frame.tensors['data']!.data as Uint8Array)[32], 2);
    assert.deepEqual(problems, ['camera FORMAT_MISMATCH']);
  });

  it('waits in a batch for others with the only frame that its publisher grants', async (t) => {
    const bench = new FilterBench(t);
    const camera = await bench.publisher('camera', { format: rgb(16, 8), slots: 3 });
    const other = await bench.camera('other');
    const problems: unknown[] = [];
    const onProblem = (_input: string, error: unknown) => problems.push(error);
    await bench.filter(['camera', 'other'], { maxWaitMs: 9_000, onProblem });
    const view = await bench.subscriber('out', { format: tensors() });
    await until(() => camera.subscribers.length === 1 && other.subscribers.length === 1);
    put(other, 1);
    (await view.receive()).release();
    for (const value of [2, 3]) {
      put(camera, value);
      put(other, value);
      using frame = await view.receive();
      assert.deepEqual(frame.tensors['data']!.shape, [2, 3, 8, 8]);
    }
    assert.deepEqual(problems, []);
  });
});

describe('a filter of several inputs', { timeout: 30_000 }, () => {
  it('makes batches, and is not held up for long by an input that has ended', async (t) => {
    const bench = new FilterBench(t);
    const [a, b] = [await bench.camera('cam/a'), await bench.camera('cam/b', 8, 8)];
    // Longer than this test may take: what is published early was published because it was whole.
    await bench.filter(['cam/*'], { batch: 4, maxWaitMs: 9_000 });
    const sources = await bench.subscriber('out/inputs', { format: filterInputs() });
    const view = await bench.subscriber('out', { format: tensors(), delivery: 'every' });
    await until(() => a.subscribers.length === 1 && b.subscribers.length === 1);
    put(a, 1);
    (await view.receive()).release();
    put(b, 2);
    put(a, 3);
    using both = await view.receive();
    assert.deepEqual(both.tensors['data']!.shape, [2, 3, 8, 8]);
    const { inputs } = (await sources.receive()).value;
    assert.deepEqual(
      inputs.map(({ channel }) => channel),
      ['cam/a'],
    );
    const second = (await sources.receive()).value;
    const data = both.tensors['data']!.data as Uint8Array;
    for (const [index, { channel, ptsNs }] of second.inputs.entries()) {
      const middle = index * 192 + 32;
      assert.equal(data[middle], channel === 'cam/a' ? 3 : 2);
      assert.equal(ptsNs, data[middle]);
    }
  });

  it('marks what was made of a damaged picture, whichever of the batch it is', async (t) => {
    const bench = new FilterBench(t);
    const [a, b] = [await bench.camera('a'), await bench.camera('b')];
    const lens = await bench.camera('lens');
    const seen = await bench.subscriber('lens', { format: video(), whenLost: 'end' });
    lens.tryLoan()!.publish({ deferred: true });
    using damaged = await seen.receive();
    await lens.close();
    await until(() => damaged.state === 'lost');
    await bench.filter(['a', 'b'], { maxWaitMs: 9_000 });
    const view = await bench.subscriber('out', { format: tensors() });
    await until(() => a.subscribers.length === 1 && b.subscribers.length === 1);
    put(a, 1);
    (await view.receive()).release();
    b.tryLoan()!.publish({ source: damaged, captureTimeNs: 1 });
    put(a, 2);
    using frame = await view.receive();
    assert.deepEqual(frame.tensors['data']!.shape, [2, 3, 8, 8]);
    assert.equal(frame.ptsNs, 2);
    assert.equal(frame.flags.incomplete, true);
  });

  it('publishes what there is after maxWaitMs, and does not wait for that input again', async (t) => {
    const bench = new FilterBench(t);
    const [a, b] = [await bench.camera('a'), await bench.camera('b')];
    const filter = await bench.filter(['a', 'b'], { maxWaitMs: 1 });
    const view = await bench.subscriber('out', { format: tensors(), delivery: 'every' });
    await until(() => a.subscribers.length === 1 && b.subscribers.length === 1);
    put(a, 1);
    (await view.receive()).release();
    // The one that was there is expected, and does not come.
    put(b, 2);
    using late = await view.receive();
    assert.deepEqual(late.tensors['data']!.shape, [1, 3, 8, 8]);
    assert.equal(late.ptsNs, 2);
    assert.deepEqual(filter.stats().inputs, ['b']);
  });
});

describe('a filter that makes no sense', () => {
  const refuse = (inputs: readonly string[], options: object, pattern: RegExp): void => {
    it(`is refused: ${pattern.source}`, async () => {
      await assert.rejects(openFilter('out', inputs, { to: CHW, ...options }), pattern);
    });
  };
  refuse([], {}, /1 to 64 inputs/);
  refuse(['out'], {}, /cannot be made of itself/);
  refuse(['cam/*'], {}, /batch says how many/);
  refuse(['a', 'b'], { to: rgb(2, 2) }, /a picture is made of one input/);
  refuse(['a'], { to: { ...CHW, dtype: 'i64' } }, /to.dtype must be/);
  refuse(['a'], { to: { ...CHW, mean: [0] } }, /u8 holds 0 to 255/);
  refuse(['a'], { maxWaitMs: -1 }, /maxWaitMs/);
  refuse(['a'], { fits: 'stretch' }, /no option 'fits'/);
});

/** Of limited range. */
const BLACK = 16;

describe('a filter with detections', { timeout: 30_000 }, () => {
  it('draws them over its picture, where the camera is in it', async (t) => {
    const bench = new FilterBench(t);
    const { directory } = bench;
    const camera = await bench.camera('camera', 64, 32);
    const view = await bench.subscriber('camera', { format: video() });
    const detector = bench.own(await openDetectionPublisher('detect/a', { model: 'm', directory }));
    const to = video({ width: 64, height: 64, pixelFormat: 'gray8' });
    await bench.filter(['camera'], { to, detections: ['detect/*'], padding: [0, 0, 0] });
    const out = await bench.subscriber('out', { format: video() });
    await until(() => camera.subscribers.length === 2 && detector.stats().subscribers === 1);
    put(camera, 0, 1);
    using seen = await view.receive();
    const left = (frame: { planes: readonly { bytes: { [index: number]: number } }[] }): number =>
      frame.planes[0]!.bytes[40 * 64]!;
    {
      using plain = await out.receive();
      assert.equal(left(plain as never), BLACK);
    }
    // In the lower half of the camera, which is in the middle of the picture.
    detector.send(seen as never, [{ box: { x: 0, y: 10, width: 64, height: 22 }, label: 'x' }]);
    for (let isDrawn = false; !isDrawn;) {
      put(camera, 0, 2);
      using drawn = await out.receive();
      isDrawn = left(drawn as never) > 100;
      assert.equal(drawn.planes[0]!.bytes[8 * 64], BLACK);
    }
  });

  it('has none over tensors', async (t) => {
    const bench = new FilterBench(t);
    await assert.rejects(bench.filter(['camera'], { detections: ['detect/*'] }), TypeError);
  });
});
