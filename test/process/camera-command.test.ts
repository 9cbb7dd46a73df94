/** `sluice camera` with its options typed: each does to the channels what it says. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { openPackets, type Packet } from '../../src/video.js';
import { simulatedCuda, simulatedEnvironment } from '../cuda-simulator/simulator.js';
import { decodedByFfmpeg, H264, makeClip, Watcher, withoutFfmpeg } from './camera-clips.js';
import { Stage } from './cli-program.js';
import { eventOf } from './up-events.js';

const FRAME_NS = 40_000_000;
const FRAMES = 25;
const GROUP = 5;
const SIZE = { width: 160, height: 120 };
const skip = withoutFfmpeg ?? false;
const simulator = simulatedCuda();
const withoutGpu = withoutFfmpeg ?? ('skip' in simulator ? simulator.skip : false);
const folder = mkdtempSync(join(tmpdir(), 'sluice-test-camera-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A second of pictures, each other than all others, a key frame every fifth. */
function clipOf(name: string): { readonly clip: string; readonly pictures: readonly string[] } {
  const encode = [...H264, '-bf', '0', '-qp', '12', '-g', `${GROUP}`];
  const size = `${SIZE.width}x${SIZE.height}`;
  const clip = makeClip(folder, name, { size, seconds: FRAMES / 25, encode });
  const pictures = decodedByFfmpeg(clip);
  assert.equal(new Set(pictures).size, FRAMES);
  return { clip, pictures };
}

interface Info {
  readonly memory: string;
  readonly slots: number;
  readonly device?: { readonly name: string };
  readonly publisher: { readonly slots: number };
}

async function infoOf(stage: Stage, channel: string): Promise<Info> {
  const { code, out, err } = await stage.run(['info', channel, '--json']);
  assert.equal(code, 0, err);
  return JSON.parse(out) as Info;
}

describe('sluice camera, as it is typed', { skip, timeout: 120_000 }, () => {
  const stage = new Stage();
  after(() => stage.close());

  it('--decode key: frames are the key frames alone, packets all; --slots: as many as that', async (test) => {
    const { clip, pictures } = clipOf('key.mp4');
    const { directory } = stage;
    const watcher = new Watcher('typed/key', directory);
    test.after(() => watcher.close());
    const opening = openPackets('typed/key/packets', { directory, start: 'oldest' });
    const words = ['--decode', 'key', '--slots', '11', '--loop', '--realtime', '--json'];
    const camera = stage.start(['camera', 'typed/key', clip, ...words]);
    await eventOf(camera, { event: 'open' });
    await watcher.until((seen) => seen.length === 6);
    await using packets = await opening;
    const last = watcher.seen.at(-1)!;
    const units: Packet[] = [];
    while (units.at(-1)?.id !== last.id) units.push(await packets.receive());
    assert.ok(units.length > 5 * GROUP);
    for (const [index, { ptsNs, keyFrame }] of units.entries()) {
      assert.equal(ptsNs, units[0]!.ptsNs + index * FRAME_NS, 'every packet');
      assert.equal(keyFrame, (ptsNs / FRAME_NS) % GROUP === 0);
    }
    for (const { ptsNs, keyFrame, digest } of watcher.seen) {
      assert.ok(keyFrame && (ptsNs / FRAME_NS) % GROUP === 0, `a frame at ${ptsNs} ns`);
      assert.equal(digest, pictures[(ptsNs / FRAME_NS) % FRAMES]);
    }
    const { slots, publisher } = await infoOf(stage, 'typed/key');
    assert.deepEqual([slots, publisher.slots], [11, 11]);
    camera.signal('SIGTERM');
    assert.equal((await camera.ended).code, 130);
  });

  it('--loop: again from the start, on one line of time; --realtime: no sooner than it is due', async () => {
    const { clip } = clipOf('loop.mp4');
    const { directory } = stage;
    const opening = openPackets('typed/loop/packets', {
      ...{ directory, start: 'oldest', whenLost: 'end' },
    });
    const startedNs = Number(process.hrtime.bigint());
    const camera = stage.start(['camera', 'typed/loop', clip, '--loop', '--realtime']);
    await using packets = await opening;
    const units: Packet[] = [];
    while (units.length < 2 * FRAMES + 10) units.push(await packets.receive());
    assert.equal(units[0]!.ptsNs, 0);
    for (const [index, unit] of units.entries()) {
      assert.equal(unit.ptsNs, index * FRAME_NS);
      assert.deepEqual(unit.bytes, units[index % FRAMES]!.bytes, `picture ${index}`);
      // Newer ffmpegs give the first half second at once.
      const dueNs = startedNs + unit.ptsNs - 500e6 - FRAME_NS;
      assert.ok(unit.captureTimeNs >= dueNs, `picture ${index} came too soon`);
    }
    camera.signal('SIGTERM');
    assert.equal((await camera.ended).code, 130);
  });
});

describe('sluice camera --memory cuda:0', { skip: withoutGpu, timeout: 120_000 }, () => {
  // Without the GPU's own decoder, whose pictures in the simulator are no pictures: ffmpeg's are copied up.
  const own = { SLUICE_NVCUVID_LIBRARY: '/no/such/libnvcuvid.so' };
  const stage = new Stage(withoutGpu === false ? simulatedEnvironment(own) : process.env);
  after(() => stage.close());

  it('has its frames in the memory of that GPU, exact in place and as a copy', async () => {
    const { clip, pictures } = clipOf('gpu.mp4');
    const count = FRAMES + 10;
    const words = ['--memory', 'cuda:0', '--slots', '12', '--loop', '--no-realtime'];
    const camera = stage.start(['camera', 'typed/gpu', clip, ...words]);
    await camera.shows(/publishing typed\/gpu: nv12/);
    const { memory, slots, device } = await infoOf(stage, 'typed/gpu');
    assert.deepEqual([memory, slots, device?.name], ['cuda:0', 12, 'Simulated GPU']);
    const read = async (name: string, ...place: readonly string[]): Promise<string> => {
      const file = join(folder, name);
      const all = ['--every', '--frames', `${count}`, '--out', file, ...place];
      const { code, err } = await stage.run(['sub', 'typed/gpu', ...all]);
      assert.equal(code, 0, err);
      const frames = framesIn(readFileSync(file));
      assert.equal(frames.length, count);
      const first = pictures.indexOf(frames[0]!);
      const expected = frames.map((_, index) => pictures[(first + index) % FRAMES]);
      assert.deepEqual(frames, expected);
      return err;
    };
    const [copied, inPlace] = await Promise.all([
      read('copied.nv12'),
      read('in-place.nv12', '--device', 'cuda:0'),
    ]);
    assert.match(copied, /^typed\/gpu is on cuda:0; reading a copy in host memory$/m);
    assert.doesNotMatch(inPlace, /copy/);
    camera.signal('SIGTERM');
    assert.equal((await camera.ended).code, 130);
  });
});

/** The MD5 of each picture in a file of NV12 without padding. */
function framesIn(bytes: Uint8Array): readonly string[] {
  const frameBytes = (SIZE.width * SIZE.height * 3) / 2;
  return Array.from({ length: bytes.length / frameBytes }, (_, index) => {
    const frame = bytes.subarray(index * frameBytes, (index + 1) * frameBytes);
    return createHash('md5').update(frame).digest('hex');
  });
}
