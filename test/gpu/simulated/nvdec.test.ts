import '../use-simulator.js';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { guessColor } from '../../../src/format/index.js';
import {
  type FrameSubscriber,
  openSubscriber,
  video,
  type VideoFormat,
} from '../../../src/index.js';
import type { CodedPicture, PictureLook } from '../../../src/video/camera/coded-picture.js';
import { FrameOutput, frameFormat } from '../../../src/video/camera/frame-output.js';
import { NvDecoder, nvdecCodec } from '../../../src/video/nvdec/index.js';
import { openCamera } from '../../../src/video.js';
import {
  decodedByFfmpeg,
  H264,
  makeClip,
  MJPEG,
  Watcher,
  withoutFfmpeg,
} from '../../process/camera-clips.js';
import { options } from '../place.js';

process.env['SLUICE_NVCUVID_LIBRARY'] = process.env['SLUICE_CUDA_LIBRARY'];

/** What the decoder of the simulator makes pictures of. */
const LOOK: PictureLook = {
  codec: 'h264',
  parameters: { width: 322, height: 242, bitDepth: 8, chroma: 1, color: guessColor('nv12', 242) },
  timeBase: { numerator: 1, denominator: 25 },
  fourcc: Buffer.from('H264'),
  extra: new Uint8Array(0),
  decodeDelay: 0,
};

function picture(index: number): CodedPicture {
  const times = { pts: index, ptsNs: index * 40e6, captureTimeNs: index };
  const bytes = Uint8Array.of(0, 0, 0, 1, index, 255 - index);
  const state = { look: LOOK, discontinuity: false, isShown: false };
  return { bytes, keyFrame: index === 0, id: BigInt(index + 1), ...times, ...state };
}

async function setUp(
  test: TestContext,
  waits: boolean,
): Promise<{ output: FrameOutput; decoder: NvDecoder; subscriber: FrameSubscriber<VideoFormat> }> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-nvdec-'));
  const directory = join(folder, 'run');
  const about = { waits, shown: 'test', ending: new AbortController().signal };
  const camera = { input: 'test', memory: 'cuda:0', directory, slots: 12 } as const;
  const output = new FrameOutput('camera/gpu', camera, about);
  await output.begin(frameFormat(LOOK.parameters));
  const subscriber = await openSubscriber('camera/gpu', {
    ...{ format: video(), delivery: 'every', maxLag: 4, copyTo: 'host', directory },
  });
  const decoder = new NvDecoder('camera/gpu', 'h264', 'cuda:0', output, { waits });
  test.after(async () => {
    await decoder.close();
    await subscriber.close();
    await output.close();
    rmSync(folder, { recursive: true });
  });
  return { output, decoder, subscriber: subscriber as FrameSubscriber<VideoFormat> };
}

describe('pictures decoded on a GPU', options, () => {
  it('are in their slots, whole and in order, under the ids and times of their packets', async (test) => {
    const { decoder, subscriber } = await setUp(test, true);
    const giving = (async () => {
      for (let index = 0; index < 40; index += 1) {
        decoder.decode(picture(index), false);
        await decoder.whenReady();
      }
      await decoder.finish();
    })();
    for (let index = 0; index < 40; index += 1) {
      using frame = await subscriber.receive();
      assert.deepEqual([frame.ptsNs, frame.id], [index * 40e6, BigInt(index + 1)]);
      const [y, uv] = frame.planes;
      for (const [plane, value] of [
        [y!, index],
        [uv!, 255 - index],
      ] as const) {
        const samples = plane === y ? plane.width : plane.width * 2;
        for (const row of [0, plane.height - 1]) {
          const start = row * plane.pitchBytes;
          const bytes = plane.bytes.subarray(start, start + samples);
          assert.ok(
            bytes.every((byte) => byte === value),
            `frame ${index}, row ${row}`,
          );
        }
      }
    }
    await giving;
    assert.equal(decoder.failure, undefined);
    assert.ok(decoder.delayMs !== undefined);
  });

  it('come one by one where nothing follows them, and those shown before do not come again', async (test) => {
    const { decoder, subscriber, output } = await setUp(test, true);
    decoder.decode(picture(0), true);
    using first = await subscriber.receive();
    assert.equal(first.ptsNs, 0);
    decoder.decode({ ...picture(1), isShown: true }, true);
    decoder.decode(picture(2), true);
    using second = await subscriber.receive();
    assert.equal(second.ptsNs, 80e6);
    assert.equal(output.lastPtsNs, 80e6);
  });

  it('are decoded by ffmpeg and copied up where the GPU fails at it', async (test) => {
    if (withoutFfmpeg !== undefined) return test.skip(withoutFfmpeg);
    const folder = mkdtempSync(join(tmpdir(), 'sluice-nvdec-'));
    test.after(() => rmSync(folder, { recursive: true }));
    const directory = join(folder, 'run');
    // Wider than the pictures of the simulator: its first copy is refused.
    const clip = makeClip(folder, 'clip.mp4', { encode: H264, size: '640x96', seconds: 4 });
    const told: string[] = [];
    const camera = await openCamera('camera/gpu', {
      ...{ input: clip, memory: 'cuda:0', directory, loop: true, realtime: true },
      onStatus: ({ type }) => told.push(type),
    });
    test.after(() => camera.close());
    const watcher = new Watcher('camera/gpu', directory, { copyTo: 'host' });
    test.after(() => watcher.close());
    await watcher.until((seen) => seen.length > 3);
    assert.equal(camera.stats().decoder, 'ffmpeg');
    assert.deepEqual(told.filter((type) => type === 'decoder').length, 2);
    const expected = decodedByFfmpeg(clip);
    for (const { digest } of watcher.seen) assert.ok(expected.includes(digest));
  });

  it('wait for a slot and for the GPU where ffmpeg decodes a file and its frames are copied up', async (test) => {
    if (withoutFfmpeg !== undefined) return test.skip(withoutFfmpeg);
    const folder = mkdtempSync(join(tmpdir(), 'sluice-nvdec-'));
    test.after(() => rmSync(folder, { recursive: true }));
    const directory = join(folder, 'run');
    // Motion JPEG is not decoded by the GPU.
    const clip = makeClip(folder, 'clip.avi', { encode: MJPEG, seconds: 4 });
    const watcher = new Watcher('camera/gpu', directory, { copyTo: 'host', maxLag: 2 });
    test.after(() => watcher.close());
    const input = { input: clip, memory: 'cuda:0', slots: 6, directory } as const;
    const camera = await openCamera('camera/gpu', input);
    test.after(() => camera.close());
    assert.equal((await camera.closed).reason, 'ended');
    const { frames, dropped } = camera.stats();
    assert.deepEqual([frames, dropped], [100, 0]);
    const expected = decodedByFfmpeg(clip);
    await watcher.until((seen) => seen.at(-1)?.ptsNs === 99 * 40e6);
    for (const { digest, ptsNs } of watcher.seen) assert.equal(digest, expected[ptsNs / 40e6]);
  });

  it('are asked for only where the GPU decodes them', () => {
    assert.equal(nvdecCodec(LOOK, 'cuda:0'), 'h264');
    assert.equal(nvdecCodec({ ...LOOK, codec: 'hevc' }, 'cuda:0'), undefined);
    const deep = { ...LOOK.parameters, bitDepth: 10 };
    assert.equal(nvdecCodec({ ...LOOK, parameters: deep }, 'cuda:0'), undefined);
    const large = { ...LOOK.parameters, width: 8192 };
    assert.equal(nvdecCodec({ ...LOOK, parameters: large }, 'cuda:0'), undefined);
  });
});
