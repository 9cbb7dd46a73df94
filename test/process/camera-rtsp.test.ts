import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { isSluiceError, listChannels, packets } from '../../src/index.js';
import { type CameraStatus, openCamera, openPackets } from '../../src/video.js';
import {
  decodedByFfmpeg,
  H264,
  H264_REORDERED,
  HEVC,
  makeClip,
  statusOf,
  Watcher,
} from './camera-clips.js';
import { RtspServer, withoutRtsp } from './rtsp-server.js';
import { Runtime } from './runtime.js';

const skip = withoutRtsp ?? false;
const FRAME_NS = 40_000_000;
const IN_ORDER = [...H264, '-bf', '0'];
const WITH_SOUND = [
  ...['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=16000:duration=4'],
  ...[...IN_ORDER, '-c:a', 'aac', '-shortest'],
];

interface Door {
  readonly name: string;
  readonly encode: readonly string[];
  readonly user?: string;
  readonly path?: string;
  readonly transport?: 'tcp' | 'udp';
}

async function serve(
  test: TestContext,
  ...start: Parameters<typeof RtspServer.start>
): Promise<RtspServer> {
  const server = await RtspServer.start(...start);
  test.after(() => server.stop());
  return server;
}

/** When the packets of a clip are to be seen, in their order: in frames from the first. */
function packetTimes(clip: string): number[] {
  const entries = ['-select_streams', 'v', '-show_entries', 'packet=pts_time', '-of', 'csv=p=0'];
  const text = execFileSync('ffprobe', ['-v', 'error', ...entries, clip], { encoding: 'utf8' });
  return text
    .trim()
    .split('\n')
    .map((seconds) => Math.round(Number.parseFloat(seconds) * 25));
}

async function firstPackets(directory: string, count: number): Promise<number[]> {
  const times: number[] = [];
  const subscriber = await openPackets('camera/door/packets', { directory, start: 'oldest' });
  for await (const { ptsNs } of subscriber) {
    times.push(Math.round(ptsNs / FRAME_NS));
    if (times.length === count) break;
  }
  await subscriber.close();
  return times;
}

/** Whether a process has a socket of UDP. */
function usesUdp(pid: number): boolean {
  const table = readFileSync(`/proc/${pid}/net/udp`, 'utf8').split('\n').slice(1);
  const sockets = new Set(table.map((line) => `socket:[${line.trim().split(/\s+/)[9]}]`));
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return sockets.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
      return false;
    }
  });
}

/** The words of every process of this machine that can be read. */
function allCommandLines(): string {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      } catch {
        return '';
      }
    })
    .join('\n');
}

