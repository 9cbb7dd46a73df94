/** Cameras that NVDEC decodes, as they are used: many at once under load, cut, damaged, and of another size all at once. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { tensors, video } from '../../src/index.js';
import { openFilter, openMosaic } from '../../src/video/index.js';
import { type Camera, openCamera } from '../../src/video.js';
import {
  decodedByFfmpeg,
  H264,
  H264_REORDERED,
  makeClip,
  Watcher,
  withoutFfmpeg,
} from '../process/camera-clips.js';
import { flipBits } from '../process/flipped-bits.js';
import { Program } from '../process/program.js';
import type { CameraReaderGiven, CameraReaderSaw } from './camera-reader-program.js';
import { GpuRuntime } from './gpu-runtime.js';
import { options, skip } from './place.js';

const FRAME_NS = 40_000_000;
const CAMERAS = 16;
const READERS = 3;

describe('cameras on a GPU', { ...options, skip: skip || (withoutFfmpeg ?? false) }, () => {
  it('are exact for each of their readers while many, a mosaic and a filter work', async (test) => {
    const runtime = new GpuRuntime(test);
    const { directory, folder } = runtime;
    const encode = H264_REORDERED;
    const clip = makeClip(folder, 'clip.mp4', { encode, size: '1282x722', seconds: 2 });
    const expectedPath = join(folder, 'expected.json');
    writeFileSync(expectedPath, JSON.stringify(decodedByFfmpeg(clip)));
    const channels = Array.from({ length: CAMERAS }, (_, index) => `camera/${index}`);
    const paced = { input: clip, loop: true, realtime: true, memory: 'cuda:0', directory } as const;
    const cameras = await Promise.all(channels.map((channel) => openCamera(channel, paced)));
    test.after(() => Promise.all(cameras.map((camera) => camera.close())));
    const mosaic = await openMosaic('wall', ['camera/*'], { memory: 'cuda', directory });
    test.after(() => mosaic.close());
    const to = { width: 640, height: 640, colors: 'rgb', layout: 'chw', dtype: 'f16' } as const;
    const batch = { to, fit: 'letterbox', batch: CAMERAS, memory: 'cuda', directory } as const;
    const filter = await openFilter('batch', ['camera/*'], batch);
    test.after(() => filter.close());
    const [wall, batches] = [
      await runtime.subscriber('wall', { format: video() }),
      await runtime.subscriber('batch', { format: tensors() }),
    ];
    const made = [0, 0];
    const over = new AbortController();
    const work = [wall, batches].map(async (subscriber, index) => {
      for await (const frame of subscriber) {
        made[index]! += Number(frame.id > 0n);
        if (over.signal.aborted) return;
      }
    });
    const given = { directory, channels, expectedPath, frameNs: FRAME_NS, frames: 100 };
    const readers = Array.from(
      { length: READERS },
      () => new Program('../gpu/camera-reader-program', given satisfies CameraReaderGiven),
    );
    const saw = await Promise.all(
      readers.map(async (reader) => JSON.parse(await reader.line()) as CameraReaderSaw),
    );
    over.abort();
    await Promise.all(work);
    for (const { frames, wrong } of saw) {
      assert.deepEqual(wrong, []);
      assert.equal(frames, CAMERAS * given.frames);
    }
    assert.ok(
      made.every((count) => count > 20),
      `pictures and batches made: ${made}`,
    );
    for (const camera of cameras) assert.equal(camera.stats().decoder, 'nvdec');
    const lost = saw.reduce((sum, reader) => sum + reader.lost, 0);
    test.diagnostic(`${READERS * CAMERAS * given.frames} pictures exact, ${lost} passed over`);
  });

  it('start an epoch when the size changes in the middle', async (test) => {
    const runtime = new GpuRuntime(test);
    const { directory, folder } = runtime;
    const parts = ['642x362', '322x242'].map((size, index) =>
      makeClip(folder, `${index}.h264`, { size, encode: [...H264, '-bf', '0'], seconds: 1 }),
    );
    const joined = join(folder, 'both.h264');
    writeFileSync(joined, Buffer.concat(parts.map((part) => readFileSync(part))));
    const watcher = new Watcher('camera/gpu', directory, { copyTo: 'host', maxLag: 8 });
    test.after(() => watcher.close());
    const decoders: string[] = [];
    const camera: Camera = await openCamera('camera/gpu', {
      ...{ input: joined, memory: 'cuda:0', slots: 12, directory },
      onStatus: ({ type }) => {
        if (type === 'decoder') decoders.push('failed');
      },
    });
    test.after(() => camera.close());
    const looking = setInterval(() => decoders.push(camera.stats().decoder), 1);
    const { reason, error } = await camera.closed;
    clearInterval(looking);
    assert.deepEqual([reason, error], ['ended', undefined]);
    assert.deepEqual([camera.stats().frames, camera.stats().dropped], [50, 0]);
    assert.deepEqual([...new Set(decoders.filter(Boolean))], ['nvdec']);
    await watcher.until((seen) => seen.some(({ width }) => width === 322));
    const [first = [], second = []] = parts.map((part) => decodedByFfmpeg(part));
    for (const { width, digest, epoch } of watcher.seen) {
      assert.equal(epoch, width === 642 ? 1 : 2);
      assert.ok((width === 642 ? first : second).includes(digest), `a picture ${width} wide`);
    }
  });

  it('come back exact, with one mark, when what reads their input is killed', async (test) => {
    const runtime = new GpuRuntime(test);
    const { directory, folder } = runtime;
    const clip = makeClip(folder, 'clip.mp4', { encode: [...H264, '-bf', '0'], size: '642x362' });
    const expected = decodedByFfmpeg(clip);
    const watcher = new Watcher('camera/gpu', directory, { copyTo: 'host', maxLag: 8 });
    test.after(() => watcher.close());
    const paced = { input: clip, loop: true, realtime: true, memory: 'cuda:0', slots: 12 } as const;
    const camera = await openCamera('camera/gpu', { ...paced, directory });
    test.after(() => camera.close());
    await watcher.until((seen) => seen.length > 5);
    process.kill(camera.processes.reader!, 'SIGKILL');
    await watcher.until((seen) => {
      const back = seen.findIndex(({ discontinuity }) => discontinuity);
      return back !== -1 && seen.length > back + 20;
    });
    assert.equal(camera.stats().decoder, 'nvdec');
    const { seen } = watcher;
    const marked = seen.flatMap(({ discontinuity }, index) => (discontinuity ? [index] : []));
    assert.equal(marked.length, 1, `marked: ${marked}`);
    const back = seen[marked[0]!]!;
    for (const [index, { digest, ptsNs }] of seen.entries()) {
      const startNs = index < marked[0]! ? 0 : back.ptsNs;
      const place = Math.round((ptsNs - startNs) / FRAME_NS) % expected.length;
      assert.equal(digest, expected[place], `at ${ptsNs} ns`);
    }
  });

  it('go on through damage beside one that stays exact', async (test) => {
    const runtime = new GpuRuntime(test);
    const { directory, folder } = runtime;
    const paced = { loop: true, realtime: true, memory: 'cuda:0', slots: 12, directory } as const;
    const clean = makeClip(folder, 'clean.mp4', { encode: [...H264, '-bf', '0'] });
    const expected = decodedByFfmpeg(clean);
    const watcher = new Watcher('camera/clean', directory, { copyTo: 'host', maxLag: 8 });
    test.after(() => watcher.close());
    const beside = await openCamera('camera/clean', { ...paced, input: clean });
    test.after(() => beside.close());
    const raw = readFileSync(
      makeClip(folder, 'clip.h264', { encode: [...H264, '-bf', '0', '-threads', '1'] }),
    );
    const cameras: Camera[] = [];
    // Few: pictures are damaged. Many, from the first byte on: the parameter sets are, too.
    for (const [name, flips, from] of [
      ['few', 40, 2000],
      ['many', 4000, 0],
    ] as const) {
      const input = join(folder, `${name}.h264`);
      writeFileSync(input, flipBits(raw, flips, from));
      const camera = await openCamera(`camera/${name}`, { ...paced, loop: false, input }).catch(
        () => undefined,
      );
      if (camera === undefined) continue;
      cameras.push(camera);
      test.after(() => camera.close());
    }
    assert.ok(cameras.length > 0);
    await Promise.all(cameras.map(({ closed }) => closed));
    assert.ok(cameras[0]!.stats().frames > 10, JSON.stringify(cameras[0]!.stats()));
    const before = watcher.seen.length;
    await watcher.until((seen) => seen.length > before + 10);
    assert.deepEqual([beside.stats().decoder, beside.stats().state], ['nvdec', 'live']);
    for (const { digest, ptsNs } of watcher.seen) {
      const place = Math.round(ptsNs / FRAME_NS) % expected.length;
      assert.equal(digest, expected[place], `at ${ptsNs} ns`);
    }
  });
});
