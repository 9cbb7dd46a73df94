/** Taps read by the programs they are for: ffmpeg, OpenCV, PyAV and GStreamer as Debian ships them. Every picture counts. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { packets } from '../../src/index.js';
import { openTap, type Tap, type TapOptions } from '../../src/video.js';
import { encodedClip } from './clip-channel.js';
import { RtspServer, withoutRtsp } from './rtsp-server.js';
import { Runtime } from './runtime.js';
import {
  CLIP,
  CLIP_FRAMES,
  clipPackets,
  clipPictures,
  hasProgram,
  i420,
  linesOf,
  md5,
  outputOf,
  publishInStep,
  PYTHON,
  until,
} from './tap-clip.js';

const ffmpeg = hasProgram('ffmpeg', '-version');
const openCv = ffmpeg && hasProgram(PYTHON, '-c', 'import cv2');
const pyAv = ffmpeg && hasProgram(PYTHON, '-c', 'import av');
const gstreamer = ffmpeg && hasProgram('gst-inspect-1.0', '--exists', 'y4mdec');

function script(name: string): string {
  return fileURLToPath(new URL(`../../../test/process/${name}`, import.meta.url));
}

/** Times that no constant rate has. */
function unevenNs(index: number): number {
  return 1_000_000_000 + index * 40_000_000 + (index % 3) * 1_234_567;
}

interface Setting {
  readonly runtime: Runtime;
  readonly tap: Tap;
  readonly url: string;
  /** Publishes the clip in step with the client, and ends the channel. */
  play(): Promise<void>;
}

async function tapOf(test: TestContext, options: Omit<TapOptions, 'directory'>): Promise<Setting> {
  const runtime = new Runtime(test);
  const publisher = await runtime.publisher('clip', { format: i420 });
  const place = options.tcp === undefined ? { socket: join(runtime.folder, 'clip.sock') } : {};
  const tap = await openTap('clip', { ...options, ...place, directory: runtime.directory });
  test.after(() => tap.close());
  const play = async (): Promise<void> => {
    await until(() => publisher.subscribers.length > 0);
    await publishInStep(publisher, clipPictures(), unevenNs, [tap]);
    await publisher.close();
  };
  return { runtime, tap, url: tap.url, play };
}

function expected(): readonly string[] {
  return clipPictures().map(md5);
}

describe('a tap is read frame by frame', () => {
  it('by ffmpeg as y4m', { skip: !ffmpeg && 'no ffmpeg' }, async (test) => {
    const { url, play, tap } = await tapOf(test, { as: 'y4m', framesPerSecond: 25 });
    assert.equal(statSync(url.replace('unix:', '')).mode & 0o777, 0o600);
    const words = ['-v', 'error', '-f', 'yuv4mpegpipe', '-i', url, '-f', 'framemd5', '-'];
    const [lines] = await Promise.all([linesOf(['ffmpeg', ...words]), play()]);
    const sums = lines.map((line) => line.split(',').at(-1)?.trim());
    assert.deepEqual(sums, expected());
    assert.equal(sums.length, CLIP_FRAMES);
    assert.equal(tap.stats().framesSkipped, 0);
  });

  it(
    'by ffmpeg as nut, with the times of the channel',
    { skip: !ffmpeg && 'no ffmpeg' },
    async (test) => {
      const { url, play } = await tapOf(test, { as: 'nut' });
      const input = ['-copyts', '-f', 'nut', '-i', url];
      const output = ['-fps_mode', 'passthrough', '-enc_time_base', '1:1000000000'];
      const words = ['-v', 'error', ...input, ...output, '-f', 'framemd5', '-'];
      const [lines] = await Promise.all([linesOf(['ffmpeg', ...words]), play()]);
      const found = lines.map((line) => line.split(',').map((field) => field.trim()));
      assert.deepEqual(
        found.map((fields) => fields.at(-1)),
        expected(),
      );
      assert.deepEqual(
        found.map((fields) => Number(fields[2])),
        found.map((_, index) => unevenNs(index)),
      );
    },
  );

  it('by ffmpeg as raw pixels, by TCP', { skip: !ffmpeg && 'no ffmpeg' }, async (test) => {
    const { url, play } = await tapOf(test, { as: 'raw', tcp: '127.0.0.1:0' });
    const input = ['-f', 'rawvideo', '-pixel_format', 'yuv420p', '-video_size', '768x576'];
    const words = ['-v', 'error', ...input, '-i', url, '-f', 'framemd5', '-'];
    const [lines] = await Promise.all([linesOf(['ffmpeg', ...words]), play()]);
    assert.deepEqual(
      lines.map((line) => line.split(',').at(-1)?.trim()),
      expected(),
    );
  });

  it('by OpenCV', { skip: !openCv && 'no python3-opencv' }, async (test) => {
    const { url, play } = await tapOf(test, { as: 'y4m', framesPerSecond: 25 });
    const read = (source: string): Promise<readonly string[]> =>
      linesOf([PYTHON, script('cv2-reader.py'), source]);
    const [sums, fromFile] = await Promise.all([read(url), read(CLIP), play()]);
    assert.deepEqual(sums, fromFile);
    assert.equal(sums.length, CLIP_FRAMES);
  });

  it('by PyAV, with the times of the channel', { skip: !pyAv && 'no python3-av' }, async (test) => {
    const { url, play } = await tapOf(test, { as: 'nut' });
    const words = [PYTHON, script('av-reader.py'), url, 'nut'];
    const [lines] = await Promise.all([linesOf(words), play()]);
    assert.deepEqual(
      lines,
      expected().map((sum, index) => `${unevenNs(index)} ${sum}`),
    );
  });

  it('by GStreamer as y4m', { skip: !gstreamer && 'no y4mdec' }, async (test) => {
    const { url, play } = await tapOf(test, {
      as: 'y4m',
      tcp: '127.0.0.1:0',
      framesPerSecond: 25,
    });
    const [host, port] = url.replace('tcp://', '').split(':');
    const source = ['tcpclientsrc', `host=${host}`, `port=${port}`];
    const rest = ['!', 'y4mdec', '!', 'fdsink', 'fd=1', 'sync=false'];
    const words = ['gst-launch-1.0', '-q', ...source, ...rest];
    const [bytes] = await Promise.all([outputOf(words), play()]);
    assert.equal(md5(bytes), md5(Buffer.concat(clipPictures())));
  });
});

