/** Mosaics: cells, labels, inputs that come, stop and go, and a rate of their own. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type Frame, type FramePublisher, video, type VideoFormat } from '../../../src/index.js';
import { type MosaicOptions, openMosaic } from '../../../src/video.js';
import type { VideoFrame } from '../../../src/video/inputs/latest-frames.js';
import { Canvas } from '../../../src/video/mosaic/canvas.js';
import { columnsFor, tileRegions } from '../../../src/video/mosaic/tile-layout.js';
import { Tile } from '../../../src/video/mosaic/tile.js';
import { LETTER_WIDTH, LETTERS } from '../../../src/video/overlay/label-font.js';
import { LABEL_MARGIN } from '../../../src/video/overlay/mark.js';
import { Bench } from '../bus/bench.js';

const CAMERA = video({ width: 32, height: 32, pixelFormat: 'rgb24' });

function put(camera: FramePublisher<VideoFormat>, value: number): void {
  const loan = camera.tryLoan()!;
  loan.planes[0]!.bytes.fill(value);
  loan.publish();
}

class MosaicBench extends Bench {
  constructor(t: TestContext) {
    super(t);
  }

  async mosaic(inputs: readonly string[], options: MosaicOptions = {}) {
    const size = { width: 64, height: 64, framesPerSecond: 100, labels: false };
    const all = { ...size, pixelFormat: 'rgb24', directory: this.directory, ...options } as const;
    const opened = this.own(await openMosaic('wall', inputs, all));
    const view = await this.subscriber('wall', { format: video() });
    return { opened, view };
  }

  camera(name: string) {
    return this.publisher(name, { format: CAMERA });
  }

  /** Pictures of a value, until the test ends or the result is called. */
  feed(camera: FramePublisher<VideoFormat>, value: number): () => void {
    const timer = setInterval(() => put(camera, value), 5);
    const stop = (): void => clearInterval(timer);
    this.own({ close: async () => stop() });
    return stop;
  }
}

/** Red of a pixel. */
function pixel(frame: Frame<VideoFormat>, x: number, y: number): number {
  const { bytes, pitchBytes } = frame.planes[0]!;
  return bytes[y * pitchBytes + x * 3]!;
}

/** The letters of a label that begins at a pixel, read from their white pixels; '?' for what is none. */
function labelAt(frame: Frame<VideoFormat>, x: number, y: number, count: number): string {
  const rowOf = (left: number, row: number): string => {
    const bits = Array.from({ length: LETTER_WIDTH }, (_, column) =>
      Number(pixel(frame, left + column, row) === 255),
    );
    return (Number.parseInt(bits.join(''), 2) << 1).toString(16).padStart(2, '0');
  };
  return Array.from({ length: count }, (_, index) => {
    const left = x + LABEL_MARGIN + index * LETTER_WIDTH;
    const rows = Array.from({ length: 13 }, (_unused, row) =>
      rowOf(left, y + LABEL_MARGIN / 2 + row),
    );
    const code = LETTERS.indexOf(rows.join(''));
    return code < 0 ? '?' : String.fromCharCode(0x20 + code);
  }).join('');
}

type View = Awaited<ReturnType<MosaicBench['mosaic']>>['view'];

/** The first picture that is as wanted; a test that never sees it ends by its timeout. */
async function until(view: View, wanted: (frame: Frame<VideoFormat>) => boolean): Promise<void> {
  for await (const frame of view) if (wanted(frame as Frame<VideoFormat>)) return;
}

describe('the cells of a mosaic', () => {
  it('cover the picture, each pixel once, and start at even pixels', () => {
    for (let tiles = 1; tiles <= 36; tiles++) {
      const size = { width: 333, height: 111 };
      const regions = tileRegions(tiles, size, columnsFor(tiles));
      assert.ok(regions.length >= tiles && regions.length < tiles + columnsFor(tiles));
      const hits = new Uint8Array(size.width * size.height);
      for (const { x, y, width, height } of regions) {
        assert.deepEqual([x % 2, y % 2], [0, 0]);
        for (let row = y; row < y + height; row++) {
          for (let column = x; column < x + width; column++) hits[row * size.width + column]! += 1;
        }
      }
      assert.ok(hits.every((count) => count === 1));
    }
  });
});

