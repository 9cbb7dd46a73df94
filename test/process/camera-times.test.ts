/** The times of frames and packets: those of the container, as exact as nanoseconds are, however long it plays. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { video } from '../../src/index.js';
import { openCamera, openPackets, type Packet } from '../../src/video.js';
import { decodedByFfmpeg, digestOf, ffmpeg, withoutFfmpeg } from './camera-clips.js';
import { Runtime } from './runtime.js';

const PICTURES = 300;
/** The clip is played again and again: a rounding that adds up would show by then. */
const LAST = 1000;
/** Not the first and the last, which tell ffmpeg how long the last one is to be seen. */
const UNEVEN = [10, 289] as const;
const DECODE_DELAY = 2;
const REORDERED = [
  ...['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'],
  ...['-g', '30', '-bf', `${DECODE_DELAY}`],
];

const UNEVEN_FILTER = [
  'settb=1/90000',
  String.raw`setpts=N*3000+mod(N*N*7919\,2999)*between(N\,${UNEVEN[0]}\,${UNEVEN[1]})`,
].join();

function isUneven(index: number): boolean {
  return index >= UNEVEN[0] && index <= UNEVEN[1];
}

interface Clip {
  readonly name: string;
  readonly rate: string;
  /** Of the container, a second. */
  readonly timeScale: number;
  readonly filter: readonly string[];
  /** The time of a picture, in units of the container. */
  readonly ticks: (index: number) => number;
}

const CLIPS: readonly Clip[] = [
  {
    name: '30000/1001 pictures a second',
    rate: '30000/1001',
    timeScale: 30_000,
    filter: [],
    ticks: (index) => index * 1001,
  },
  {
    name: 'a rate that varies',
    rate: '30',
    timeScale: 90_000,
    filter: ['-vf', UNEVEN_FILTER, '-fps_mode', 'passthrough', '-enc_time_base', '1/90000'],
    ticks: (index) => index * 3000 + (isUneven(index) ? (index * index * 7919) % 2999 : 0),
  },
];

function makeTimedClip(folder: string, { rate, timeScale, filter }: Clip): string {
  const path = join(folder, 'clip.mp4');
  const input = ['-f', 'lavfi', '-i', `testsrc2=size=64x48:rate=${rate}`];
  const container = ['-frames:v', `${PICTURES}`, '-video_track_timescale', `${timeScale}`];
  ffmpeg(...input, ...filter, ...REORDERED, ...container, path);
  return path;
}

/** What the container says: the times of its pictures, in order, and after how long it begins again. */
function timesIn(path: string): { readonly times: readonly number[]; readonly length: number } {
  const entries = 'stream=duration_ts:packet=pts';
  const words = ['-v', 'error', '-show_entries', entries, '-of', 'json', path];
  const { packets, streams } = JSON.parse(execFileSync('ffprobe', words, { encoding: 'utf8' })) as {
    readonly packets: readonly { readonly pts: number }[];
    readonly streams: readonly { readonly duration_ts: number }[];
  };
  const times = packets.map(({ pts }) => pts).toSorted((one, other) => one - other);
  return { times, length: streams[0]!.duration_ts };
}

/** A whole number of units as nanoseconds, rounded once. */
function exactNs(ticks: number, timeScale: number): number {
  const [above, below] = [BigInt(ticks) * 1_000_000_000n, BigInt(timeScale)];
  return Number((2n * above + below) / (2n * below));
}

describe('the times of a camera', { skip: withoutFfmpeg ?? false, timeout: 120_000 }, () => {
  for (const clip of CLIPS) {
    it(`are those of its container, rounded once and never adding up: ${clip.name}`, async (test) => {
      const runtime = new Runtime(test);
      const { directory } = runtime;
      const input = makeTimedClip(runtime.folder, clip);
      const pictures = decodedByFfmpeg(input);
      const { times, length } = timesIn(input);
      assert.deepEqual(
        times,
        Array.from({ length: PICTURES }, (_, index) => clip.ticks(index)),
      );
      /** Which picture is to be seen at a time; fails when there is none at exactly that nanosecond. */
      const placeAt = (ns: number): { readonly round: number; readonly index: number } => {
        const ticks = Math.round((ns * clip.timeScale) / 1e9);
        const round = Math.floor(ticks / length);
        const index = times.indexOf(ticks - round * length);
        assert.ok(index !== -1 && exactNs(ticks, clip.timeScale) === ns, `nothing is at ${ns} ns`);
        return { round, index };
      };

      const openingFrames = runtime.subscriber('camera/timed', {
        ...{ format: video(), delivery: 'every', maxLag: 4 },
      });
      const openingPackets = openPackets('camera/timed/packets', { directory, start: 'oldest' });
      const beforeMs = Date.now();
      const camera = await openCamera('camera/timed', { input, directory, loop: true });
      test.after(() => camera.close());
      await using packets = await openingPackets;
      const frames = await openingFrames;
      const capturedNs = new Map<bigint, number>();
      const readFrames = async (): Promise<void> => {
        for await (const frame of frames) {
          const { round, index } = placeAt(frame.ptsNs);
          assert.equal(digestOf(frame), pictures[index], `at ${frame.ptsNs} ns`);
          assert.ok(frame.publishTimeNs >= frame.captureTimeNs);
          const dateMs = frame.captureDate.getTime();
          // A clock that is set meanwhile may move a little.
          assert.ok(dateMs > beforeMs - 1000 && dateMs < Date.now() + 1000, `${dateMs}`);
          capturedNs.set(frame.id, frame.captureTimeNs);
          if (round * PICTURES + index >= LAST) return;
        }
      };
      const readPackets = async (): Promise<void> => {
        for (let count = 0; ; count += 1) {
          const unit: Packet = await packets.receive();
          const { round, index } = placeAt(unit.ptsNs);
          // The first are decoded before any is seen: at times that the container need not have.
          if (count >= DECODE_DELAY) placeAt(unit.dtsNs);
          const own = capturedNs.get(unit.id);
          assert.ok(own === undefined || own === unit.captureTimeNs);
          if (round * PICTURES + index >= LAST) return;
        }
      };
      await Promise.all([readFrames(), readPackets()]);
    });
  }
});