/** What Frigate's configuration becomes: global arguments, input_args, the path, its filter, its output arguments. */
function frigate(input: readonly string[], framesPerSecond: number): readonly string[] {
  const start = ['ffmpeg', '-hide_banner', '-loglevel', 'warning', '-threads', '2', ...input];
  const rate = String(framesPerSecond);
  const filter = ['-r', rate, '-vf', `fps=${rate},scale=768:576`];
  return [...start, ...filter, '-threads', '2', '-f', 'rawvideo', '-pix_fmt', 'yuv420p', 'pipe:'];
}

describe('a tap is read by the commands of other programs', () => {
  // 5 is what it detects at when nothing else is said.
  for (const rate of [25, 5]) {
    it(`as Frigate detects, at ${rate}/s`, { skip: !ffmpeg && 'no ffmpeg' }, async (test) => {
      const { url, play, runtime } = await tapOf(test, { as: 'y4m', framesPerSecond: 25 });
      const reading = outputOf(frigate(['-f', 'yuv4mpegpipe', '-i', url], rate));
      const [bytes] = await Promise.all([reading, play()]);
      // The same of pictures in a file; at the rate of the tap that is every one.
      const file = join(runtime.folder, 'clip.yuv');
      writeFileSync(file, Buffer.concat(clipPictures()));
      const pixels = ['-f', 'rawvideo', '-pixel_format', 'yuv420p', '-video_size', '768x576'];
      const alike = await outputOf(frigate([...pixels, '-framerate', '25', '-i', file], rate));
      assert.equal(md5(bytes), md5(alike));
      if (rate === 25) assert.equal(md5(bytes), md5(Buffer.concat(clipPictures())));
    });
  }

  it('as Frigate starts its ffmpeg again, when the camera gives nothing', async (test) => {
    if (!ffmpeg) return test.skip('no ffmpeg');
    const runtime = new Runtime(test);
    const publisher = await runtime.publisher('clip', { format: i420 });
    const { directory, folder } = runtime;
    const socket = join(folder, 'clip.sock');
    const tap = await openTap('clip', {
      ...({ as: 'y4m', socket, framesPerSecond: 25, whenLost: 'hold' } as const),
      directory,
    });
    test.after(() => tap.close());
    const [picture] = clipPictures();
    const pictureBytes = picture!.length;
    const words = frigate(['-f', 'yuv4mpegpipe', '-i', tap.url], 25);
    for (let start = 0; start < 2; start += 1) {
      const child = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] });
      test.after(() => child.kill('SIGKILL'));
      let bytes = 0;
      child.stdout.on('data', (chunk: Buffer) => (bytes += chunk.length));
      await until(() => publisher.subscribers.length > 0);
      // One picture, and no more: the tap goes on with it.
      if (start === 0) publisher.send(picture!, { ptsNs: 0 });
      await until(() => bytes > 2 * pictureBytes);
      // As its watchdog does.
      child.kill('SIGKILL');
      await once(child, 'close');
      await until(() => tap.stats().clients === 0);
    }
    assert.ok(tap.stats().framesRepeated > 0);
  });

  it('published to an RTSP server, as to go2rtc and mediamtx', async (test) => {
    const reason = ffmpeg ? withoutRtsp : 'no ffmpeg';
    if (reason !== undefined) return test.skip(reason);
    const runtime = new Runtime(test);
    const format = packets({ codec: 'h264' });
    const publisher = await runtime.publisher('clip/packets', { format, ringBytes: 1 << 23 });
    const socket = join(runtime.folder, 'clip.ts');
    const tap = await openTap('clip', { as: 'mpegts', socket, directory: runtime.directory });
    test.after(() => tap.close());
    const file = join(runtime.folder, 'published.h264');
    const server = await RtspServer.start({ record: file });
    test.after(() => server.stop());
    // Ten times as fast as it was taken: the server stores what it gets by its times.
    for (const { bytes, ptsNs, dtsNs, keyFrame } of clipPackets()) {
      await publisher.send(bytes, { keyFrame, ptsNs: ptsNs / 10, dtsNs: dtsNs / 10 });
    }
    const copy = ['-c', 'copy', '-f', 'rtsp', '-rtsp_transport', 'tcp', server.url('record')];
    const input = ['-v', 'error', '-analyzeduration', '100000', '-f', 'mpegts', '-i', tap.url];
    const publishing = outputOf(['ffmpeg', ...input, ...copy]);
    // From the newest key frame on.
    const wanted = expected().slice(clipPackets().findLastIndex(({ keyFrame }) => keyFrame));
    const words = ['-v', 'error', '-i', file, '-map', '0:v', '-f', 'framemd5', '-'];
    let stored: readonly (string | undefined)[] = [];
    // The last ones are held back until more comes, and lost when the connection ends.
    const count = wanted.length - 8;
    while (stored.length < count + 4) {
      const lines = await linesOf(['ffmpeg', ...words]).catch(() => []);
      stored = lines.map((line) => line.split(',').at(-1)?.trim());
    }
    assert.deepEqual(stored.slice(0, count), wanted.slice(0, count));
    await publisher.close();
    await publishing;
  });
});

