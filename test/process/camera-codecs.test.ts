import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openCamera, openPackets } from '../../src/video.js';
import {
  AV1,
  AV1_10,
  decodedByFfmpeg,
  H264,
  H264_REORDERED,
  HEVC,
  HEVC_10,
  makeClip,
  MJPEG,
  VP9,
  VP9_10,
  Watcher,
  withoutFfmpeg,
} from './camera-clips.js';
import { Runtime } from './runtime.js';

const FRAME_NS = 40_000_000;
const skip = withoutFfmpeg ?? false;
const WIDTH = 322;
const HEIGHT = 242;

/** The MD5 of each picture of 4:2:0 as it was coded, its chroma interleaved and nothing converted. */
function codedDigests(clip: string): string[] {
  const words = ['-v', 'error', '-i', clip, '-fps_mode', 'passthrough', '-f', 'rawvideo', '-'];
  const all = execFileSync('ffmpeg', words, { maxBuffer: 1 << 26 });
  const luma = WIDTH * HEIGHT;
  const digests: string[] = [];
  for (let at = 0; at < all.length; at += luma * 1.5) {
    const nv12 = Buffer.from(all.subarray(at, at + luma * 1.5));
    for (let index = 0; index < luma / 4; index += 1) {
      nv12[luma + 2 * index] = all[at + luma + index]!;
      nv12[luma + 2 * index + 1] = all[at + luma * 1.25 + index]!;
    }
    digests.push(createHash('md5').update(nv12).digest('hex'));
  }
  return digests;
}

