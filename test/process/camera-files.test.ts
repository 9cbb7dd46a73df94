import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isSluiceError, packets } from '../../src/index.js';
import { openCamera } from '../../src/video.js';
import {
  decodedByFfmpeg,
  ffmpeg,
  H264,
  H264_REORDERED,
  makeClip,
  Watcher,
  withoutFfmpeg,
} from './camera-clips.js';
import { CLI } from './cli-program.js';
import { Runtime } from './runtime.js';

const FRAME_NS = 40_000_000;
const skip = withoutFfmpeg ?? false;

function childrenOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
}

describe('a camera of a file', { skip }, () => {
  it('publishes packets under the ids of their frames, each key frame with its parameter sets', async (test) => {
    const runtime = new Runtime(test);
    const { directory } = runtime;
    const clip = makeClip(runtime.folder, 'clip.mp4', { encode: H264_REORDERED });
    const subscribing = runtime.subscriber('camera/file/packets', {
      format: packets({ codec: 'h264' }),
      start: 'oldest',
    });
    const watcher = new Watcher('camera/file', directory);
    test.after(() => watcher.close());
    const camera = await openCamera('camera/file', { input: clip, directory, realtime: true });
    test.after(() => camera.close());
    const reader = await subscribing;
    const units = [];
    for (let index = 0; index < 50; index += 1) units.push(await reader.receive());
    await watcher.until((seen) => seen.at(-1)?.ptsNs === 49 * FRAME_NS);
    const byId = new Map(units.map(({ packet }) => [packet!.id, packet!]));
    for (const frame of watcher.seen) {
      assert.equal(byId.get(frame.id)?.ptsNs, frame.ptsNs);
      assert.equal(byId.get(frame.id)?.keyFrame, frame.keyFrame);
    }
    const keys = units.filter(({ packet }) => packet!.keyFrame);
    assert.equal(keys.length, 2);
    for (const { value } of keys) {
      const types = Buffer.from(value).toString('latin1').split('\0\0\x01').slice(1);
      const kinds = types.map((nal) => nal.charCodeAt(0) & 31);
      for (const kind of [7, 8, 5]) assert.ok(kinds.includes(kind), `NAL type ${kind} in ${kinds}`);
    }
    const times = units.map(({ packet }) => packet!.dtsNs);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    assert.ok(units.every(({ packet }) => packet!.dtsNs <= packet!.ptsNs));
    // The stream as it went through the channel is one that ffmpeg decodes to the same pictures.
    const raw = join(runtime.folder, 'units.h264');
    writeFileSync(raw, Buffer.concat(units.map(({ value }) => value)));
    assert.deepEqual(decodedByFfmpeg(raw), decodedByFfmpeg(clip));
  });

  it('starts an epoch when the size changes in the middle', async (test) => {
    const runtime = new Runtime(test);
    const { directory, folder } = runtime;
    const sizes = ['322x242', '256x128'];
    const parts = sizes.map((size, index) =>
      makeClip(folder, `${index}.h264`, { size, encode: [...H264, '-bf', '0'], seconds: 1 }),
    );
    const joined = join(folder, 'both.h264');
    writeFileSync(joined, Buffer.concat(parts.map((part) => readFileSync(part))));
    const watcher = new Watcher('camera/file', directory);
    test.after(() => watcher.close());
    const camera = await openCamera('camera/file', { input: joined, directory });
    test.after(() => camera.close());
    assert.equal((await camera.closed).reason, 'ended');
    assert.equal(camera.stats().frames, 50);
    await watcher.until((seen) => seen.some(({ width }) => width === 256));
    const [first = [], second = []] = parts.map((part) => decodedByFfmpeg(part));
    for (const { width, digest, epoch } of watcher.seen) {
      assert.equal(epoch, width === 322 ? 1 : 2);
      assert.ok((width === 322 ? first : second).includes(digest));
    }
  });

  it('goes on through damage, and never ends for it', async (test) => {
    const runtime = new Runtime(test);
    const { directory, folder } = runtime;
    const clip = makeClip(folder, 'clip.ts', { encode: H264, seconds: 4 });
    const bytes = readFileSync(clip);
    // A packet of MPEG-TS has 188 bytes and begins with a sync byte, which is left alone.
    for (let at = 40_000; at < 60_000; at += 97) if (at % 188 > 8) bytes[at] = ~bytes[at]!;
    writeFileSync(clip, bytes);
    truncateSync(clip, bytes.length - 777);
    const camera = await openCamera('camera/file', { input: clip, directory });
    test.after(() => camera.close());
    const { reason, error } = await camera.closed;
    assert.deepEqual([reason, error], ['ended', undefined]);
    assert.ok(camera.stats().frames > 50, JSON.stringify(camera.stats()));
  });

  it('says in words what is wrong', async (test) => {
    const runtime = new Runtime(test);
    const { directory, folder } = runtime;
    const noise = join(folder, 'noise.mp4');
    writeFileSync(noise, Buffer.alloc(5000, 'no video'));
    const sound = join(folder, 'sound.wav');
    ffmpeg('-f', 'lavfi', '-i', 'sine=duration=1', sound);
    const covered = join(folder, 'covered.mp3');
    const cover = ['-f', 'lavfi', '-i', 'color=red:size=64x64', '-frames:v', '1'];
    ffmpeg('-i', sound, ...cover, '-c:v', 'png', '-disposition:v', 'attached_pic', covered);
    const cases = [
      { input: join(folder, 'absent.mp4'), code: 'CAMERA_UNREACHABLE', words: /does not exist/ },
      { input: folder, code: 'CAMERA_UNREACHABLE', words: /it is a directory/ },
      { input: noise, code: 'CAMERA_FORMAT', words: /damaged, or no video/ },
      { input: sound, code: 'CAMERA_FORMAT', words: /no pictures in it/ },
      { input: covered, code: 'CAMERA_FORMAT', words: /no pictures in it/ },
      {
        input: 'lavfi:nosuch=1',
        code: 'CAMERA_UNREACHABLE',
        words: /says: No such filter: 'nosuch'$/,
      },
      { input: 'lavfi:sine', code: 'CAMERA_FORMAT', words: /no pictures in it/ },
    ];
    for (const { input, code, words } of cases) {
      await assert.rejects(openCamera('camera/file', { input, directory }), (error) => {
        assert.ok(isSluiceError(error) && error.code === code, String(error));
        assert.match(error.message, words);
        return true;
      });
    }
  });

  it('leaves no process and no descriptor behind', async (test) => {
    const runtime = new Runtime(test);
    const { directory } = runtime;
    const clip = makeClip(runtime.folder, 'clip.mp4', { encode: H264 });
    const round = async (): Promise<void> => {
      const watcher = new Watcher('camera/file', directory);
      const input = { input: clip, directory, loop: true, realtime: true };
      const camera = await openCamera('camera/file', input);
      await watcher.until((seen) => seen.length > 3);
      assert.equal(childrenOf(process.pid).length, 2);
      await camera.close();
      await camera.close();
      await watcher.close();
    };
    await round();
    const before = readdirSync('/proc/self/fd').length;
    await round();
    await round();
    assert.deepEqual(childrenOf(process.pid), []);
    assert.equal(readdirSync('/proc/self/fd').length, before);
    assert.ok(!runtime.files().some((name) => name.startsWith('camera~file')));
  });
});

