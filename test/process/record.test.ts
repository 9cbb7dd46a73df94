/** Recordings of real packets, looked at by ffmpeg: nothing is missing, and what a full disk leaves can be read. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packets, video } from '../../src/index.js';
import {
  openCamera,
  openPatternRecording,
  openRecording,
  type Recording,
} from '../../src/video.js';
import { decodedByFfmpeg, H264, makeClip, Watcher } from './camera-clips.js';
import { CLI, Stage } from './cli-program.js';
import { channelOf, packetCounts, picturesOf } from './clip-channel.js';
import { Runtime } from './runtime.js';
import {
  CLIP,
  CLIP_FRAMES,
  clipPackets,
  clipPictures,
  hasProgram,
  md5,
  until,
} from './tap-clip.js';

const skip = !hasProgram('ffmpeg', '-version') && 'no ffmpeg';

function expected(): readonly string[] {
  return clipPictures().map(md5);
}

describe('a recording', { skip }, () => {
  for (const [codec, type] of [
    ['h264', 'mp4'],
    ['h264', 'mkv'],
    ['hevc', 'mp4'],
    ['hevc', 'mkv'],
  ] as const) {
    it(`has every packet of ${codec} in a file as ${type}, also those before it began`, async (test) => {
      const { runtime, publisher, send, clip } = await channelOf(test, codec);
      const file = join(runtime.folder, `clip.${type}`);
      await send(0, 60);
      const { directory } = runtime;
      const recording = await openRecording('clip', { file, preRollSeconds: 1000, directory });
      await until(() => recording.stats().packets === 60);
      await send(60, CLIP_FRAMES);
      await publisher.close();
      assert.deepEqual(await recording.closed, { reason: 'ended' });
      const { packets: written, lost, bytes, files } = recording.stats();
      assert.deepEqual({ written, lost, files }, { written: CLIP_FRAMES, lost: 0, files: 1 });
      assert.equal(bytes, statSync(file).size);
      assert.equal(clip.sums.length, CLIP_FRAMES);
      assert.deepEqual(picturesOf(file), clip.sums);
    });
  }

  it('begins with the next key frame', async (test) => {
    const { runtime, publisher, send } = await channelOf(test);
    const { directory } = runtime;
    const file = join(runtime.folder, 'clip.mp4');
    const recording = await openRecording('clip', { file, directory });
    await until(() => publisher.subscribers.length === 1);
    await send(10, CLIP_FRAMES);
    await publisher.close();
    await recording.closed;
    const first = clipPackets().findIndex(({ keyFrame }, index) => keyFrame && index > 10);
    assert.equal(recording.stats().passedOver, first - 10);
    assert.deepEqual(picturesOf(file), expected().slice(first));
  });

  it('is complete when it is closed', async (test) => {
    const { runtime, send } = await channelOf(test);
    const file = join(runtime.folder, 'clip.mp4');
    const { directory } = runtime;
    await send(0, 60);
    const recording = await openRecording('clip', { file, preRollSeconds: 1000, directory });
    await until(() => recording.stats().packets === 60);
    await recording.close();
    assert.equal((await recording.closed).reason, 'closed');
    assert.equal(picturesOf(file).length, 60);
  });

  it('in segments begins each with a key frame, and deletes the oldest alone', async (test) => {
    const { runtime, publisher, send } = await channelOf(test);
    const folder = join(runtime.folder, 'segments');
    mkdirSync(folder);
    writeFileSync(join(folder, 'clip-of-somebody.mkv'), 'not ours');
    const file = join(folder, 'clip.mkv');
    const { directory } = runtime;
    const wanted = { file, segmentSeconds: 0.000001, preRollSeconds: 1000, directory };
    await send(0, CLIP_FRAMES);
    const all = await openRecording('clip', wanted);
    await until(() => all.stats().packets === CLIP_FRAMES);
    await all.close();
    const keys = clipPackets().filter(({ keyFrame }) => keyFrame).length;
    const segments = (): readonly string[] =>
      readdirSync(folder)
        .filter((name) => /^clip-\d{4}-/.test(name))
        .sort();
    assert.equal(segments().length, keys);
    assert.deepEqual(
      segments().flatMap((name) => picturesOf(join(folder, name))),
      expected(),
    );
    const few = await openRecording('clip', { ...wanted, maxBytes: 1 });
    await until(() => few.stats().packets === CLIP_FRAMES);
    await few.close();
    await publisher.close();
    assert.equal(segments().length, 1);
    assert.ok(readdirSync(folder).includes('clip-of-somebody.mkv'));
  });

  it('has the sound of a camera', async (test) => {
    const runtime = new Runtime(test);
    const input = join(runtime.folder, 'sound.mp4');
    const tone = ['-f', 'lavfi', '-i', 'sine=frequency=440:duration=10'];
    const made = ['-c:v', 'copy', '-c:a', 'aac', '-shortest', input];
    spawnSync('ffmpeg', ['-v', 'error', '-i', CLIP, ...tone, ...made]);
    const { directory } = runtime;
    const options = { input, realtime: true, loop: true, decode: 'demand', directory } as const;
    const camera = await openCamera('door', options);
    test.after(() => camera.close());
    const file = join(runtime.folder, 'door.mp4');
    const recording = await openRecording('door', { file, preRollSeconds: 60, directory });
    await until(() => recording.stats().packets >= 10 && recording.stats().soundPackets >= 40);
    await recording.close();
    const entries = [
      '-show_entries',
      'stream=codec_name,start_time,nb_read_packets',
      '-of',
      'json',
    ];
    const probe = spawnSync('ffprobe', ['-v', 'error', '-count_packets', ...entries, file]);
    const { streams } = JSON.parse(probe.stdout.toString()) as {
      streams: { codec_name: string; start_time: string; nb_read_packets: string }[];
    };
    assert.deepEqual(
      streams.map(({ codec_name: name }) => name),
      ['h264', 'aac'],
    );
    const { packets: pictures, soundPackets } = recording.stats();
    assert.deepEqual(
      streams.map(({ nb_read_packets: count }) => Number(count)),
      [pictures, soundPackets],
    );
    const [videoStart, audioStart] = streams.map(({ start_time: time }) => Number(time));
    const apart = `${videoStart} and ${audioStart} belong together`;
    assert.ok(Math.abs(videoStart! - audioStart!) < 0.5, apart);
  });
});

describe('sound of a recording', { skip }, () => {
  it('has no hole between two files, and goes where its time says', async (test) => {
    const { runtime, publisher } = await channelOf(test);
    const { directory, folder } = runtime;
    const facts = { timeBase: [1, 8000], sampleRateHz: 8000, channels: 1 };
    const format = packets({ codec: 'pcm-alaw' });
    const userData = { packets: facts };
    const wanted = { file: join(folder, 'clip.mkv'), segmentSeconds: 0.000001, directory };
    const recording = await openRecording('clip', wanted);
    await until(() => publisher.subscribers.length === 1);
    // Announced after the pictures, as a camera does, and a tenth of a second behind them.
    const sound = await runtime.publisher('clip/audio', { format, userData });
    const clip = clipPackets();
    let sent = 0;
    const sendSoundUntil = async (endNs: number): Promise<void> => {
      for (; sent * 20e6 < endNs; sent += 1) {
        await sound.send(new Uint8Array(160).fill(sent), { ptsNs: sent * 20e6, keyFrame: true });
      }
    };
    for (const [index, packet] of clip.entries()) {
      await publisher.send(packet.bytes, packet);
      await until(() => recording.stats().packets === index + 1);
      await sendSoundUntil(packet.dtsNs - 100e6);
    }
    await sendSoundUntil(clip.length * 100e6);
    await until(() => recording.stats().packets === clip.length);
    await publisher.close();
    await until(() => recording.stats().soundPackets === sent);
    await recording.close();
    const counts = readdirSync(folder)
      .filter((name) => name.endsWith('.mkv'))
      .sort()
      .map((name) => packetCounts(join(folder, name)));
    const keys = clip.flatMap(({ keyFrame }, index) => (keyFrame ? [index] : []));
    assert.equal(counts.length, keys.length);
    assert.deepEqual(counts[0]![0], keys[1]);
    const split = Math.ceil(clip[keys[1]!]!.ptsNs / 20e6);
    assert.deepEqual(
      counts.map((count) => count[1]),
      [split, sent - split],
    );
  });
});

describe('a recording of a pattern', { skip }, () => {
  it('has a file of each channel, also of one that comes later, and of one that comes again', async (test) => {
    const runtime = new Runtime(test);
    const stage = new Stage();
    test.after(() => stage.close());
    const folder = join(runtime.folder, 'files');
    mkdirSync(folder);
    const format = packets({ codec: 'h264' });
    const play = async (name: string): Promise<void> => {
      const publisher = await runtime.publisher(`cam/${name}/packets`, {
        format,
        ringBytes: 1 << 23,
      });
      for (const packet of clipPackets()) await publisher.send(packet.bytes, packet);
      await until(() => publisher.subscribers[0]?.lag === 0);
      await publisher.close();
    };
    const file = join(folder, '{channel}.mp4');
    const words = ['record', 'cam/*', file, '--json', '--dir', runtime.directory];
    const recorder = stage.start(words);
    const ends = (count: number): Promise<void> =>
      recorder.shows(new RegExp(`(?:"event":"end"[^]*){${count}}`));
    await recorder.shows(/"pattern"/);
    await play('first');
    await ends(1);
    await play('second');
    await ends(2);
    await play('first');
    await ends(3);
    recorder.signal('SIGINT');
    const { code, err } = await recorder.ended;
    assert.equal(code, 130, err);
    const names = readdirSync(folder).sort();
    const [again = '', ...others] = names;
    assert.deepEqual(others, ['cam~first.mp4', 'cam~second.mp4']);
    assert.match(again, /^cam~first-\d{4}-.*Z\.mp4$/);
    for (const name of names) assert.deepEqual(picturesOf(join(folder, name)), expected(), name);
  });

  for (const [pattern, names] of [
    ['**', ['clip.mkv', 'clip~deep~er.mkv']],
    ['clip/**', ['clip~deep~er.mkv']],
  ] as const) {
    it(`that has all below it has their packets: ${pattern}`, async (test) => {
      const { runtime, publisher, send } = await channelOf(test);
      const { directory, folder } = runtime;
      const format = packets({ codec: 'h264' });
      const deeper = await runtime.publisher('clip/deep/er/packets', {
        format,
        ringBytes: 1 << 23,
      });
      await runtime.publisher('clip/frames', {
        format: video({ width: 8, height: 8, pixelFormat: 'gray8' }),
      });
      const file = join(folder, '{channel}.mkv');
      const recording = await openPatternRecording(pattern, { file, directory });
      test.after(() => recording.close());
      await until(() => recording.stats().channels === names.length);
      await send(0, 30);
      for (const packet of clipPackets().slice(0, 30)) await deeper.send(packet.bytes, packet);
      await until(() => recording.stats().packets === 30 * names.length);
      await Promise.all([publisher.close(), recording.close()]);
      const made = readdirSync(folder).filter((name) => name.endsWith('.mkv'));
      assert.deepEqual(made.sort(), names);
    });
  }

  it('goes on beside one whose file is there already, and keeps that', async (test) => {
    const { runtime, send } = await channelOf(test);
    const { directory, folder } = runtime;
    const kept = join(folder, 'other.mkv');
    writeFileSync(kept, 'precious');
    const failed: string[] = [];
    const recording = await openPatternRecording('*', {
      ...{ file: join(folder, '{channel}.mkv'), directory },
      onChange: ({ channel, error }) => error && failed.push(`${channel}: ${error.message}`),
    });
    test.after(() => recording.close());
    const format = packets({ codec: 'h264' });
    const other = await runtime.publisher('other/packets', { format, ringBytes: 1 << 23 });
    await until(() => recording.stats().channels === 2);
    for (const packet of clipPackets().slice(0, 5)) await other.send(packet.bytes, packet);
    await until(() => failed.length === 1);
    assert.match(failed[0]!, /^other: cannot write .*other\.mkv: it is there already/);
    await send(0, 30);
    await until(() => recording.stats().packets === 30);
    await recording.close();
    assert.equal(readFileSync(kept, 'utf8'), 'precious');
  });

  it('ends when the last of what it recorded has failed', async (test) => {
    const { runtime, publisher, send } = await channelOf(test);
    const { directory } = runtime;
    const file = join(runtime.folder, 'nowhere', '{channel}.mp4');
    await send(0, 10);
    const recording = await openPatternRecording('*', { file, preRollSeconds: 1000, directory });
    const { reason, error } = await recording.closed;
    assert.equal(reason, 'failed');
    assert.match(error?.message ?? '', /its folder does not exist \(ENOENT\)/);
    await publisher.close();
  });
});

describe('a recording on a disk that is full', { skip }, () => {
  it('says so, and what was recorded before can be read', async (test) => {
    const { runtime, send } = await channelOf(test);
    const disk = join(runtime.folder, 'disk');
    mkdirSync(disk);
    const mount = ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk];
    if (spawnSync('mount', mount).status !== 0) return test.skip('no file system may be mounted');
    try {
      for (const type of ['mkv', 'mp4']) {
        const file = join(disk, `clip.${type}`);
        await send(0, CLIP_FRAMES);
        const { directory } = runtime;
        const recording = await openRecording('clip', { file, preRollSeconds: 1000, directory });
        const { reason, error } = await sendOn(send, recording.closed);
        assert.equal(reason, 'failed');
        assert.equal(error?.code, 'SYSTEM');
        assert.match(error?.message ?? '', /no space left \(ENOSPC\)/);
        const found = picturesOf(file);
        // The last one may be cut off.
        const whole = found.slice(0, -1);
        assert.ok(whole.length > 0, `${type} has pictures`);
        assert.deepEqual(whole, expected().slice(0, whole.length));
        rmSync(file);
      }
    } finally {
      spawnSync('umount', ['-l', disk]);
    }
  });

  const limit = hasProgram('prlimit', '--version');
  it('or whose files have a limit', { skip: !limit && 'no prlimit' }, async (test) => {
    const { runtime, publisher, send } = await channelOf(test);
    const stage = new Stage();
    test.after(() => stage.close());
    await send(0, CLIP_FRAMES);
    for (const [type, play] of [
      ['mkv', picturesOf],
      ['mcap', undefined],
    ] as const) {
      const file = join(runtime.folder, `clip.${type}`);
      const program = ['prlimit', '--fsize=300000', process.execPath, CLI];
      const words = ['record', type === 'mcap' ? '**' : 'clip', file, '--dir', runtime.directory];
      const past = type === 'mcap' ? [] : ['--pre-roll', '1000'];
      const recorder = stage.start([...words, ...past], { program });
      // What is sent before it reads goes over what it is to begin with.
      const isThere = (): boolean =>
        publisher.subscribers.some(({ pid }) => pid === recorder.child.pid);
      await until(isThere);
      const { code, err } = await sendOn(send, recorder.ended);
      assert.equal(code, 1, err);
      assert.match(err, /clip\.m\w+: the file may not be larger \(EFBIG\)/);
      assert.match(err, /Raise the limit of this process \(ulimit -f\)/);
      if (play === undefined) continue;
      const whole = play(file).slice(0, -1);
      assert.ok(whole.length > 0);
      assert.deepEqual(whole, expected().slice(0, whole.length));
    }
  });

  it('harms nobody else: another recording and a reader of the frames miss nothing', async (test) => {
    const runtime = new Runtime(test);
    const { directory, folder } = runtime;
    const disk = join(folder, 'disk');
    mkdirSync(disk);
    const mount = ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk];
    if (spawnSync('mount', mount).status !== 0) return test.skip('no file system may be mounted');
    try {
      const clip = makeClip(folder, 'clip.mp4', { encode: [...H264, '-qp', '10'] });
      const sums = decodedByFfmpeg(clip);
      const watcher = new Watcher('door', directory);
      test.after(() => watcher.close());
      const camera = await openCamera('door', { input: clip, loop: true, directory });
      test.after(() => camera.close());
      const record = (file: string): Promise<Recording> =>
        openRecording('door', { file, preRollSeconds: 1000, directory });
      const other = await record(join(folder, 'door.mkv'));
      const full = await record(join(disk, 'door.mkv'));
      assert.match((await full.closed).error?.message ?? '', /no space left \(ENOSPC\)/);
      const before = { frames: watcher.seen.length, packets: other.stats().packets };
      await watcher.until((seen) => seen.length >= before.frames + 30);
      await until(() => other.stats().packets >= before.packets + 30);
      await other.close();
      await watcher.close();
      const { packets: written, lost } = other.stats();
      assert.equal(lost, 0);
      /** As many of the clip, round and round, as there are, from the same one on. */
      const wanted = (found: readonly string[]): readonly string[] => {
        const first = sums.indexOf(found[0] ?? '');
        return found.map((_, index) => sums[(first + index) % sums.length]!);
      };
      assert.equal(new Set(sums).size, sums.length);
      const recorded = decodedByFfmpeg(join(folder, 'door.mkv'));
      assert.equal(recorded.length, written);
      assert.deepEqual(recorded, wanted(recorded));
      const seen = watcher.seen.map(({ digest }) => digest);
      assert.deepEqual(seen, wanted(seen));
    } finally {
      spawnSync('umount', ['-l', disk]);
    }
  });

  it('says why a file cannot be made', async (test) => {
    const { runtime, send } = await channelOf(test);
    const file = join(runtime.folder, 'nowhere', 'clip.mp4');
    const { directory } = runtime;
    await send(0, 10);
    const recording = await openRecording('clip', { file, preRollSeconds: 1000, directory });
    const { error } = await recording.closed;
    assert.match(error?.message ?? '', /cannot write .*nowhere.*folder does not exist \(ENOENT\)/);
  });
});

/** Sends the clip again until the recording has ended. */
async function sendOn<T>(
  send: (from: number, to: number) => Promise<void>,
  closed: Promise<T>,
): Promise<T> {
  let isOver = false;
  void closed.then(() => (isOver = true));
  while (!isOver) {
    await send(0, CLIP_FRAMES);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return closed;
}
