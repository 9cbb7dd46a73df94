/** What colours are at the end of the way: pictures whose RGB is known, as cameras give them, back in RGB. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { video } from '../../src/index.js';
import { openCamera } from '../../src/video.js';
import { ffmpeg, withoutFfmpeg } from './camera-clips.js';
import { Runtime } from './runtime.js';

const RGB = [32, 160, 208] as const;
/** 8 bits, once into YUV and once back. */
const TOLERANCE = 4;
const skip = withoutFfmpeg ?? false;

/** `of(size)`: the input, a graph of lavfi. */
const graph = (size: string): string => `color=c=0x20A0D0:size=${size}:rate=25:duration=0.4`;

describe('the colours of a camera', { skip }, () => {
  for (const size of ['640x480', '1280x720']) {
    for (const { name, encode, file } of [
      // As JPEG defines it: BT.601, full range.
      { name: 'Motion JPEG', encode: ['-c:v', 'mjpeg', '-q:v', '2'], file: 'clip.avi' },
      {
        name: 'Motion JPEG in QuickTime',
        encode: ['-c:v', 'mjpeg', '-q:v', '2'],
        file: 'clip.mov',
      },
      { name: 'PNG', encode: ['-c:v', 'png', '-pix_fmt', 'rgb24'], file: 'clip.mkv' },
      { name: 'H.264 of RGB', encode: ['-c:v', 'libx264rgb', '-qp', '0'], file: 'clip.mp4' },
      { name: 'a generated picture', encode: undefined, file: '' },
    ]) {
      it(`are those of the input: ${name}, ${size}`, async (test) => {
        const runtime = new Runtime(test);
        const { directory, folder } = runtime;
        const path = join(folder, file);
        const source = `${graph(size)},format=rgb24`;
        if (encode !== undefined) ffmpeg('-f', 'lavfi', '-i', source, ...encode, path);
        const input = encode === undefined ? `lavfi:${source}` : path;
        const reading = runtime.subscriber('camera', { format: video() });
        const camera = await openCamera('camera', { input, directory });
        test.after(() => camera.close());
        const subscriber = await reading;
        using frame = await subscriber.receive();
        const { format, planes } = await frame.toFormat({ pixelFormat: 'rgb24' });
        const { bytes, pitchBytes } = planes[0]!;
        const middle = (format.height / 2) * pitchBytes + (format.width / 2) * 3;
        const found = [...bytes.subarray(middle, middle + 3)];
        assert.ok(
          found.every((value, index) => Math.abs(value - RGB[index]!) <= TOLERANCE),
          `${found} instead of ${RGB}, ${JSON.stringify(frame.format.color)}`,
        );
      });
    }
  }
});