describe('a mosaic', { timeout: 30_000 }, () => {
  it('shows each input in its cell, the newest frame of each, and never waits', async (t) => {
    const bench = new MosaicBench(t);
    const [a, b] = [await bench.camera('a'), await bench.camera('b')];
    const { view } = await bench.mosaic(['a', 'b', 'never']);
    put(a, 50);
    await until(view, (frame) => pixel(frame, 5, 5) === 50);
    put(b, 60);
    await until(view, (frame) => pixel(frame, 40, 5) === 60 && pixel(frame, 5, 5) === 50);
    put(a, 70);
    await until(view, (frame) => pixel(frame, 5, 5) === 70 && pixel(frame, 5, 40) === 0);
  });

  it('takes in channels of a pattern as they come, and lets go of those that went', async (t) => {
    const bench = new MosaicBench(t);
    const { opened, view } = await bench.mosaic(['cam/*'], { leaveMs: 50, staleMs: 20 });
    const first = await bench.camera('cam/1');
    bench.feed(first, 80);
    await until(view, (frame) => pixel(frame, 32, 32) === 80);
    const second = await bench.camera('cam/0');
    const stop = bench.feed(second, 90);
    await until(view, (frame) => pixel(frame, 5, 32) === 90 && pixel(frame, 60, 32) === 80);
    stop();
    await second.close();
    await until(view, (frame) => pixel(frame, 5, 32) === 80);
    assert.deepEqual(
      opened.stats().inputs.map(({ channel }) => channel),
      ['cam/1'],
    );
  });

  it('draws a cell again when it has something new to show, and not before', async (t) => {
    const bench = new MosaicBench(t);
    const camera = await bench.camera('a');
    const view = await bench.subscriber('a', { format: video(), delivery: 'every' });
    const target = video({ width: 32, height: 32, pixelFormat: 'rgb24' });
    const region = { x: 0, y: 0, width: 32, height: 32 };
    const common = { channel: 'a', target, region, stream: undefined, filter: 'auto' } as const;
    const tile = bench.own(new Tile({ ...common, labels: false }));
    const { planes } = new Canvas(target);
    const red = (): number => planes[0]!.bytes[3000]!;
    const next = async (value: number) => {
      put(camera, value);
      return ((await view.receive()) as VideoFrame).retain();
    };
    const one = await next(200);
    tile.draw(one, 'live', '1', undefined, planes);
    assert.equal(red(), 200);
    planes[0]!.bytes[3000] = 99;
    tile.draw(one, 'live', '2', undefined, planes);
    assert.equal(red(), 99);
    tile.draw(one, 'dead', '2', undefined, planes);
    assert.equal(red(), 70);
    const two = await next(20);
    tile.draw(two, 'live', '3', undefined, planes);
    assert.equal(red(), 20);
    tile.draw(undefined, 'live', '3', undefined, planes);
    assert.equal(red(), 0);
    for (const frame of [one, two]) frame.release();
  });

  it('darkens what is dead, says so, and shows it again when it is back', async (t) => {
    const bench = new MosaicBench(t);
    const camera = await bench.camera('a');
    const { opened, view } = await bench.mosaic(['a'], { staleMs: 30 });
    put(camera, 200);
    await until(view, (frame) => pixel(frame, 32, 50) === 70);
    assert.equal(opened.stats().inputs[0]!.state, 'dead');
    // The words stand above, white on black.
    await until(view, (frame) =>
      Array.from({ length: 64 }, (_, x) => pixel(frame, x, 6)).includes(255),
    );
    bench.feed(camera, 210);
    await until(view, (frame) => pixel(frame, 32, 5) === 210);
    assert.equal(opened.stats().inputs[0]!.state, 'live');
  });

  it('has the names of 36 channels over their pictures, and no place for more', async (t) => {
    const bench = new MosaicBench(t);
    const names = Array.from({ length: 37 }, (_, index) => `c/${10 + index}`);
    const shown = names.slice(0, 36);
    // Cells of 40 by 32.
    const size = { width: 240, height: 192, labels: true, staleMs: 60_000 };
    const { view } = await bench.mosaic(shown, size);
    for (const [index, name] of shown.entries()) put(await bench.camera(name), 50 + index);
    const corner = (index: number) => [(index % 6) * 40, Math.floor(index / 6) * 32] as const;
    await until(view, (frame) =>
      shown.every((name, index) => {
        const [x, y] = corner(index);
        return labelAt(frame, x, y, 4) === name && pixel(frame, x + 20, y + 24) === 50 + index;
      }),
    );
    await assert.rejects(openMosaic('more', names), {
      name: 'RangeError',
      message: 'openMosaic() takes 1 to 36 inputs, got 37',
    });
  });

  it('goes on when a publisher ends, and when it comes back with another size', async (t) => {
    const bench = new MosaicBench(t);
    const camera = await bench.camera('a');
    const { view } = await bench.mosaic(['a']);
    put(camera, 100);
    await until(view, (frame) => pixel(frame, 32, 32) === 100);
    await camera.close();
    const next = await bench.publisher('a', {
      format: video({ width: 16, height: 32, pixelFormat: 'gray8' }),
    });
    bench.feed(next, 235);
    await until(view, (frame) => pixel(frame, 32, 32) === 255 && pixel(frame, 5, 32) === 0);
  });

  it('has pictures whose times are evenly apart, however late each is drawn', async (t) => {
    const bench = new MosaicBench(t);
    const camera = await bench.camera('a');
    const { view } = await bench.mosaic(['a'], { framesPerSecond: 40 });
    bench.feed(camera, 100);
    let firstNs: number | undefined;
    for (let index = 0; index < 10; index += 1) {
      using frame = await view.receive();
      firstNs ??= frame.ptsNs;
      const periods = (frame.ptsNs - firstNs) / 25e6;
      assert.ok(Math.abs(periods - Math.round(periods)) < 1e-4, `${periods} periods`);
      assert.ok(frame.captureTimeNs >= frame.ptsNs - 2e6);
    }
  });

  it('reads nothing while nobody watches', async (t) => {
    const bench = new MosaicBench(t);
    const camera = await bench.camera('a');
    const { opened, view } = await bench.mosaic(['a']);
    put(camera, 1);
    await until(view, (frame) => pixel(frame, 32, 32) === 1);
    await view.close();
    for await (const { subscribers } of camera.demand()) if (subscribers === 0) break;
    assert.equal(opened.stats().active, false);
  });

  it('refuses what makes no sense', async () => {
    await assert.rejects(openMosaic('wall', []), /1 to 36 inputs/);
    await assert.rejects(openMosaic('wall', ['wall']), /cannot be made of itself/);
    await assert.rejects(openMosaic('wall', ['a'], { framesPerSecond: 0 }), RangeError);
    await assert.rejects(openMosaic('wall', ['a', 'b'], { width: 1, height: 64 }), /64 or more/);
    await assert.rejects(openMosaic('wall', ['a'], { fps: 25 } as object), /no option 'fps'/);
  });
});
