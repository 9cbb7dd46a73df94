/** Cameras of one process on a GPU: memory, whether they keep time, how many do, and when a reader has a picture. */
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext, Measurement } from '../measurement.js';
import { cpuMsOf } from '../process-time.js';
import { clockNs } from '../programs-frames/given.js';
import type { WatchResult } from '../programs-gpu/camera-watcher.js';
import type { MosaicGiven, MosaicWork } from '../programs-gpu/camera-mosaic.js';
import type { WallGiven, WallWork } from '../programs-gpu/camera-wall.js';
import type { ChannelTask, PublishTask } from '../programs-gpu/frame-source.js';
import { type GpuGiven, PATIENCE_MS } from '../programs-gpu/serve.js';
import { Findings, type Subject } from './findings.js';
import { GpuChild } from './gpu-child.js';
import { gpuSuite } from './gpu-suite.js';

const SUITE = 'gpu-cameras';
const CAMERAS = 16;
const RATE = 30;
/** A run shows that it works, with pictures that a simulated decoder makes too. */
const QUICK_SIZE = '322x242';
const MOST_CAMERAS = 256;
/** A camera keeps time that publishes so much of what its clip has. */
const IN_TIME_PERCENT = 99;

const wall = `${CAMERAS} cameras of 1080p${RATE} H.264 in one process`;
const TIME = `${wall}, frames of the slowest in time`;
const MEMORY = `${wall}, GPU memory a camera, all in`;
const WORK = `${wall}, processor, of one core`;
const MOSAIC_RATE = 25;
const MOSAIC_CHANNEL = 'bench/mosaic';
const mosaic = `their mosaic of 1080p at ${MOSAIC_RATE}/s`;
const MOSAIC_TIME = `${mosaic}, from the begin of a picture to its end on the GPU, p50`;
const MOSAIC_WORK = `${mosaic}, processor, of one core`;
const MOSAIC_BOUND_MS = 2;
const MOSAIC = { width: 1920, height: 1080 } as const;
/** A simulated GPU needs a second for a large one. */
const QUICK_MOSAIC = { width: 160, height: 90 } as const;
const MOST = `cameras of 1080p${RATE} H.264 in one process, all in time`;
const hand = (awake: boolean, rank: string): string =>
  `one of them, published to in hand, reader ${awake ? 'awake' : 'asleep'}, ${rank}`;
const past = (awake: boolean, rank: string): string =>
  `one of them, published to the reader's stream past its wait, reader ${awake ? 'awake' : 'asleep'}, ${rank}`;
/** The scene of cuframes's figures: two programs that do nothing else, no camera and no decoder. */
const bare = (awake: boolean, rank: string): string =>
  `1080p of a program that only publishes, ${RATE}/s, published to in hand, reader ${awake ? 'awake' : 'asleep'}, ${rank}`;
const BARE_CHANNEL = 'bench/bare';
const RANKS = [
  ['p50', 0.5],
  ['p99', 0.99],
] as const;

const SOCKET = 'eight bytes by a Unix socket';

const sluice = { subject: 'sluice', better: 'lower' } as const;
/**
 * What cuframes publishes of itself: of two programs that share frames, with neither camera nor decoder, on a machine of
 * its authors (500 frames; commit c2c2a97 of git.goldix.org/gx/cuframes).
 */
const CUFRAMES_US = { p50: 75, p99: 152 } as const;
const ASLEEP_US = 100;

const subjects: readonly Subject[] = [
  { task: TIME, subject: 'sluice', unit: '%', better: 'higher' },
  { ...sluice, task: MEMORY, unit: 'GB' },
  { ...sluice, task: WORK, unit: '%', note: 'the process itself' },
  { ...sluice, task: WORK, subject: "ffmpeg's demultiplexers", unit: '%' },
  ...[false, true].flatMap((awake) =>
    RANKS.flatMap(([rank]): Subject[] => [
      { ...sluice, task: hand(awake, rank), unit: 'us' },
      { ...sluice, task: past(awake, rank), unit: 'us' },
      { ...sluice, task: bare(awake, rank), unit: 'us' },
      ...(awake ? [] : [{ ...sluice, task: hand(awake, rank), subject: SOCKET, unit: 'us' }]),
    ]),
  ),
  {
    ...{ ...sluice, task: MOSAIC_TIME, unit: 'ms' },
    note: 'all of it: cells, labels, the calls that enqueue them, and a look by an awake reader',
  },
  { ...sluice, task: MOSAIC_WORK, unit: '%' },
  {
    ...{ task: MOST, subject: 'sluice', unit: 'cameras', better: 'higher' },
    note: `16 more at a time, up to ${MOST_CAMERAS}`,
  },
];

