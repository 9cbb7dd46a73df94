import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  audio,
  frameByteLength,
  isTightlyPacked,
  PIXEL_FORMATS,
  tensor,
  tensors,
  tightByteLength,
  video,
  type VideoFormat,
  videoPlanes,
} from '../../../src/format/index.js';
import { MAX_FRAME_BYTES } from '../../../src/tensor/index.js';

const picture = (
  pixelFormat: VideoFormat['pixelFormat'],
  width: number,
  height: number,
): VideoFormat => video({ width, height, pixelFormat });

function planeLines(format: VideoFormat): string[] {
  return videoPlanes(format).map(
    ({ name, width, height, rowBytes, pitchBytes, byteOffset, byteLength }) =>
      `${name} ${width}x${height} row ${rowBytes} pitch ${pitchBytes} at ${byteOffset} + ${byteLength}`,
  );
}

describe('the planes of a picture', () => {
  it('of nv12 have one pitch and lie beside each other', () => {
    assert.deepEqual(planeLines(picture('nv12', 1920, 1080)), [
      'y 1920x1080 row 1920 pitch 1920 at 0 + 2073600',
      'uv 960x540 row 1920 pitch 1920 at 2073600 + 1036800',
    ]);
  });

  it('of nv12 with odd sizes round chroma up and start uv after an even number of rows', () => {
    assert.deepEqual(planeLines(picture('nv12', 127, 3)), [
      'y 127x3 row 127 pitch 128 at 0 + 384',
      'uv 64x2 row 128 pitch 128 at 512 + 256',
    ]);
    assert.deepEqual(planeLines(picture('nv12', 1, 1)), [
      'y 1x1 row 1 pitch 64 at 0 + 64',
      'uv 1x1 row 2 pitch 64 at 128 + 64',
    ]);
  });

  it('of p010 have two bytes a sample', () => {
    assert.deepEqual(planeLines(picture('p010', 66, 5)), [
      'y 66x5 row 132 pitch 192 at 0 + 960',
      'uv 33x3 row 132 pitch 192 at 1152 + 576',
    ]);
  });

  it('of i420 have half the pitch for chroma, rounded up to 64', () => {
    assert.deepEqual(planeLines(picture('i420', 640, 480)), [
      'y 640x480 row 640 pitch 640 at 0 + 307200',
      'u 320x240 row 320 pitch 320 at 307200 + 76800',
      'v 320x240 row 320 pitch 320 at 384000 + 76800',
    ]);
    assert.deepEqual(planeLines(picture('i420', 65, 3)), [
      'y 65x3 row 65 pitch 128 at 0 + 384',
      'u 33x2 row 33 pitch 64 at 384 + 128',
      'v 33x2 row 33 pitch 64 at 512 + 128',
    ]);
    assert.equal(videoPlanes(picture('i420', 192, 2))[1]?.pitchBytes, 128);
  });

  it('of packed formats is one', () => {
    assert.deepEqual(planeLines(picture('rgb24', 768, 576)), [
      'rgb 768x576 row 2304 pitch 2304 at 0 + 1327104',
    ]);
    assert.deepEqual(planeLines(picture('bgra', 5, 2)), ['bgra 5x2 row 20 pitch 64 at 0 + 128']);
    assert.deepEqual(planeLines(picture('gray16', 33, 1)), [
      'gray 33x1 row 66 pitch 128 at 0 + 128',
    ]);
  });

  it('are aligned, in order, within the frame and without overlap', () => {
    const sizes = fc.integer({ min: 1, max: 16384 });
    const formats = fc.constantFrom(...PIXEL_FORMATS);
    fc.assert(
      fc.property(formats, sizes, sizes, (pixelFormat, width, height) => {
        const format = picture(pixelFormat, width, height);
        let end = 0;
        for (const plane of videoPlanes(format)) {
          assert.equal(plane.pitchBytes % 64, 0);
          assert.equal(plane.byteOffset % 64, 0);
          assert.ok(plane.byteOffset >= end);
          assert.equal(plane.rowBytes, plane.width * plane.channels * plane.bytesPerSample);
          assert.ok(plane.rowBytes <= plane.pitchBytes);
          assert.equal(plane.byteLength, plane.pitchBytes * plane.height);
          end = plane.byteOffset + plane.byteLength;
        }
        assert.equal(end, frameByteLength(format));
        assert.ok(end <= MAX_FRAME_BYTES);
        assert.ok(tightByteLength(format) <= end);
      }),
    );
  });

  it('have no padding at the widths that the documentation names', () => {
    const multiples = { i420: 128, p010: 32, gray16: 32, rgba: 16, bgra: 16 } as const;
    for (const pixelFormat of PIXEL_FORMATS) {
      const multiple = (multiples as Record<string, number>)[pixelFormat] ?? 64;
      assert.ok(isTightlyPacked(picture(pixelFormat, 3 * multiple, 6)), pixelFormat);
      assert.ok(!isTightlyPacked(picture(pixelFormat, 3 * multiple - 2, 6)), pixelFormat);
    }
    assert.ok(!isTightlyPacked(picture('nv12', 64, 5)));
    assert.ok(isTightlyPacked(picture('i420', 128, 5)));
  });
});

describe('the bytes of a frame', () => {
  it('hold the largest shape of every tensor', () => {
    assert.equal(frameByteLength(tensor('f32', [3, 5])), 60);
    const two = tensors({
      a: { dtype: 'u8', shape: [65], variable: true },
      b: { dtype: 'f64', shape: [1] },
    });
    assert.equal(frameByteLength(two), 136);
    assert.equal(frameByteLength(tensor('f32', [0])), 1);
  });

  it('hold the longest block of sound', () => {
    const sound = { sampleRateHz: 48000, channels: 2, maxSamples: 960 } as const;
    assert.equal(frameByteLength(audio({ ...sound, dtype: 'i16' })), 3840);
    assert.equal(frameByteLength(audio({ ...sound, dtype: 'f32' })), 7680);
    const largest = { channels: 64, maxSamples: 2 ** 22, dtype: 'f32' } as const;
    assert.ok(frameByteLength(audio({ sampleRateHz: 1, ...largest })) <= MAX_FRAME_BYTES);
  });
});
