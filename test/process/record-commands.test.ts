/** Recordings and what plays them, as typed on the command line. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openPackets, type PacketReader } from '../../src/video.js';
import { decodedByFfmpeg, ffmpeg, Watcher } from './camera-clips.js';
import { Stage } from './cli-program.js';
import { channelOf, packetCounts, picturesOf } from './clip-channel.js';
import { Runtime } from './runtime.js';
import { AAC, makeSoundClip } from './sound-clips.js';
import { CLIP_FRAMES, hasProgram, md5, until } from './tap-clip.js';

const skip = !hasProgram('ffmpeg', '-version') && 'no ffmpeg';
const FRAME_NS = 40_000_000;

async function take(reader: PacketReader, count: number): Promise<readonly Uint8Array[]> {
  const found: Uint8Array[] = [];
  while (found.length < count) found.push((await reader.receive()).bytes);
  return found;
}

describe('sluice record and replay', { skip }, () => {
  it('store and play packets of a channel', async (test) => {
    const { runtime, publisher, send, clip } = await channelOf(test);
    const stage = new Stage();
    test.after(() => stage.close());
    const file = join(runtime.folder, 'clip.mp4');
    await send(0, CLIP_FRAMES);
    const place = ['--dir', runtime.directory];
    const recorder = stage.start(['record', 'clip', file, '--pre-roll', '1000', ...place]);
    await until(() => publisher.subscribers[0]?.lag === 0);
    await publisher.close();
    const { code, err } = await recorder.ended;
    assert.equal(code, 0, err);
    assert.match(err, /clip: 100 packets in 1 file/);
    assert.deepEqual(picturesOf(file), clip.sums);
  });

  for (const type of ['mp4', 'mkv']) {
    it(`play every frame, packet and sound of a file as ${type}`, async (test) => {
      const runtime = new Runtime(test);
      const { directory, folder } = runtime;
      const stage = new Stage();
      test.after(() => stage.close());
      const clip = makeSoundClip(folder, `clip.${type}`, AAC, { seconds: 1 });
      const pictures = decodedByFfmpeg(clip);
      const [, soundCount = 0] = packetCounts(clip);
      assert.ok(pictures.length === 25 && soundCount > 40);
      const watcher = new Watcher('again', directory);
      test.after(() => watcher.close());
      // Who comes late for a file misses its first frames, so it goes round.
      const words = ['replay', clip, '--channel', 'again', '--loop', '--dir', directory];
      const player = stage.start(words);
      const wanted = { directory, start: 'oldest' } as const;
      const [video, audio] = await Promise.all([
        openPackets('again/packets', wanted),
        openPackets('again/audio', wanted),
      ]);
      test.after(() => Promise.all([video.close(), audio.close()]));
      // The rings have all since the beginning.
      const path = join(folder, 'again.h264');
      writeFileSync(path, Buffer.concat(await take(video, pictures.length)));
      assert.deepEqual(decodedByFfmpeg(path), pictures);
      const copied = ffmpeg('-i', clip, '-map', '0:a', '-c', 'copy', '-f', 'framemd5', '-');
      assert.deepEqual(
        (await take(audio, soundCount)).map(md5),
        [...copied.matchAll(/^0,.*?, ([0-9a-f]{32})/gm)].map((match) => match[1]),
      );
      const sums = new Set(pictures);
      await watcher.until((seen) => new Set(seen.map(({ digest }) => digest)).size >= sums.size);
      for (const { digest, ptsNs } of watcher.seen) {
        assert.ok(sums.has(digest), `the frame at ${ptsNs} ns`);
        // Matroska's pictures begin some milliseconds after its sound.
        const index = Math.floor(ptsNs / FRAME_NS);
        if (index < pictures.length) assert.equal(digest, pictures[index]);
      }
      player.signal('SIGINT');
      assert.equal((await player.ended).code, 130);
    });
  }

  it('rotate segments, and delete those that are too old and too much', async (test) => {
    const { runtime, publisher, send, clip } = await channelOf(test);
    const stage = new Stage();
    test.after(() => stage.close());
    const folder = join(runtime.folder, 'segments');
    mkdirSync(folder);
    const old = join(folder, 'clip-2020-01-01T00-00-00-000Z.mkv');
    for (const path of [old, join(folder, 'clip-of-somebody.mkv')]) writeFileSync(path, 'old');
    const clipBytes = clip.packets.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const maxBytes = 2 * clipBytes;
    const limits = ['--segment', '0.000001', '--keep', '1h', '--max-bytes', String(maxBytes)];
    const file = join(folder, '{channel}.mkv');
    const recorder = stage.start(['record', 'clip', file, ...limits, '--dir', runtime.directory]);
    await until(() => publisher.subscribers.length === 1);
    const segments = (): readonly string[] =>
      readdirSync(folder)
        .filter((name) => /^clip-\d{4}-/.test(name))
        .sort();
    const keys = clip.packets.filter(({ keyFrame }) => keyFrame).length;
    await send(0, CLIP_FRAMES);
    // By its age: there is room for all of the clip.
    await until(() => !existsSync(old) && segments().length === keys);
    const first = segments();
    const rounds = 5;
    for (let round = 1; round < rounds; round += 1) {
      await send(0, CLIP_FRAMES);
      await until(() => publisher.subscribers[0]?.lag === 0);
    }
    recorder.signal('SIGINT');
    const { code, err } = await recorder.ended;
    assert.equal(code, 130, err);
    assert.match(
      err,
      new RegExp(`clip: ${rounds * CLIP_FRAMES} packets in ${rounds * keys} files`),
    );
    const left = segments();
    assert.ok(!left.includes(first[0]!), 'the oldest are gone');
    const sizes = left.map((name) => statSync(join(folder, name)).size);
    // They were counted when the last one began; the one before it was still being written.
    const counted = sizes.slice(0, -2).reduce((sum, size) => sum + size, 0);
    assert.ok(counted <= maxBytes, `${counted} bytes`);
    const pictures = left.flatMap((name) => picturesOf(join(folder, name)));
    assert.ok(pictures.length >= CLIP_FRAMES, `${pictures.length} pictures`);
    const all = Array.from({ length: rounds }, () => clip.sums).flat();
    assert.deepEqual(pictures, all.slice(-pictures.length));
    assert.ok(readdirSync(folder).includes('clip-of-somebody.mkv'));
  });

  it('keep a file that is there, unless they are told to replace it', async (test) => {
    const { runtime, publisher, send } = await channelOf(test);
    const { folder, directory } = runtime;
    const stage = new Stage();
    test.after(() => stage.close());
    await send(0, 1);
    for (const [source, name, ...more] of [
      ['clip', 'kept.mp4'],
      ['**', 'kept.mcap'],
      ['agent/*', 'kept.cast', '--layout', 'grid'],
    ] as const) {
      const file = join(folder, name);
      writeFileSync(file, 'precious');
      const { code, err } = await stage.run(['record', source, file, ...more, '--dir', directory]);
      assert.equal(code, 1, err);
      assert.match(err, /cannot write .*kept\.\w+: it is there already \(EEXIST\)/);
      assert.match(err, /--overwrite/);
      assert.equal(readFileSync(file, 'utf8'), 'precious');
    }
    const long = join(folder, `${'x'.repeat(300)}.mcap`);
    const { code, err } = await stage.run(['record', '**', long, '--dir', directory]);
    assert.equal(code, 1);
    assert.match(err, /cannot write .*: ENAMETOOLONG/);
    const words = ['record', '**', join(folder, 'kept.mcap'), '--overwrite', '--dir', directory];
    const recorder = stage.start(words);
    await until(() => publisher.subscribers.length === 1);
    recorder.signal('SIGINT');
    await recorder.ended;
    assert.match(readFileSync(join(folder, 'kept.mcap'), 'latin1'), /^\x89MCAP/);
  });

  it('name what does not go together', async () => {
    const stage = new Stage();
    try {
      for (const words of [
        ['record', 'clip', 'clip.avi'],
        ['record', 'clip', 'clip.mp4', '--keep', '7d'],
        ['record', 'clip', 'clip.mp4', '--keep', '7 days', '--segment', '5'],
        ['record', 'clip', 'clip.mcap', '--segment', '5'],
        ['record', 'camera/*', 'all.mp4'],
        ['replay', 'clip.mp4', '--speed', '2'],
        ['replay', 'clip.mcap', '--channel', 'a'],
        ['tap', 'clip', '--as', 'y4m'],
        ['tap', 'clip', '--as', 'y4m', '--tcp', '10.0.0.1:5'],
      ]) {
        const { code, err } = await stage.run(words);
        assert.equal(code, 2, `${words.join(' ')}: ${err}`);
      }
    } finally {
      await stage.close();
    }
  });
});