describe('the codecs of a camera, decoded by the processor', { skip }, () => {
  for (const { name, encode, pixels, file, codec } of [
    { name: 'H.264', encode: H264_REORDERED, pixels: 'nv12', file: 'clip.mp4', codec: 'h264' },
    { name: 'HEVC, 10 bits', encode: HEVC_10, pixels: 'p010', file: 'clip.mp4', codec: 'hevc' },
    { name: 'VP9', encode: VP9, pixels: 'nv12', file: 'clip.webm', codec: 'vp9' },
    { name: 'VP9, 10 bits', encode: VP9_10, pixels: 'p010', file: 'clip.webm', codec: 'vp9' },
    { name: 'AV1', encode: AV1, pixels: 'nv12', file: 'clip.mp4', codec: 'av1' },
    { name: 'AV1, 10 bits', encode: AV1_10, pixels: 'p010', file: 'clip.mkv', codec: 'av1' },
    { name: 'MJPEG', encode: MJPEG, pixels: 'nv12', file: 'clip.avi', codec: 'other' },
  ] as const) {
    it(`gives the frames that ffmpeg decodes, exactly: ${name}`, async (test) => {
      const runtime = new Runtime(test);
      const { directory } = runtime;
      // Rows that need padding, and sides that are no whole number of blocks.
      const size = `${WIDTH}x${HEIGHT}`;
      const clip = makeClip(runtime.folder, file, { encode, size, seconds: 1.2 });
      const expected = decodedByFfmpeg(clip, pixels);
      const watcher = new Watcher('camera/file', directory);
      test.after(() => watcher.close());
      const camera = await openCamera('camera/file', { input: clip, directory });
      test.after(() => camera.close());
      assert.equal(camera.format?.pixelFormat, pixels);
      assert.equal(camera.stats().codec, codec);
      const isCarried = codec !== 'vp9' && codec !== 'other';
      assert.equal(camera.packets, isCarried ? 'camera/file/packets' : undefined);
      assert.equal((await camera.closed).reason, 'ended');
      assert.equal(camera.stats().frames, expected.length);
      await watcher.until((seen) => seen.at(-1)?.ptsNs === (expected.length - 1) * FRAME_NS);
      for (const { ptsNs, digest } of watcher.seen) {
        assert.equal(ptsNs % FRAME_NS, 0);
        assert.equal(digest, expected[ptsNs / FRAME_NS], `the frame at ${ptsNs} ns`);
      }
    });
  }

  for (const { size, encode, file, pixels } of [
    { size: '321x241', encode: VP9, file: 'clip.webm', pixels: 'nv12' },
    { size: '63x34', encode: VP9_10, file: 'clip.webm', pixels: 'p010' },
    { size: '64x33', encode: VP9, file: 'clip.webm', pixels: 'nv12' },
    {
      size: '1x1',
      encode: ['-c:v', 'ffv1', '-pix_fmt', 'yuv444p'],
      file: 'clip.mkv',
      pixels: 'nv12',
    },
  ] as const) {
    it(`keeps the last column and row of an odd size: ${size}`, async (test) => {
      const runtime = new Runtime(test);
      const { directory } = runtime;
      // testsrc2 has even sizes only.
      const clip = makeClip(runtime.folder, file, {
        encode,
        size,
        source: 'testsrc',
        seconds: 0.2,
      });
      const expected = decodedByFfmpeg(clip, pixels);
      const watcher = new Watcher('camera/file', directory);
      test.after(() => watcher.close());
      const camera = await openCamera('camera/file', { input: clip, directory });
      test.after(() => camera.close());
      await camera.closed;
      await watcher.until((seen) => seen.length === expected.length);
      assert.deepEqual(
        watcher.seen.map(({ digest }) => digest),
        expected,
      );
    });
  }

  it('carries AV1 as temporal units, each key frame with its sequence header', async (test) => {
    const runtime = new Runtime(test);
    const { directory } = runtime;
    const clip = makeClip(runtime.folder, 'clip.mp4', { encode: AV1 });
    const options = { input: clip, directory, realtime: true, decode: 'demand' } as const;
    const camera = await openCamera('camera/file', options);
    test.after(() => camera.close());
    const units: { readonly bytes: Uint8Array; readonly keyFrame: boolean }[] = [];
    const reader = await openPackets('camera/file/packets', { directory, start: 'oldest' });
    for await (const { bytes, keyFrame } of reader) {
      units.push({ bytes: bytes.slice(), keyFrame });
      if (units.length === 40) break;
    }
    await reader.close();
    const keys = units.flatMap(({ keyFrame }, index) => (keyFrame ? [index] : []));
    assert.deepEqual(keys, [0, 25]);
    // A sequence header is a unit of type 1 and with a size, behind at most a delimiter of two bytes.
    for (const key of keys) {
      const { bytes } = units[key]!;
      const at = bytes[0] === 0x12 ? 2 : 0;
      assert.equal(bytes[at], 0x0a, Buffer.from(bytes.subarray(0, 8)).toString('hex'));
    }
    // A decoder that begins at the second key frame, and knows nothing else. Files have delimiters, MP4 has none.
    const raw = join(runtime.folder, 'units.obu');
    const delimiter = Buffer.from([0x12, 0]);
    writeFileSync(raw, Buffer.concat(units.slice(25).flatMap(({ bytes }) => [delimiter, bytes])));
    assert.deepEqual(decodedByFfmpeg(raw), decodedByFfmpeg(clip).slice(25, 40));
  });

  const colored = (...[matrix, primaries, transfer, range]: readonly string[]): string[] => [
    ...['-colorspace', matrix!, '-color_primaries', primaries!],
    ...['-color_trc', transfer!, '-color_range', range!],
  ];
  for (const { name, encode, file } of [
    { name: 'H.264', encode: H264, file: 'clip.mp4' },
    { name: 'HEVC', encode: HEVC, file: 'clip.mp4' },
    { name: 'AV1', encode: AV1, file: 'clip.mp4' },
    { name: 'VP9', encode: VP9, file: 'clip.webm' },
  ] as const) {
    it(`has the colour that its stream states, and its values as they are: ${name}`, async (test) => {
      const runtime = new Runtime(test);
      const { directory, folder } = runtime;
      for (const { color, range } of [
        { color: 'bt709', range: 'full' },
        { color: 'smpte170m', range: 'limited' },
      ]) {
        const stated = colored(color, color, color, range === 'full' ? 'pc' : 'tv');
        const clip = makeClip(folder, file, { encode: [...encode, ...stated], seconds: 0.4 });
        const watcher = new Watcher('camera/file', directory);
        test.after(() => watcher.close());
        const camera = await openCamera('camera/file', { input: clip, directory });
        test.after(() => camera.close());
        assert.deepEqual(camera.format!.color, {
          ...{ matrix: color, primaries: color, transfer: color },
          ...{ range, guessed: false },
        });
        await camera.closed;
        const expected = codedDigests(clip);
        await watcher.until((seen) => seen.at(-1)?.ptsNs === 9 * FRAME_NS);
        for (const { ptsNs, digest } of watcher.seen) {
          assert.equal(digest, expected[ptsNs / FRAME_NS], `${range}: the frame at ${ptsNs} ns`);
        }
        await watcher.close();
      }
    });
  }
});
