/** Mosaics whose pictures never leave the GPU. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DeviceBuffer, enqueueWait64, enqueueWrite64 } from '../../../src/gpu/index.js';
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

  it('darkens what is dead, says so, and lets go of one of a pattern that went', async (t) => {
    const runtime = new GpuRuntime(t);
    const { directory } = runtime;
    const [first, second] = [
      await runtime.publisher('a', { format, memory: 'cuda' }),
      await runtime.publisher('cam/b', { format, memory: 'cuda' }),
    ];
    const size = { width: 128, height: 64, pixelFormat: 'rgb24', framesPerSecond: 50 } as const;
    const times = { staleMs: 30, leaveMs: 60 };
    const wanted = { ...size, ...times, memory: 'cuda', directory } as const;
    const mosaic = await openMosaic('wall', ['a', 'cam/*'], wanted);
    t.after(() => mosaic.close());
    const view = await runtime.subscriber('wall', { format: video() });
    const until = async (isWanted: (red: (x: number, y: number) => number) => boolean) => {
      for (;;) {
        using frame = await view.receive();
        const { planes } = await frame.toHost();
        const { bytes, pitchBytes } = planes[0]!;
        if (isWanted((x, y) => bytes[y * pitchBytes + x * 3]!)) return;
      }
    };
    const isLabelled = (red: (x: number, y: number) => number): boolean =>
      Array.from({ length: 64 }, (_, x) => red(x, 6)).includes(255);
    // Where all slots are held for a moment, the next one is as good.
    const picture = new Uint8Array(192 * 32).fill(100);
    const feed = setInterval(() => second.send(picture), 10);
    try {
      put(first, 200);
      await until((red) => red(32, 40) === 70 && red(96, 40) === 100 && isLabelled(red));
    } finally {
      clearInterval(feed);
    }
    await second.close();
    // The one that is named stays, dead as it is, and has all the room.
    await until((red) => red(8, 60) === 70 && red(120, 60) === 70);
    const inputs = mosaic.stats().inputs.map(({ channel, state }) => [channel, state]);
    assert.deepEqual(inputs, [['a', 'dead']]);
  });

  it('is not held up by an input that announces frames and does not finish them', async (t) => {
    const runtime = new GpuRuntime(t);
    const { directory } = runtime;
    const [first, second] = [
      await runtime.publisher('a', { format, memory: 'cuda' }),
      await runtime.publisher('b', { format, memory: 'cuda' }),
    ];
    const size = { width: 128, height: 64, pixelFormat: 'rgb24', framesPerSecond: 50 } as const;
    const wanted = { ...size, memory: 'cuda', labels: false, directory } as const;
    const mosaic = await openMosaic('wall', ['a', 'b'], wanted);
    t.after(() => mosaic.close());
    const [stuck, free] = [await runtime.stream(), await runtime.stream()];
    using gate = DeviceBuffer.create(16);
    enqueueWrite64(Number(free.handle), Number(gate.pointer), 0);
    await free.synchronize();
    const view = await runtime.subscriber('wall', { format: video() });
    const until = async (left: number, right: number): Promise<void> => {
      for (;;) {
        using frame = await view.receive();
        const { planes } = await frame.toHost();
        const { bytes, pitchBytes } = planes[0]!;
        const row = 32 * pitchBytes;
        if (bytes[row + 32 * 3] === left && bytes[row + 96 * 3] === right) return;
      }
    };
    put(first, 10);
    put(second, 20);
    await until(10, 20);
    enqueueWait64(Number(stuck.handle), Number(gate.pointer), 1);
    second.tryLoan()!.publish({ stream: stuck });
    try {
      for (const value of [11, 12, 13]) {
        put(first, value);
        await until(value, 20);
      }
    } finally {
      enqueueWrite64(Number(free.handle), Number(gate.pointer), 1);
    }
    put(second, 30);
    await until(13, 30);
  });
});