describe('sluice camera', { skip }, () => {
  const sluice = (
    runtime: Runtime,
    ...words: string[]
  ): { status: number | null; stderr: string } =>
    spawnSync(process.execPath, [CLI, 'camera', ...words, '--dir', runtime.directory], {
      encoding: 'utf8',
      env: { ...process.env, CLIP: 'clip' },
    });

  it('publishes an input that is named by a variable, and says how many frames', (test) => {
    const runtime = new Runtime(test);
    makeClip(runtime.folder, 'clip.mp4', { encode: H264 });
    const input = join(runtime.folder, '${CLIP}.mp4');
    const { status, stderr } = sluice(runtime, 'camera/file', input);
    assert.equal(status, 0, stderr);
    assert.match(stderr, /publishing camera\/file: nv12 322x242 from .*clip\.mp4/);
    assert.match(stderr, /published 50 frames/);
  });

  it('ends with an error for a variable that is not set, and an input that is not there', (test) => {
    const runtime = new Runtime(test);
    const unset = sluice(runtime, 'camera/file', 'rtsp://${NO_SUCH_LOGIN}@host/path');
    assert.equal(unset.status, 2);
    assert.match(unset.stderr, /\$\{NO_SUCH_LOGIN\} in the input: there is no such variable/);
    const absent = sluice(runtime, 'camera/file', join(runtime.folder, 'absent.mp4'));
    assert.equal(absent.status, 1);
    assert.match(absent.stderr, /absent\.mp4: it does not exist/);
  });
});

