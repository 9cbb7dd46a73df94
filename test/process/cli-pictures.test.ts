/** `sluice pub --format y4m|nut|rawvideo`: what ffmpeg writes into a pipe or a file becomes the frames of a channel. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type Ended, Stage } from './cli-program.js';
import { CLIP, hasProgram } from './tap-clip.js';

const skip = !hasProgram('ffmpeg', '-version') && 'no ffmpeg';
const FRAMES = 20;

function clipAs(...words: readonly string[]): Buffer {
  const input = ['-v', 'error', '-i', CLIP, '-frames:v', `${FRAMES}`, '-an', '-s', '100x60'];
  return spawnSync('ffmpeg', [...input, ...words, '-'], { maxBuffer: 1 << 26 }).stdout;
}

interface Published {
  readonly publisher: Ended;
  readonly pixels: Buffer;
  readonly times: readonly number[];
}

describe('sluice pub of streams of pictures', { skip }, () => {
  const stage = new Stage();
  after(() => stage.close());

  /** Publishes `input`, and reads the pixels and the times of all frames back. */
  async function publish(input: Buffer, ...words: readonly string[]): Promise<Published> {
    const channel = `clip-${words.join('-').replace(/[^a-z0-9]+/g, '-')}`;
    const file = join(stage.directory, `${channel}.raw`);
    const count = ['--every', '--frames', `${FRAMES}`];
    const store = stage.start(['sub', channel, ...count, '--out', file]);
    const list = stage.start(['sub', channel, ...count, '--json']);
    const options = ['--when-full', 'wait', '--subscribers', '2', ...words];
    const publisher = await stage.run(['pub', channel, ...options], input);
    assert.equal((await store.ended).code, 0);
    const { out } = await list.ended;
    const times = out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { ptsNs: number }).ptsNs);
    return { publisher, pixels: readFileSync(file), times };
  }

  it('takes y4m, with times as its rate says', async () => {
    const input = clipAs('-f', 'yuv4mpegpipe', '-pix_fmt', 'yuv420p');
    const { publisher, pixels, times } = await publish(input, '--format', 'y4m');
    assert.equal(publisher.code, 0, publisher.err);
    assert.match(publisher.err, /sent 20 pictures/);
    assert.ok(pixels.equals(clipAs('-f', 'rawvideo', '-pix_fmt', 'yuv420p')));
    assert.deepEqual(
      times,
      times.map((_, index) => index * 100_000_000),
    );
  });

  it('takes nut, with its own times', async () => {
    const uneven = ['-vf', 'setpts=N*N+3', '-fps_mode', 'passthrough', '-c:v', 'rawvideo'];
    const input = clipAs(...uneven, '-enc_time_base', '1:1000', '-pix_fmt', 'nv12', '-f', 'nut');
    const { publisher, pixels, times } = await publish(input, '--format', 'nut');
    assert.equal(publisher.code, 0, publisher.err);
    assert.ok(pixels.equals(clipAs('-f', 'rawvideo', '-pix_fmt', 'nv12')));
    const words = ['-v', 'error', '-show_entries', 'packet=pts_time', '-of', 'csv=p=0', '-'];
    const stated = spawnSync('ffprobe', words, { input }).stdout.toString().trim().split('\n');
    assert.deepEqual(
      times.map((time) => (time / 1e9).toFixed(6)),
      stated,
    );
    assert.ok(times[19]! - times[18]! > times[2]! - times[1]!, 'they come further apart');
  });

  it('takes rawvideo, as --video alone does', async () => {
    const input = clipAs('-f', 'rawvideo', '-pix_fmt', 'rgb24');
    const words = ['--format', 'rawvideo', '--video', 'rgb24:100x60'];
    const { publisher, pixels } = await publish(input, ...words);
    assert.equal(publisher.code, 0, publisher.err);
    assert.ok(pixels.equals(input));
  });

  it('says what is wrong with an input, and ends', async () => {
    const half = clipAs('-f', 'yuv4mpegpipe', '-pix_fmt', 'yuv420p').subarray(0, 20_000);
    const h264 = clipAs('-c:v', 'libx264', '-f', 'nut');
    const cases: readonly [string, Buffer, number, RegExp][] = [
      ['y4m', Buffer.from('RIFF....'), 1, /no YUV4MPEG2.*ends before its header/],
      ['y4m', Buffer.from('RIFF\n'), 1, /begins with "RIFF"/],
      ['y4m', Buffer.alloc(4096, 0x55), 1, /a line without an end/],
      ['y4m', half, 0, /ended within a picture/],
      ['nut', Buffer.alloc(4096, 0x55), 1, /no NUT.*begins otherwise/],
      ['nut', Buffer.alloc(0), 1, /ends before its first picture/],
      ['nut', h264, 1, /its pictures are H264/],
    ];
    for (const [format, input, code, words] of cases) {
      const ended = await stage.run(['pub', 'wrong', '--format', format], input);
      assert.equal(ended.code, code, ended.err);
      assert.match(ended.err, words);
    }
  });

  it('refuses options that contradict each other', async () => {
    for (const words of [
      ['--format', 'rawvideo'],
      ['--format', 'y4m', '--video', 'nv12:64x64'],
      ['--format', 'nut', '--ring', '1000'],
      ['--format', 'text', '--fps', '5'],
    ]) {
      const ended = await stage.run(['pub', 'wrong', ...words]);
      assert.equal(ended.code, 2, ended.err);
    }
  });
});