export const gpuCameras = gpuSuite({
  name: SUITE,
  description: `${CAMERAS} cameras decoded on a GPU in one process, how many are too many, and their readers`,
  targets: [
    {
      ...{ suite: SUITE, task: TIME, subject: 'sluice', text: `≥ ${IN_TIME_PERCENT} %` },
      ...{ bound: IN_TIME_PERCENT, better: 'higher' },
    },
    { suite: SUITE, ...sluice, task: MEMORY, text: '≤ 0.35 GB', bound: 0.35 },
    ...RANKS.flatMap(([rank]) =>
      [bare(true, rank), bare(false, rank), hand(true, rank), hand(false, rank)].map((task) => ({
        ...{ suite: SUITE, ...sluice, task },
        ...{ text: `≤ ${CUFRAMES_US[rank]} us`, bound: CUFRAMES_US[rank] },
      })),
    ),
    {
      ...{ suite: SUITE, ...sluice, task: past(false, 'p50') },
      ...{ text: `≤ ${ASLEEP_US} us`, bound: ASLEEP_US },
    },
    {
      ...{ suite: SUITE, ...sluice, task: MOSAIC_TIME },
      ...{ text: `≤ ${MOSAIC_BOUND_MS} ms`, bound: MOSAIC_BOUND_MS },
    },
  ],
  run,
});

async function run(context: BenchContext): Promise<readonly Measurement[]> {
  const findings = new Findings(SUITE, subjects, context);
  const tasks = subjects.map(({ task }) => task);
  try {
    await measure(context, findings);
  } catch (error) {
    findings.fail(tasks, error);
  }
  return findings.measurements();
}

async function measure(context: BenchContext, findings: Findings): Promise<void> {
  const { directory, quick, rounds } = context;
  const clip = makeClip(directory, quick);
  const given = { directory, device: 0 };
  const watcher = await GpuChild.start<GpuGiven>('camera-watcher.js', given);
  await passOn(watcher, context, findings);
  const freeBytes = await watcher.ask<number>('freeBytes');
  const wallChild = await GpuChild.start<WallGiven>('camera-wall.js', { ...given, clip });
  const windowMs = quick ? 1000 : 8000;
  try {
    const cameras = quick ? 2 : CAMERAS;
    await wallChild.ask('open', { cameras });
    await sleep(windowMs / 4);
    for (let round = 0; round < rounds; round += 1) {
      const { inTimePercent, ownPercent, ffmpegPercent } = await watchTime(wallChild, windowMs);
      findings.add(TIME, 'sluice', inTimePercent);
      findings.add(WORK, 'sluice', ownPercent);
      findings.add(WORK, "ffmpeg's demultiplexers", ffmpegPercent);
      const used = freeBytes - (await watcher.ask<number>('freeBytes'));
      findings.add(MEMORY, 'sluice', used / cameras / 1e9);
      for (const awake of [false, true]) await read(watcher, awake, quick, findings);
      await tick(watcher, context, findings);
    }
    await showAll(watcher, { ...given, cameras, ...context }, findings);
    findings.add(MOST, 'sluice', await findMost(wallChild, context, windowMs));
  } finally {
    await wallChild.stop();
    await watcher.stop();
  }
}

/** Frames that a kernel writes, of a program without a camera. */
async function passOn(
  watcher: GpuChild,
  { directory, quick, rounds }: BenchContext,
  findings: Findings,
): Promise<void> {
  const source = await GpuChild.start<GpuGiven>('frame-source.js', { directory, device: 0 });
  const channel = BARE_CHANNEL;
  const frames = quick ? 10 : 240;
  try {
    await source.ask('open', { channel, width: 1920, slots: 8 } satisfies ChannelTask);
    for (let round = 0; round < rounds; round += 1) {
      for (const awake of [false, true]) {
        const watching = watcher.ask<WatchResult>('watch', { channel, frames, awake });
        // More than are watched, because a reader takes its time to come.
        const task = { channel, frames: frames + RATE, pauseMs: 1000 / RATE };
        await source.ask('publish', task satisfies PublishTask);
        const { inHandUs } = await watching;
        for (const [rank, share] of RANKS) {
          findings.add(bare(awake, rank), 'sluice', ranked(inHandUs, share));
        }
      }
    }
  } finally {
    await source.stop();
  }
}

async function read(
  watcher: GpuChild,
  awake: boolean,
  quick: boolean,
  findings: Findings,
): Promise<void> {
  const task = { channel: 'bench/wall-0', frames: quick ? 10 : 240, awake };
  const { inHandUs, pastWaitUs } = await watcher.ask<WatchResult>('watch', task);
  for (const [rank, share] of RANKS) {
    findings.add(hand(awake, rank), 'sluice', ranked(inHandUs, share));
    findings.add(past(awake, rank), 'sluice', ranked(pastWaitUs, share));
  }
}