describe('a camera that is decoded on demand', { skip }, () => {
  it('gives packets alone while nobody wants frames, key frames to those who want no more, then all', async (test) => {
    const runtime = new Runtime(test);
    const { directory } = runtime;
    const clip = makeClip(runtime.folder, 'clip.mp4', { encode: H264_REORDERED });
    const expected = decodedByFfmpeg(clip);
    const options = {
      input: clip,
      directory,
      loop: true,
      realtime: true,
      decode: 'demand',
    } as const;
    const camera = await openCamera('camera/file', options);
    test.after(() => camera.close());
    const reader = await runtime.subscriber('camera/file/packets', { format: packets() });
    for (let index = 0; index < 30; index += 1) await reader.receive();
    assert.equal(camera.processes.decoder, undefined);
    assert.equal(camera.stats().frames, 0);

    const keys = new Watcher('camera/file', directory, { keyFramesOnly: true });
    test.after(() => keys.close());
    await keys.until((seen) => seen.length === 2);
    assert.ok(keys.seen.every(({ keyFrame, ptsNs }) => keyFrame && (ptsNs / FRAME_NS) % 25 === 0));
    assert.ok(camera.stats().frames <= 4, 'only key frames were decoded');

    const all = new Watcher('camera/file', directory);
    test.after(() => all.close());
    await all.until((seen) => seen.length > 30);
    const between = all.seen.filter(({ keyFrame }) => !keyFrame);
    assert.ok(between.length > 20);
    for (const { ptsNs, digest } of all.seen) {
      assert.equal(digest, expected[(ptsNs / FRAME_NS) % expected.length]);
    }
    const times = all.seen.map(({ ptsNs }) => ptsNs);
    assert.deepEqual(
      times,
      [...new Set(times)].toSorted((a, b) => a - b),
      'none twice',
    );

    await Promise.all([keys.close(), all.close()]);
    while (camera.processes.decoder !== undefined) await reader.receive();
  });

  it('reads a generated picture only while somebody looks', async (test) => {
    const { directory } = new Runtime(test);
    const input = 'lavfi:testsrc2=size=322x242:rate=25';
    const camera = await openCamera('camera/made', { input, directory, decode: 'demand' });
    test.after(() => camera.close());
    assert.equal(camera.processes.reader, undefined);
    const watcher = new Watcher('camera/made', directory);
    await watcher.until((seen) => seen.length > 3);
    assert.notEqual(camera.processes.reader, undefined);
    await watcher.close();
    const again = new Watcher('camera/made', directory);
    test.after(() => again.close());
    await again.until((seen) => seen.some(({ discontinuity }) => discontinuity));
    assert.ok(again.seen.at(-1)!.ptsNs > watcher.seen.at(-1)!.ptsNs, 'time does not run backwards');
  });
});
