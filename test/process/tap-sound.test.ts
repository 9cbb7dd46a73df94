/** Taps as MPEG-TS with sound, read by ffmpeg: every packet as it was, at the times that it shares with the pictures. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openCamera, openTap } from '../../src/video.js';
import { ffmpeg, H264, withoutFfmpeg } from './camera-clips.js';
import { Runtime } from './runtime.js';
import { linesOf, outputOf, until } from './tap-clip.js';

interface Line {
  readonly stream: number;
  readonly ptsNs: number;
  readonly sum: string;
}

/** Lines of framemd5 with their times, by the time bases that stand before them. */
function packetsOf(text: string): readonly Line[] {
  const bases = new Map<number, number>();
  const found: Line[] = [];
  for (const line of text.split('\n')) {
    const [, stream, numerator, denominator] = /^#tb (\d+): (\d+)\/(\d+)/.exec(line) ?? [];
    if (stream !== undefined) bases.set(Number(stream), Number(numerator) / Number(denominator));
    if (!/^\d/.test(line)) continue;
    const [index = '', , pts = '', , , sum = ''] = line.split(',').map((word) => word.trim());
    const base = bases.get(Number(index)) ?? Number.NaN;
    found.push({ stream: Number(index), ptsNs: Number(pts) * base * 1e9, sum });
  }
  return found;
}

describe('a tap with sound', { skip: withoutFfmpeg ?? false, timeout: 120_000 }, () => {
  const sounds = [
    ['AAC', ['-c:a', 'aac', '-ac', '2'], ['-bsf:a', 'aac_adtstoasc']],
    ['Opus', ['-c:a', 'libopus', '-ac', '1'], []],
  ] as const;
  for (const [name, encode, unpack] of sounds) {
    it(`has the packets of ${name} beside the pictures`, async (test) => {
      const runtime = new Runtime(test);
      const { directory } = runtime;
      const clip = join(runtime.folder, 'clip.mkv');
      const pictures = ['-f', 'lavfi', '-i', 'testsrc2=size=64x48:rate=25:duration=3'];
      const tone = ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000:duration=3'];
      ffmpeg(...pictures, ...tone, ...H264, ...encode, clip);
      const socket = join(runtime.folder, 'clip.ts');
      const tap = await openTap('clip', { as: 'mpegts', socket, directory });
      test.after(() => tap.close());
      const copy = ['-map', '0:v', '-map', '0:a', '-c', 'copy'];
      const input = ['-v', 'error', '-copyts', '-f', 'mpegts', '-i', tap.url];
      const reading = outputText(['ffmpeg', ...input, ...copy, ...unpack, '-f', 'framemd5', '-']);
      await until(() => tap.stats().clients === 1);
      const camera = await openCamera('clip', { input: clip, realtime: true, directory });
      test.after(() => camera.close());
      await camera.closed;
      const read = packetsOf(await reading);
      const source = packetsOf(ffmpeg('-i', clip, ...copy, '-f', 'framemd5', '-'));
      // One second is added to all times alike; Opus may have its first samples before 0.
      const lead = (line: Line, of: readonly Line[]): number => {
        const same = of.find(({ stream, sum }) => stream === line.stream && sum === line.sum);
        assert.ok(same, `no packet of stream ${line.stream} like that at ${line.ptsNs}`);
        return line.ptsNs - same.ptsNs;
      };
      const sound = read.filter(({ stream }) => stream === 1);
      assert.ok(sound.length > 50, `${sound.length} packets of sound`);
      const [first] = sound;
      const wanted = source.filter(({ stream }) => stream === 1);
      const from = wanted.findIndex(({ sum }) => sum === first?.sum);
      assert.deepEqual(
        sound.map(({ sum }) => sum),
        wanted.slice(from).map(({ sum }) => sum),
        'none is missing from the first on',
      );
      const shown = read.find(({ stream }) => stream === 0)!;
      const start = Math.min(
        ...source.filter(({ stream }) => stream === 0).map(({ ptsNs }) => ptsNs),
      );
      const pictureLead = shown.ptsNs - start;
      for (const line of sound.slice(0, 20)) {
        // Containers of Matroska round to milliseconds, those of transport streams to 11 µs.
        assert.ok(Math.abs(lead(line, source) - pictureLead) < 2e6, `${line.ptsNs}`);
      }
    });
  }

  it('is none for sound that a transport stream does not carry', async (test) => {
    const runtime = new Runtime(test);
    const { directory } = runtime;
    const clip = join(runtime.folder, 'clip.mkv');
    const pictures = ['-f', 'lavfi', '-i', 'testsrc2=size=64x48:rate=25:duration=2'];
    const tone = ['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=8000:duration=2'];
    ffmpeg(...pictures, ...tone, ...H264, '-c:a', 'pcm_alaw', clip);
    const socket = join(runtime.folder, 'clip.ts');
    const tap = await openTap('clip', { as: 'mpegts', socket, directory });
    test.after(() => tap.close());
    const words = ['-v', 'error', '-f', 'mpegts', '-show_entries', 'stream=codec_name'];
    const reading = linesOf(['ffprobe', ...words, '-of', 'csv=p=0', tap.url]);
    await until(() => tap.stats().clients === 1);
    const camera = await openCamera('clip', { input: clip, realtime: true, directory });
    test.after(() => camera.close());
    assert.deepEqual([...new Set(await reading)], ['h264']);
  });
});

async function outputText(words: readonly string[]): Promise<string> {
  return (await outputOf(words)).toString();
}
