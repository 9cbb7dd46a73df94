/** A tap and its reader against what it saves: one more ffmpeg that decodes the same clip. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type FramePublisher, openPublisher, video, type VideoFormat } from '../../index.js';
import { openTap, type Tap } from '../../video.js';
import type { BenchContext, Measurement, Suite } from '../measurement.js';

const SUITE = 'taps';
const FORMAT = video({ width: 1920, height: 1080, pixelFormat: 'i420' });
const PICTURE_BYTES = (1920 * 1080 * 3) / 2;
const RATE = '1080p y4m to one ffmpeg, as fast as it reads';
const TAP = '1080p y4m, CPU of the tap a picture';
const READER = 'CPU of a reader and what serves it, a 1080p picture';
const DECODE = 'one more ffmpeg decode';

export const taps: Suite = {
  name: SUITE,
  description: 'a y4m tap of 1080p read by ffmpeg, against one more decode',
  targets: [
    {
      suite: SUITE,
      task: READER,
      subject: 'sluice',
      text: `≤ 1 × ${DECODE}`,
      bound: 1,
      of: DECODE,
      better: 'lower',
    },
  ],
  run,
};

async function run(context: BenchContext): Promise<readonly Measurement[]> {
  const { quick, rounds, directory, log } = context;
  const pictures = quick ? 20 : 300;
  const clip = join(directory, 'clip.mp4');
  const source = ['-f', 'lavfi', '-i', `testsrc2=size=1920x1080:rate=25:duration=${pictures / 25}`];
  const encoder = ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p'];
  await ffmpegCpuMs([...source, ...encoder, clip]);
  const rates: number[] = [];
  const ofTap: number[] = [];
  const ofReader: number[] = [];
  const ofDecode: number[] = [];
  const publisher = await openPublisher('bench/tap', { format: FORMAT, directory });
  const socket = join(directory, 'tap.sock');
  const tap = await openTap('bench/tap', { as: 'y4m', framesPerSecond: 25, socket, directory });
  try {
    for (let round = 0; round < rounds; round++) {
      log(`taps: round ${round + 1} of ${rounds}`);
      const { perSecond, tapMs, readerMs } = await readTap(publisher, tap, pictures);
      rates.push(perSecond);
      ofTap.push(tapMs);
      ofReader.push(tapMs + readerMs);
      ofDecode.push((await ffmpegCpuMs(['-i', clip, '-f', 'null', '-'])) / pictures);
    }
  } finally {
    await tap.close();
    await publisher.close();
  }
  const common = { suite: SUITE, subject: 'sluice' };
  const cpu = { unit: 'ms', better: 'lower' } as const;
  return [
    { ...common, task: RATE, unit: 'frames/s', better: 'higher', samples: rates },
    { ...common, ...cpu, task: TAP, samples: ofTap },
    { ...common, ...cpu, task: READER, samples: ofReader },
    { ...common, ...cpu, task: READER, subject: DECODE, samples: ofDecode },
  ];
}

interface Reading {
  readonly perSecond: number;
  /** CPU a picture. */
  readonly tapMs: number;
  readonly readerMs: number;
}

/** Publishes each picture when the reader has the one before. */
async function readTap(
  publisher: FramePublisher<VideoFormat>,
  tap: Tap,
  pictures: number,
): Promise<Reading> {
  const input = ['-f', 'yuv4mpegpipe', '-i', tap.url, '-frames:v', `${pictures}`];
  const reader = ffmpegCpuMs([...input, '-f', 'null', '-']);
  while (publisher.subscribers.length === 0) await nextTurn();
  const before = process.cpuUsage();
  const startedMs = performance.now();
  for (let index = 0; index < pictures; index++) {
    const { bytesSent } = tap.stats();
    publisher.tryLoan()?.publish({ ptsNs: index * 40_000_000 });
    while (tap.stats().clients > 0 && tap.stats().bytesSent < bytesSent + PICTURE_BYTES) {
      await nextTurn();
    }
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const { user, system } = process.cpuUsage(before);
  const readerMs = (await reader) / pictures;
  while (publisher.subscribers.length > 0) await nextTurn();
  return { perSecond: pictures / seconds, tapMs: (user + system) / 1000 / pictures, readerMs };
}

/** Runs ffmpeg and returns the CPU time it says it took, user and system, in ms. */
async function ffmpegCpuMs(words: readonly string[]): Promise<number> {
  const child = spawn('ffmpeg', ['-hide_banner', '-nostdin', '-y', '-benchmark', ...words], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: 120_000,
  });
  let text = '';
  child.stderr
    .setEncoding('utf8')
    .on('data', (piece: string) => (text = (text + piece).slice(-4000)));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0)
    throw new Error(`ffmpeg ended with ${code}: ${text.split('\n').slice(-3).join(' ')}`);
  const [, user, system] = /utime=([\d.]+)s stime=([\d.]+)s/.exec(text) ?? [];
  return (Number(user) + Number(system)) * 1000;
}