describe('a tap of packets is read packet by packet', () => {
  for (const [codec, as] of [
    ['h264', 'h264'],
    ['h264', 'mpegts'],
    ['hevc', 'hevc'],
    ['hevc', 'mpegts'],
  ] as const) {
    it(`by ffmpeg as ${as}, of ${codec}`, { skip: !ffmpeg && 'no ffmpeg' }, async (test) => {
      const runtime = new Runtime(test);
      const format = packets({ codec });
      const publisher = await runtime.publisher('clip/packets', { format, ringBytes: 1 << 23 });
      const socket = join(runtime.folder, 'clip.sock');
      const tap = await openTap('clip', { as, socket, directory: runtime.directory });
      test.after(() => tap.close());
      const { packets: all, sums: wanted } = encodedClip(codec, runtime.folder);
      assert.equal(all.length, CLIP_FRAMES);
      // The client comes in the middle: it is given what there is from the newest key frame on.
      const newestKey = all.findLastIndex(({ keyFrame }, index) => keyFrame && index < 70);
      for (const packet of all.slice(0, 70)) await publisher.send(packet.bytes, packet);
      const input = ['-v', 'error', '-copyts', '-f', as, '-i', tap.url];
      const output = ['-fps_mode', 'passthrough', '-enc_time_base', '1:90000', '-f', 'framemd5'];
      const reading = linesOf(['ffmpeg', ...input, ...output, '-']);
      await until(() => tap.stats().framesSent === 70 - newestKey);
      for (const packet of all.slice(70)) await publisher.send(packet.bytes, packet);
      await until(() => tap.stats().framesSent === CLIP_FRAMES - newestKey);
      await publisher.close();
      const lines = await reading;
      const sums = lines.map((line) => line.split(',').at(-1)?.trim());
      assert.deepEqual(sums, wanted.slice(newestKey));
      if (as !== 'mpegts') return;
      const first = Number(lines[0]?.split(',')[2]);
      assert.equal(first, all[newestKey]!.ptsNs * 9e-5 + 90_000);
    });
  }
});
