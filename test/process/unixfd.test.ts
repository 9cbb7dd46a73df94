/** Taps by descriptor: what a client maps is the picture, for as long as it has it, and costs nobody else anything. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { FramePublisher, VideoFormat } from '../../src/index.js';
import { openTap, type Tap, type TapOptions } from '../../src/video.js';
import { Runtime } from './runtime.js';
import {
  clipPictures,
  hasProgram,
  i420,
  linesOf,
  md5,
  outputOf,
  publishInStep,
  PYTHON,
  SIZE,
  until,
} from './tap-clip.js';

const ffmpeg = hasProgram('ffmpeg', '-version');
const python = ffmpeg && hasProgram(PYTHON, '-c', 'import socket; socket.recv_fds');
const gstreamer = ffmpeg && hasProgram('gst-inspect-1.0', '--exists', 'unixfdsrc');
const READER = fileURLToPath(new URL('../../../test/process/unixfd-reader.py', import.meta.url));

function unevenNs(index: number): number {
  return 1_000_000_000 + index * 40_000_000 + (index % 3) * 1_234_567;
}

interface Setting {
  readonly tap: Tap;
  readonly path: string;
  readonly publisher: FramePublisher<VideoFormat>;
  readonly runtime: Runtime;
}

async function tapOf(test: TestContext, options: Partial<TapOptions> = {}): Promise<Setting> {
  const runtime = new Runtime(test);
  const publisher = await runtime.publisher('clip', { format: i420, slots: 8 });
  const path = join(runtime.folder, 'clip.fd');
  const { directory } = runtime;
  const tap = await openTap('clip', { as: 'unixfd', socket: path, directory, ...options });
  test.after(() => tap.close());
  return { tap, path, publisher, runtime };
}

function sumsOf(lines: readonly string[]): (string | undefined)[] {
  return lines.filter((line) => line.startsWith('picture')).map((line) => line.split(' ')[2]);
}

describe(
  'a tap by descriptor',
  { skip: !python && 'no ffmpeg or Python', timeout: 120_000 },
  () => {
    it('passes every picture, with caps before and an end behind', async (test) => {
      const { tap, path, publisher } = await tapOf(test, { framesPerSecond: 25 });
      const reading = linesOf([PYTHON, READER, path, '1']);
      await until(() => publisher.subscribers.length > 0);
      const pictures = clipPictures().slice(0, 40);
      await publishInStep(publisher, pictures, (index) => index * 40_000_000, [tap]);
      await publisher.close();
      const lines = await reading;
      assert.match(
        lines[0] ?? '',
        /^caps video\/x-raw, format=\(string\)I420, width=\(int\)768, height=\(int\)576, framerate=\(fraction\)25\/1, /,
      );
      assert.equal(lines.at(-1), 'end');
      assert.deepEqual(sumsOf(lines), pictures.map(md5));
      await until(() => tap.stats().clients === 0);
    });

    it('has times of the clock, as far apart as those of the channel', async (test) => {
      const { tap, path, publisher } = await tapOf(test);
      const reading = linesOf([PYTHON, READER, path, '0']);
      await until(() => publisher.subscribers.length > 0);
      const from = process.hrtime.bigint();
      await publishInStep(publisher, clipPictures().slice(0, 10), unevenNs, [tap]);
      const to = process.hrtime.bigint();
      await publisher.close();
      const lines = (await reading).filter((line) => line.startsWith('picture'));
      const times = lines.map((line) => BigInt(line.split(' ')[1]!));
      assert.ok(times[0]! >= from && times[0]! <= to, `${from} ${times[0]} ${to}`);
      assert.deepEqual(
        times.map((time) => Number(time - times[0]!)),
        times.map((_, index) => unevenNs(index) - unevenNs(0)),
      );
    });

    it('gives no more to who gives nothing back, and all to the others', async (test) => {
      const { tap, path, publisher } = await tapOf(test);
      const greedy = linesOf([PYTHON, READER, path, '1000']);
      await until(() => tap.stats().clients === 1);
      const reading = linesOf([PYTHON, READER, path, '0']);
      await until(() => tap.stats().clients === 2 && publisher.subscribers.length > 0);
      const pictures = clipPictures().slice(0, 70);
      for (const [index, picture] of pictures.entries()) {
        const { framesSent } = tap.stats();
        // Nothing of the pool is held for them.
        assert.ok(publisher.send(picture, { ptsNs: unevenNs(index) }) !== undefined);
        await until(() => tap.stats().framesSent >= framesSent + (index < 64 ? 2 : 1));
      }
      assert.equal(tap.stats().framesSent, 64 + 70);
      await publisher.close();
      assert.deepEqual(sumsOf(await reading), pictures.map(md5));
      assert.deepEqual(sumsOf(await greedy), pictures.slice(0, 64).map(md5));
    });

    it('passes memory that nobody can write to', async (test) => {
      const { path, publisher } = await tapOf(test);
      const reading = linesOf([PYTHON, READER, path, '0', 'write']);
      await until(() => publisher.subscribers.length > 0);
      publisher.send(clipPictures()[0]!, { ptsNs: 0 });
      await until(() => publisher.subscribers[0]?.received === 1);
      await publisher.close();
      const lines = await reading;
      assert.deepEqual(
        lines.filter((line) => /refused|written/.test(line)),
        ['refused', 'refused'],
      );
    });

    const skip = !gstreamer && 'no GStreamer with unixfdsrc (1.24 or newer)';
    it("is read by GStreamer's unixfdsrc, byte by byte", { skip }, async (test) => {
      const { tap, path, publisher, runtime } = await tapOf(test);
      const file = join(runtime.folder, 'read.raw');
      const pipeline = ['unixfdsrc', `socket-path=${path}`, '!', 'filesink', `location=${file}`];
      const reading = outputOf(['gst-launch-1.0', '-q', ...pipeline]);
      await until(() => publisher.subscribers.length > 0);
      const pictures = clipPictures();
      await publishInStep(publisher, pictures, unevenNs, [tap]);
      await publisher.close();
      await reading;
      const bytes = readFileSync(file);
      const length = SIZE.width * SIZE.height * 1.5;
      assert.equal(bytes.length, length * pictures.length);
      for (const [index, picture] of pictures.entries()) {
        assert.equal(md5(bytes.subarray(index * length, (index + 1) * length)), md5(picture));
      }
    });

    it('has the rows of GStreamer where those of a picture are shorter', { skip }, async (test) => {
      const size = { width: 322, height: 241 };
      const { tap, path, publisher, runtime } = await tapOf(test, { size, framesPerSecond: 25 });
      const { directory } = runtime;
      const socket = join(runtime.folder, 'clip.y4m');
      const plain = await openTap('clip', {
        as: 'y4m',
        socket,
        size,
        framesPerSecond: 25,
        directory,
      });
      test.after(() => plain.close());
      const sums = ['-f', 'framemd5', '-'];
      const file = join(runtime.folder, 'read.y4m');
      const encode = ['!', 'y4menc', '!', 'filesink', `location=${file}`];
      const read = outputOf([
        'gst-launch-1.0',
        '-q',
        'unixfdsrc',
        `socket-path=${path}`,
        ...encode,
      ]);
      const input = ['-v', 'error', '-f', 'yuv4mpegpipe', '-i', plain.url];
      const wanted = linesOf(['ffmpeg', ...input, ...sums]);
      await until(() => tap.stats().clients + plain.stats().clients === 2);
      await until(() => publisher.subscribers.length === 2);
      const times = (index: number): number => index * 40_000_000;
      await publishInStep(publisher, clipPictures().slice(0, 5), times, [tap, plain]);
      await publisher.close();
      await read;
      const found = await linesOf(['ffmpeg', '-v', 'error', '-i', file, ...sums]);
      const sumOf = (line: string): string | undefined => line.split(',').at(-1)?.trim();
      assert.deepEqual(found.map(sumOf), (await wanted).map(sumOf));
      assert.equal(found.length, 5);
    });
  },
);
