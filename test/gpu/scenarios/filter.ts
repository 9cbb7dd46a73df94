/** Filters whose pictures never leave the GPU. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FramePublisher, tensors, video, type VideoFormat } from '../../../src/index.js';
import { openFilter, type TensorTarget } from '../../../src/video/index.js';
import { until } from '../../process/program.js';
import { GpuRuntime } from '../gpu-runtime.js';
import { options } from '../place.js';

const SQUARE: TensorTarget = { width: 8, height: 8, colors: 'rgb', layout: 'chw', dtype: 'f16' };
const format = video({ width: 64, height: 32, pixelFormat: 'rgb24' });

function put(camera: FramePublisher<VideoFormat>, value: number): void {
  const sequence = camera.send(new Uint8Array(192 * 32).fill(value), { ptsNs: value });
  assert.ok(sequence !== undefined);
}

/** Bits of value / 255 in f16: 51 and 255 are exact enough to be told apart. */
const ONE = 0x3c00;
const FIFTH = 0x3266;

describe('a filter on a GPU', options, () => {
  for (const memory of ['cuda', 'host'] as const) {
    it(`makes tensors there of a camera in ${memory} memory`, async (t) => {
      const runtime = new GpuRuntime(t);
      const camera = await runtime.publisher('camera', { format, memory });
      const { directory } = runtime;
      const filter = await openFilter('out', ['camera'], { to: SQUARE, memory: 'cuda', directory });
      t.after(() => filter.close());
      const view = await runtime.subscriber('out', { format: tensors() });
      await until(() => camera.subscribers.length === 1);
      for (const [value, bits] of [
        [255, ONE],
        [51, FIFTH],
      ] as const) {
        put(camera, value);
        using frame = await view.receive();
        assert.equal(frame.memory, 'cuda:0');
        assert.equal(frame.ptsNs, value);
        const copy = await frame.toHost();
        const data = copy.tensors['data']!.data as Uint16Array;
        assert.deepEqual([data.length, data[3 * 8], data[4 * 8 + 7]], [192, bits, bits]);
      }
      await filter.close();
      await until(() => camera.subscribers.length === 0);
    });
  }

  it('makes batches there', async (t) => {
    const runtime = new GpuRuntime(t);
    const cameras = [
      await runtime.publisher('cam/a', { format, memory: 'cuda' }),
      await runtime.publisher('cam/b', { format }),
    ];
    const { directory } = runtime;
    const wanted = { to: SQUARE, memory: 'cuda', batch: 2, maxWaitMs: 10_000, directory } as const;
    const filter = await openFilter('out', ['cam/*'], wanted);
    t.after(() => filter.close());
    const view = await runtime.subscriber('out', { format: tensors() });
    await until(() => cameras.every(({ subscribers }) => subscribers.length === 1));
    put(cameras[0]!, 255);
    (await view.receive()).release();
    put(cameras[1]!, 51);
    put(cameras[0]!, 255);
    using frame = await view.receive();
    const { tensors: made } = await frame.toHost();
    assert.deepEqual(made['data']!.shape, [2, 3, 8, 8]);
    const data = made['data']!.data as Uint16Array;
    assert.deepEqual([data[24], data[192 + 24]].sort(), [FIFTH, ONE]);
  });
});
