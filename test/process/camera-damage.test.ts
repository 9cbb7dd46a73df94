/** Cameras whose input is damaged, or whose processes are killed: they say so, come back, and harm no other. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { isSluiceError } from '../../src/index.js';
import { type Camera, openCamera } from '../../src/video.js';
import {
  decodedByFfmpeg,
  ffmpeg,
  H264,
  HEVC,
  makeClip,
  statusOf,
  Watcher,
  withoutFfmpeg,
} from './camera-clips.js';
import { flipBits } from './flipped-bits.js';
import { Runtime } from './runtime.js';

const FRAME_NS = 40_000_000;
const skip = withoutFfmpeg ?? false;

interface Watched {
  readonly camera: Camera;
  readonly watcher: Watcher;
  readonly expected: readonly string[];
}

/** A clip of two seconds, again and again, at its own pace. */
async function playing(test: TestContext, runtime: Runtime, channel: string): Promise<Watched> {
  const { directory, folder } = runtime;
  const clip = makeClip(folder, 'clean.mp4', { encode: [...H264, '-bf', '0'] });
  const watcher = new Watcher(channel, directory, { maxLag: 60 });
  test.after(() => watcher.close());
  const paced = { loop: true, realtime: true, slots: 64 };
  const camera = await openCamera(channel, { input: clip, directory, ...paced });
  test.after(() => camera.close());
  return { camera, watcher, expected: decodedByFfmpeg(clip) };
}

describe('a camera whose process is killed', { skip }, () => {
  for (const { which, told } of [
    { which: 'reader', told: 'lost' },
    { which: 'decoder', told: 'decoder' },
  ] as const) {
    it(`starts another after a while, and its frames are exact again: the ${which}`, async (test) => {
      const runtime = new Runtime(test);
      const { camera, watcher, expected } = await playing(test, runtime, 'camera/file');
      await watcher.until((seen) => seen.length > 5);
      const pid = camera.processes[which]!;
      const status = statusOf(camera, told);
      process.kill(pid, 'SIGKILL');
      const found = await status;
      assert.match(found.type === told ? found.error.message : '', /^camera\/file: .*ended$/);
      if (found.type === 'lost') assert.ok(found.retryInMs >= 250 && found.retryInMs <= 500);
      await watcher.until((seen) => {
        const back = seen.findIndex(({ discontinuity }) => discontinuity);
        return back !== -1 && seen.length > back + 20;
      });
      assert.notEqual(camera.processes[which], pid);
      assert.equal(camera.stats().state, 'live');
      const { seen } = watcher;
      const marked = seen.flatMap(({ discontinuity }, index) => (discontinuity ? [index] : []));
      assert.equal(marked.length, 1, `marked: ${marked}`);
      const back = seen[marked[0]!]!;
      assert.ok(back.keyFrame);
      // A reader begins at the start of the file, a decoder at the next key frame.
      const startNs = which === 'reader' ? back.ptsNs : 0;
      for (const { digest, ptsNs } of seen.slice(marked[0]!)) {
        const place = Math.round((ptsNs - startNs) / FRAME_NS) % expected.length;
        assert.equal(digest, expected[place], `at ${ptsNs} ns`);
      }
    });
  }
});

describe('a camera of damaged bytes', { skip }, () => {
  it('gives what can be decoded or says what is wrong, beside a clean one that stays exact', async (test) => {
    const runtime = new Runtime(test);
    const { directory, folder } = runtime;
    const clean = await playing(test, runtime, 'camera/clean');
    // One thread: the same bytes on every machine.
    const encode = { h264: [...H264, '-bf', '0', '-threads', '1'], hevc: HEVC };
    const inputs: string[] = [];
    const keep = (name: string, bytes: Uint8Array): void => {
      inputs.push(join(folder, name));
      writeFileSync(inputs.at(-1)!, bytes);
    };
    for (const codec of ['h264', 'hevc'] as const) {
      const raw = readFileSync(makeClip(folder, `clip.${codec}`, { encode: encode[codec] }));
      // Few: pictures are damaged. Many, from the first byte on: the parameter sets are, too.
      keep(`few.${codec}`, flipBits(raw, 40, 2000));
      keep(`many.${codec}`, flipBits(raw, 4000, 0));
    }
    const whole = readFileSync(join(folder, 'clean.mp4'));
    keep('flipped.mp4', flipBits(whole, 400, 0));
    keep('short.mp4', whole.subarray(0, whole.length - 5000));
    const hinted = join(folder, 'hinted.mp4');
    const atStart = ['-c', 'copy', '-movflags', '+faststart'];
    ffmpeg('-i', join(folder, 'clean.mp4'), ...atStart, hinted);
    const indexed = readFileSync(hinted);
    keep('short-behind.mp4', indexed.subarray(0, 60_000));
    // In the middle of its index: ffmpeg says no more than "End of file", as it does of a connection.
    keep('short-index.mp4', indexed.subarray(0, 600));
    const opened: string[] = [];
    for (const input of inputs) {
      const name = input.slice(folder.length + 1);
      try {
        const camera = await openCamera(`camera/${name}`, { input, directory });
        assert.equal((await camera.closed).reason, 'ended', name);
        assert.ok(camera.stats().frames > 0, name);
        opened.push(name);
      } catch (error) {
        assert.ok(isSluiceError(error), `${name}: ${String(error)}`);
        assert.match(error.message, /damaged|ends before it should/);
      }
    }
    // A file without its whole index is none; where few bits are wrong there are pictures.
    for (const name of ['few.h264', 'few.hevc', 'short-behind.mp4']) {
      assert.ok(opened.includes(name), `${name} in ${opened.join()}`);
    }
    for (const name of ['short.mp4', 'short-index.mp4']) assert.ok(!opened.includes(name), name);
    const count = clean.watcher.seen.length;
    await clean.watcher.until((seen) => seen.length > count + 5);
    for (const { digest, ptsNs, discontinuity } of clean.watcher.seen) {
      const place = (ptsNs / FRAME_NS) % clean.expected.length;
      assert.equal(digest, clean.expected[place], `at ${ptsNs} ns`);
      assert.ok(!discontinuity);
    }
  });

  it('says what is wrong where a container says HEVC and has H.264', async (test) => {
    const runtime = new Runtime(test);
    const { directory, folder } = runtime;
    const clip = makeClip(folder, 'clip.mp4', { encode: H264 });
    const bytes = readFileSync(clip);
    bytes.write('hvc1', bytes.indexOf('avc1', bytes.indexOf('stsd')), 'latin1');
    writeFileSync(clip, bytes);
    const avi = makeClip(folder, 'clip.avi', { encode: H264 });
    const tagged = Buffer.from(
      readFileSync(avi).toString('latin1').replaceAll('H264', 'HEVC'),
      'latin1',
    );
    writeFileSync(avi, tagged);
    for (const { input, words } of [
      { input: clip, words: /: the container says hevc, but the \d+ bytes .* of another codec$/ },
      {
        input: avi,
        words: /clip\.avi: its pictures are damaged, or of another codec than it says$/,
      },
    ]) {
      await assert.rejects(openCamera('camera/wrong', { input, directory }), (error) => {
        assert.ok(isSluiceError(error, 'CAMERA_FORMAT'), String(error));
        assert.match(error.message, words);
        return true;
      });
    }
  });
});
