/** Mosaics whose pictures never leave the GPU. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FramePublisher, video, type VideoFormat } from '../../../src/index.js';
import { openMosaic } from '../../../src/video/index.js';
import { GpuRuntime } from '../gpu-runtime.js';
import { options } from '../place.js';

const format = video({ width: 64, height: 32, pixelFormat: 'rgb24' });

function put(camera: FramePublisher<VideoFormat>, value: number): void {
  assert.ok(camera.send(new Uint8Array(192 * 32).fill(value)) !== undefined);
}

describe('a mosaic on a GPU', options, () => {
  it('shows cameras of both memories, and inputs that come', async (t) => {
    const runtime = new GpuRuntime(t);
    const { directory } = runtime;
    const first = await runtime.publisher('cam/a', { format, memory: 'cuda' });
    const size = { width: 128, height: 64, pixelFormat: 'rgb24', framesPerSecond: 50 } as const;
    const mosaic = await openMosaic('wall', ['cam/*'], { ...size, memory: 'cuda', directory });
    t.after(() => mosaic.close());
    const view = await runtime.subscriber('wall', { format: video() });
    const feeds = [setInterval(() => put(first, 200), 10)];
    const stop = (): void => feeds.forEach((feed) => clearInterval(feed));
    const until = async (at: readonly (readonly [number, number, number])[]): Promise<void> => {
      for (;;) {
        using frame = await view.receive();
        assert.equal(frame.memory, 'cuda:0');
        const { planes } = await frame.toHost();
        const { bytes, pitchBytes } = planes[0]!;
        if (at.every(([x, y, value]) => bytes[y * pitchBytes + x * 3] === value)) return;
      }
    };
    try {
      await until([
        [64, 32, 200],
        [120, 60, 200],
      ]);
      const second = await runtime.publisher('cam/b', { format });
      feeds.push(setInterval(() => put(second, 100), 10));
      await until([
        [32, 40, 200],
        [96, 40, 100],
        [96, 60, 0],
      ]);
    } finally {
      stop();
    }
  });
});