describe('a camera by RTSP', { skip }, () => {
  for (const { name, encode, user = '', path = 'clip', transport = 'tcp' } of [
    { name: 'pictures in order', encode: IN_ORDER },
    { name: 'pictures reordered', encode: H264_REORDERED },
    { name: 'pictures in order, with a password', encode: IN_ORDER, user: 'viewer:sesame' },
    { name: 'pictures reordered, with a password', encode: H264_REORDERED, user: 'viewer:sesame' },
    { name: 'HEVC', encode: HEVC, path: 'hevc' },
    { name: 'by UDP', encode: IN_ORDER, transport: 'udp' },
  ] as readonly Door[]) {
    it(`gives the frames of the clip, exactly: ${name}`, async (test) => {
      const runtime = new Runtime(test);
      const { directory } = runtime;
      const clip = makeClip(runtime.folder, 'clip.mp4', { encode, seconds: 4 });
      const server = await serve(test, { [path]: clip }, user === '' ? {} : { login: user });
      const watcher = new Watcher('camera/door', directory);
      test.after(() => watcher.close());
      const input = server.url(path, user);
      const camera = await openCamera('camera/door', { input, directory, transport });
      test.after(() => camera.close());
      assert.equal(usesUdp(camera.processes.reader!), transport === 'udp');
      await watcher.until((seen) => seen.length > 40);
      // From the first on, for which ffmpeg has no time.
      const times = packetTimes(clip).slice(0, 40);
      const first = await firstPackets(directory, times.length);
      // A list, which hides the password, counts from the second.
      const start = first[0] as number;
      assert.deepEqual(
        first,
        times.map((time) => start + time),
      );
      assert.ok(user === '' ? start === 0 : start <= 0, `begins at ${start}`);
      const expected = decodedByFfmpeg(clip);
      for (const { digest, ptsNs } of watcher.seen) {
        assert.equal(digest, expected[Math.round(ptsNs / FRAME_NS) - start], `at ${ptsNs} ns`);
      }
      assert.equal(server.clients, 1);
    });
  }

  it('publishes its sound as it comes', async (test) => {
    const runtime = new Runtime(test);
    const { directory } = runtime;
    const clip = makeClip(runtime.folder, 'clip.mp4', { encode: WITH_SOUND, seconds: 4 });
    const server = await serve(test, { sound: clip });
    const camera = await openCamera('camera/door', { input: server.url('sound'), directory });
    test.after(() => camera.close());
    assert.equal(camera.audio, 'camera/door/audio');
    const sound = await runtime.subscriber(camera.audio, { format: packets({ codec: 'aac' }) });
    const facts = sound.manifest.userData['packets'] as Record<string, unknown>;
    assert.deepEqual([facts['sampleRateHz'], facts['channels']], [16_000, 1]);
    assert.match(String(facts['configuration']), /^[A-Za-z0-9+/]+=*$/);
    const [first, second] = [await sound.receive(), await sound.receive()];
    const stepNs = second.packet!.ptsNs - first.packet!.ptsNs;
    assert.ok(Math.abs(stepNs - (1024 / 16_000) * 1e9) < 1e6, `${stepNs} ns a packet`);
  });

  it('comes back after a loss: one discontinuity, exact frames behind it, and time goes on', async (test) => {
    const runtime = new Runtime(test);
    const { directory } = runtime;
    const clip = makeClip(runtime.folder, 'clip.mp4', { encode: IN_ORDER, seconds: 30 });
    const server = await serve(test, { clip });
    // A watcher that comes too late for the marked frame does not see the mark.
    const watcher = new Watcher('camera/door', directory, { maxLag: 60 });
    test.after(() => watcher.close());
    const options = { input: server.url('clip'), directory, slots: 64 };
    const camera = await openCamera('camera/door', options);
    test.after(() => camera.close());
    await watcher.until((seen) => seen.length > 10);
    const lost = statusOf(camera, 'lost');
    await server.stop();
    await lost;
    // What was received is decoded before the next connection is live.
    const live = statusOf(camera, 'live');
    await serve(test, { clip }, { port: server.port });
    await live;
    // All that were published, also those that the watcher has not seen yet.
    const before = camera.stats().frames;
    await watcher.until((seen) => seen.length > before + 10);
    const { seen } = watcher;
    const marked = seen.flatMap(({ discontinuity }, index) => (discontinuity ? [index] : []));
    assert.equal(marked.length, 1, `marked: ${marked}`);
    assert.ok(marked[0]! >= 10 && marked[0]! <= before, `frame ${marked[0]} of ${before}`);
    const back = seen[marked[0]!]!;
    const expected = decodedByFfmpeg(clip);
    for (const [index, { digest, ptsNs, epoch }] of seen.entries()) {
      const startNs = index < marked[0]! ? 0 : back.ptsNs;
      const place = Math.round((ptsNs - startNs) / FRAME_NS);
      assert.equal(digest, expected[place], `frame ${index}, at ${ptsNs} ns`);
      assert.equal(epoch, 1);
      assert.ok(index === 0 || ptsNs > seen[index - 1]!.ptsNs);
    }
  });

  it('is lost when its server says nothing, and comes back when it does', async (test) => {
    const runtime = new Runtime(test);
    const { directory } = runtime;
    const clip = makeClip(runtime.folder, 'clip.mp4', { encode: IN_ORDER, seconds: 30 });
    const server = await serve(test, { clip });
    const watcher = new Watcher('camera/door', directory);
    test.after(() => watcher.close());
    // µs without a byte.
    const inputOptions = { timeout: '1500000' };
    const input = server.url('clip');
    const camera = await openCamera('camera/door', { input, directory, inputOptions });
    test.after(() => camera.close());
    await watcher.until((seen) => seen.length > 3);
    const lost = statusOf(camera, 'lost');
    server.pause();
    test.after(() => server.resume());
    const status = await lost;
    assert.ok(status.type === 'lost' && status.error.code === 'CAMERA_UNREACHABLE');
    const before = watcher.seen.length;
    server.resume();
    await watcher.until((seen) => seen.length > before + 5);
    assert.equal(camera.stats().state, 'live');
    const expected = decodedByFfmpeg(clip);
    for (const { digest } of watcher.seen) assert.ok(expected.includes(digest));
  });

  it('comes back after a loss in another size: an epoch, and time goes on', async (test) => {
    const runtime = new Runtime(test);
    const { directory, folder } = runtime;
    const large = makeClip(folder, 'large.mp4', { encode: IN_ORDER, seconds: 30 });
    const small = makeClip(folder, 'small.mp4', {
      ...{ encode: IN_ORDER, size: '256x128', seconds: 30 },
    });
    const server = await serve(test, { clip: large });
    const watcher = new Watcher('camera/door', directory);
    test.after(() => watcher.close());
    const camera = await openCamera('camera/door', { input: server.url('clip'), directory });
    test.after(() => camera.close());
    await watcher.until((seen) => seen.length > 10);
    const lost = statusOf(camera, 'lost');
    await server.stop();
    const status = await lost;
    assert.ok(
      status.type === 'lost' && /^camera\/door: rtsp:\S+ is lost/.test(status.error.message),
    );
    assert.equal(camera.stats().state, 'lost');
    await serve(test, { clip: small }, { port: server.port });
    await watcher.until((seen) => seen.filter(({ width }) => width === 256).length > 5);
    const seen = watcher.seen;
    const back = seen.findIndex(({ width }) => width === 256);
    assert.equal(seen[back]!.epoch, seen[back - 1]!.epoch + 1);
    assert.deepEqual(
      seen.filter(({ discontinuity }) => discontinuity).map(({ width }) => width),
      seen[back]!.discontinuity ? [256] : [],
    );
    const times = seen.map(({ ptsNs }) => ptsNs);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    assert.ok(camera.stats().reconnects >= 1);
  });

  it('is refused without the right password, which is shown nowhere, and harms no other', async (test) => {
    const runtime = new Runtime(test);
    const { directory } = runtime;
    const clip = makeClip(runtime.folder, 'clip.mp4', {
      encode: IN_ORDER,
      seconds: 30,
    });
    const server = await serve(test, { clip }, { login: 'viewer:open sesame' });
    const told: CameraStatus[] = [];
    const options = { directory, onStatus: (status: CameraStatus) => told.push(status) };
    const wrong = server.url('clip', 'viewer:wrong%20sesame');
    await assert.rejects(openCamera('camera/door', { input: wrong, ...options }), (error) => {
      assert.ok(isSluiceError(error, 'CAMERA_DENIED'), String(error));
      const all = `${error.message} ${error.stack} ${error.remedy} ${JSON.stringify(error.details)}`;
      assert.doesNotMatch(all, /sesame|viewer/);
      return true;
    });
    const right = server.url('clip', 'viewer:open%20sesame');
    const camera = await openCamera('camera/door', { input: right, ...options });
    test.after(() => camera.close());
    const watcher = new Watcher('camera/door', directory);
    test.after(() => watcher.close());
    await watcher.until((seen) => seen.length > 3);
    const denied = { code: 'CAMERA_DENIED' };
    await assert.rejects(openCamera('camera/other', { input: wrong, ...options }), denied);
    const count = watcher.seen.length;
    await watcher.until((seen) => seen.length > count + 5);
    assert.deepEqual([camera.stats().state, camera.stats().reconnects], ['live', 0]);
    const expected = decodedByFfmpeg(clip);
    for (const { digest, discontinuity } of watcher.seen) {
      assert.ok(!discontinuity && expected.includes(digest));
    }
    const lines = allCommandLines();
    assert.match(lines, /ffconcat|concat/);
    const visible = lines.split('\n').filter((line) => !line.includes('--login'));
    const manifests = await listChannels('**', { directory });
    assert.ok(manifests.length >= 2);
    const shown = [...visible, JSON.stringify([manifests, camera.stats(), told])].join('\n');
    assert.doesNotMatch(shown, /open(?: |%20)sesame/);
  });

  it('waits for a server that is not there yet, and says so; or fails when it shall not wait', async (test) => {
    const runtime = new Runtime(test);
    const { directory } = runtime;
    const clip = makeClip(runtime.folder, 'clip.mp4', {
      encode: IN_ORDER,
      seconds: 9,
    });
    const first = await serve(test, { clip });
    await first.stop();
    const input = first.url('clip');
    await assert.rejects(openCamera('camera/door', { input, directory, whenMissing: 'fail' }), {
      code: 'CAMERA_UNREACHABLE',
      message: `camera/door: cannot open ${input}: the connection was refused`,
    });
    let tell: (status: CameraStatus) => void = () => undefined;
    const lost = new Promise<CameraStatus>((resolve) => (tell = resolve));
    const opening = openCamera('camera/door', {
      input,
      directory,
      onStatus: (status) => tell(status),
    });
    assert.equal((await lost).type, 'lost');
    await serve(test, { clip }, { port: first.port });
    const camera = await opening;
    test.after(() => camera.close());
    assert.equal(camera.stats().state, 'live');
  });
});