/** All cameras in one picture, by a process of its own. */
async function showAll(
  watcher: GpuChild,
  given: { readonly directory: string; readonly device: number; readonly cameras: number } & Pick<
    BenchContext,
    'quick' | 'rounds'
  >,
  findings: Findings,
): Promise<void> {
  const { directory, device, cameras, quick, rounds } = given;
  const child = await GpuChild.start<MosaicGiven>('camera-mosaic.js', {
    ...{ directory, device, inputs: 'bench/wall-*' },
    ...{ channel: MOSAIC_CHANNEL, framesPerSecond: MOSAIC_RATE },
    ...(quick ? QUICK_MOSAIC : MOSAIC),
  });
  const watch = (frames: number): Promise<WatchResult> =>
    watcher.ask<WatchResult>('watch', { channel: MOSAIC_CHANNEL, frames, awake: true });
  try {
    const work = (): Promise<MosaicWork> => child.ask<MosaicWork>('work');
    const giveUpMs = performance.now() + PATIENCE_MS;
    while ((await work()).live < cameras) {
      if (performance.now() > giveUpMs) throw new Error('the mosaic does not show all cameras');
      await sleep(20);
    }
    for (let round = 0; round < rounds; round += 1) {
      const [startMs, before] = [performance.now(), await work()];
      const { capturedToPastWaitUs } = await watch(quick ? 8 : 4 * MOSAIC_RATE);
      const after = await work();
      const elapsedMs = performance.now() - startMs;
      findings.add(MOSAIC_TIME, 'sluice', ranked(capturedToPastWaitUs, 0.5) / 1000);
      findings.add(MOSAIC_WORK, 'sluice', (100 * (after.cpuMs - before.cpuMs)) / elapsedMs);
    }
  } finally {
    await child.stop();
  }
}

/** What waking a sleeping program of Node costs here by itself, in the rhythm of a camera. */
async function tick(
  watcher: GpuChild,
  { directory, quick }: BenchContext,
  findings: Findings,
): Promise<void> {
  const path = join(directory, 'ticks');
  const server = createServer((socket) => {
    const timer = setInterval(() => {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleLE(clockNs());
      socket.write(bytes);
    }, 1000 / RATE);
    socket.on('error', () => undefined);
    socket.on('close', () => clearInterval(timer));
  });
  server.listen(path);
  try {
    const us = await watcher.ask<readonly number[]>('ticks', { path, ticks: quick ? 10 : 240 });
    for (const [rank, share] of RANKS) findings.add(hand(false, rank), SOCKET, ranked(us, share));
  } finally {
    server.close();
  }
}

function ranked(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

/** Opens more until one of them falls behind: the last number at which none did. */
async function findMost(
  wallChild: GpuChild,
  { quick, log }: BenchContext,
  windowMs: number,
): Promise<number> {
  const step = quick ? 2 : 16;
  let most = 0;
  for (let cameras = step; cameras <= (quick ? 4 : MOST_CAMERAS); cameras += step) {
    await wallChild.ask('open', { cameras });
    await sleep(windowMs / 4);
    const { inTimePercent, ownPercent } = await watchTime(wallChild, windowMs / 2);
    log(
      `  ${cameras} cameras: ${inTimePercent.toFixed(1)} %, ${ownPercent.toFixed(0)} % of a core`,
    );
    if (inTimePercent < IN_TIME_PERCENT) break;
    most = cameras;
  }
  return most;
}

async function watchTime(
  wallChild: GpuChild,
  windowMs: number,
): Promise<{ inTimePercent: number; ownPercent: number; ffmpegPercent: number }> {
  const before = await wallChild.ask<WallWork>('work');
  const [startMs, ffmpegMs] = [performance.now(), cpuMsOf(before.ffmpegPids)];
  await sleep(windowMs);
  const after = await wallChild.ask<WallWork>('work');
  const elapsedMs = performance.now() - startMs;
  const wanted = after.decoders.find((decoder) => decoder !== 'nvdec');
  if (wanted !== undefined) throw new Error(`a camera was decoded by '${wanted}', not by the GPU`);
  const least = Math.min(...after.frames.map((frames, index) => frames - before.frames[index]!));
  return {
    // A frame more or less may stand on either side of the window.
    inTimePercent: Math.min(100, (100 * (least + 1)) / ((elapsedMs * RATE) / 1000)),
    ownPercent: (100 * (after.cpuMs - before.cpuMs)) / elapsedMs,
    ffmpegPercent: (100 * (cpuMsOf(before.ffmpegPids) - ffmpegMs)) / elapsedMs,
  };
}

/** Noise over moving shapes: as many bits as a street has, about 6 Mb/s. */
function makeClip(directory: string, quick: boolean): string {
  const clip = join(directory, 'wall.mp4');
  const size = quick ? QUICK_SIZE : '1920x1080';
  const picture = `testsrc2=size=${size}:rate=${RATE}:duration=${quick ? 2 : 10},noise=alls=6:allf=t`;
  const encode = ['-c:v', 'libx264', '-preset', 'veryfast', '-b:v', '6M', '-pix_fmt', 'yuv420p'];
  const words = ['-v', 'error', '-y', '-f', 'lavfi', '-i', picture, ...encode, '-g', '60', clip];
  const { status, stderr, error } = spawnSync('ffmpeg', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ffmpeg made no clip: ${error?.message ?? stderr}`);
  return clip;
}
