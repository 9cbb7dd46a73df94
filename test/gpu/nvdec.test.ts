import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { cudaProblem } from '../../src/gpu/index.js';
import { type Frame, openSubscriber, video, type VideoFormat } from '../../src/index.js';
import type { CodedPicture, PictureLook } from '../../src/video/camera/coded-picture.js';
import { codecOf } from '../../src/video/camera/coded-picture.js';
import { FrameOutput, frameFormat } from '../../src/video/camera/frame-output.js';
import { NutDemuxer, type NutStream, toNs } from '../../src/video/ffmpeg/index.js';
import { NvDecoder, nvdecCodec } from '../../src/video/nvdec/index.js';
import { AccessUnits, readVp9KeyFrame, type VideoCodec } from '../../src/video/packets/index.js';
import { type GpuClip, gpuClips } from './nvdec-clips.js';

const problem = cudaProblem()?.message;
const clips = problem ?? gpuClips();
const skip = problem ?? (typeof clips === 'string' ? clips : false);

/** The pictures of a NUT file as a camera has them. */
function picturesOf({ nut }: GpuClip): readonly CodedPicture[] {
  const pictures: CodedPicture[] = [];
  let opening: Omit<PictureLook, 'parameters'> | undefined;
  let look: PictureLook | undefined;
  let units: AccessUnits | undefined;
  let target: Uint8Array = new Uint8Array(0);
  const opened = ([stream]: readonly NutStream[]): void => {
    const { timeBase, fourcc, extra, decodeDelay } = stream!;
    const codec = codecOf(fourcc);
    if (codec !== 'vp9') units = new AccessUnits(codec as VideoCodec, extra);
    opening = { codec, timeBase, fourcc, extra, decodeDelay };
  };
  const demuxer = new NutDemuxer(
    {
      streams: opened,
      frame: ({ byteLength }) => (target = new Uint8Array(byteLength)),
      whole: ({ pts, keyFrame, stream }) => {
        const bytes = units?.take(target, keyFrame)?.bytes ?? target;
        const ptsNs = toNs(pts, stream.timeBase);
        const parameters = units?.parameters ?? readVp9KeyFrame(bytes);
        if (look === undefined && parameters !== undefined) look = { ...opening!, parameters };
        const about = { look: look!, discontinuity: false, isShown: false, captureTimeNs: ptsNs };
        pictures.push({ bytes, keyFrame, pts, ptsNs, id: BigInt(pictures.length + 1), ...about });
      },
    },
    nut.length,
  );
  demuxer.next().set(nut);
  demuxer.advance(nut.length);
  return pictures;
}

function digestOf(frame: Frame<VideoFormat>): string {
  const hash = createHash('md5');
  const bytesPerSample = frame.format.pixelFormat === 'p010' ? 2 : 1;
  for (const [index, { bytes, width, height, pitchBytes }] of frame.planes.entries()) {
    const rowBytes = width * bytesPerSample * (index === 0 ? 1 : 2);
    for (let row = 0; row < height; row += 1) {
      const start = row * pitchBytes;
      hash.update(bytes.subarray(start, start + rowBytes) as Uint8Array);
    }
  }
  return hash.digest('hex');
}

describe('NVDEC', { skip }, () => {
  for (const clip of typeof clips === 'string' ? [] : clips) {
    it(`gives what ffmpeg's software decoder gives, to the bit: ${clip.name}`, async (test) => {
      const pictures = picturesOf(clip);
      const { look } = pictures[0]!;
      const codec = nvdecCodec(look, 'cuda:0');
      if (codec === undefined) return test.skip(`cuda:0 does not decode ${clip.name}`);
      const folder = mkdtempSync(join(tmpdir(), 'sluice-nvdec-'));
      test.after(() => rmSync(folder, { recursive: true }));
      const directory = join(folder, 'run');
      const ending = new AbortController();
      const options = { input: clip.name, memory: 'cuda:0', directory, slots: 16 } as const;
      const about = { waits: true, shown: clip.name, ending: ending.signal };
      const output = new FrameOutput('camera/gpu', options, about);
      await output.begin(frameFormat(look.parameters));
      const subscriber = await openSubscriber('camera/gpu', {
        ...{ format: video(), delivery: 'every', maxLag: 4, copyTo: 'host', directory },
      });
      const seen: string[] = [];
      const reading = (async () => {
        for await (const frame of subscriber) {
          seen.push(digestOf(frame));
          if (seen.length === clip.digests.length) return;
        }
      })();
      const decoder = new NvDecoder('camera/gpu', codec, 'cuda:0', output, { waits: true });
      for (const picture of pictures) {
        decoder.decode(picture, false);
        if (decoder.isFull) await decoder.whenReady();
      }
      await decoder.finish();
      assert.equal(decoder.failure, undefined);
      await reading;
      await subscriber.close();
      await output.close();
      assert.deepEqual(seen, clip.digests);
    });
  }
});
