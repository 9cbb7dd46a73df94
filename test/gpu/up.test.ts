/** `sluice up` with everything on a GPU, as it is typed: the camera's decoder, what is made of it, what leaves the GPU. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { cudaProblem } from '../../src/gpu/index.js';
import {
  type FrameFormat,
  type FrameSubscriber,
  openSubscriber,
  tensors,
  video,
} from '../../src/index.js';
import { H264, makeClip, withoutFfmpeg } from '../process/camera-clips.js';
import { Stage } from '../process/cli-program.js';
import { eventOf } from '../process/up-events.js';

const skip = cudaProblem()?.message ?? withoutFfmpeg ?? false;

async function isOnGpu(subscriber: FrameSubscriber<FrameFormat>): Promise<void> {
  const frame = await subscriber.receive();
  assert.equal(frame.memory, 'cuda:0', subscriber.channel);
  assert.notEqual(frame.pointer, 0n, subscriber.channel);
  frame.release();
  await subscriber.close();
}

describe('sluice up on a GPU', { skip, timeout: 120_000 }, () => {
  const stage = new Stage();
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-gpu-up-'));
  after(async () => {
    await stage.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('decodes, converts and composes there, and taps and records what programs without a GPU read', async () => {
    const clip = makeClip(folder, 'clip.mp4', { encode: H264 });
    const socket = join(folder, 'tap.y4m');
    const path = join(folder, 'gpu.yaml');
    writeFileSync(
      path,
      `cameras:\n  gpu/one: { input: ${clip}, loop: true, realtime: true, memory: cuda:0 }\n` +
        'filters:\n  gpu/tensor:\n    inputs: [gpu/one]\n    memory: cuda:0\n' +
        '    to: { width: 32, height: 32, colors: rgb, layout: chw, dtype: f16 }\n' +
        'mosaics:\n  gpu/wall: { inputs: [gpu/one], width: 64, height: 64, memory: cuda:0 }\n' +
        `taps:\n  one: { channel: gpu/one, as: y4m, size: 64x48, socket: ${socket} }\n` +
        `recorders:\n  one: { channel: gpu/one, file: ${folder}/one.mkv }\n`,
    );
    const up = stage.start(['up', path, '--json']);
    await eventOf(up, { event: 'open', name: 'gpu/one' });
    await eventOf(up, { event: 'open', name: 'one' });
    const { directory } = stage;
    await isOnGpu(await openSubscriber('gpu/one', { format: video(), directory }));
    await isOnGpu(await openSubscriber('gpu/wall', { format: video(), directory }));
    await isOnGpu(await openSubscriber('gpu/tensor', { format: tensors(), directory }));
    const read = ['-v', 'error', '-f', 'yuv4mpegpipe', '-i', `unix:${socket}`, '-frames:v', '3'];
    const tapped = stage.start([...read, '-f', 'framemd5', '-'], { program: ['ffmpeg'] });
    const { out } = await tapped.ended;
    assert.equal(out.split('\n').filter((line) => line.startsWith('0,')).length, 3);
    await up.shows(/"decoder":"nvdec"/);
    up.signal('SIGTERM');
    const { code, err } = await up.ended;
    assert.equal(code, 130, err);
  });
});
