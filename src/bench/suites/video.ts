/** What a camera costs beside what ffmpeg does for it, and what its readers cost beside decoding for each. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChildProgram } from '../child-program.js';
import type { BenchContext, Measurement, Suite } from '../measurement.js';
import { cpuMsOf } from '../process-time.js';
import type { CameraGiven, CameraWork } from '../programs-video/camera-program.js';

const PROGRAM = new URL('../programs-video/camera-program.js', import.meta.url);
const SUITE = 'video';
const CHANNEL = 'bench/camera';
const READERS = 3;
const BOUND_MS = 0.5;

const PUBLISHER = '1080p25 camera of a file, its own CPU a frame, beside ffmpeg';
const READING = `${READERS} readers of 1080p25, CPU of all, of one core`;

export const videoSuite: Suite = {
  name: SUITE,
  description: 'a camera and its readers, beside a decoder for each',
  targets: [
    {
      ...{ suite: SUITE, task: PUBLISHER, subject: 'sluice', text: `≤ ${BOUND_MS} ms` },
      ...{ bound: BOUND_MS, better: 'lower' },
    },
    {
      ...{ suite: SUITE, task: READING, subject: 'sluice', text: '≤ 15 %' },
      ...{ bound: 15, better: 'lower' },
    },
  ],
  run,
};

async function run(context: BenchContext): Promise<readonly Measurement[]> {
  const publisher: number[] = [];
  const readers: number[] = [];
  const decoders: number[] = [];
  const { quick, rounds, directory, log } = context;
  if (spawnSync('ffmpeg', ['-version']).status !== 0) return results([], [], [], 'no ffmpeg');
  const clip = makeClip(directory);
  const windowMs = quick ? 800 : 8000;
  const camera = new ChildProgram(PROGRAM, {
    directory,
    channel: CHANNEL,
    clip,
  } satisfies CameraGiven);
  const children: ChildProgram[] = [camera];
  try {
    await camera.next();
    for (let index = 0; index < READERS; index += 1) {
      const reader = new ChildProgram(PROGRAM, {
        directory,
        channel: CHANNEL,
      } satisfies CameraGiven);
      children.push(reader);
      await reader.next();
    }
    // Programs compile what they run most while it is new.
    await sleep(windowMs);
    for (let round = 0; round < rounds; round += 1) {
      log(`video: round ${round + 1} of ${rounds}`);
      const before = await workOf(children);
      await sleep(windowMs);
      const after = await workOf(children);
      const [own, ...reading] = after.map(({ cpuMs, frames }, index) => ({
        cpuMs: cpuMs - before[index]!.cpuMs,
        frames: frames - before[index]!.frames,
      }));
      if (own!.frames > 0) publisher.push(own!.cpuMs / own!.frames);
      readers.push((100 * reading.reduce((sum, { cpuMs }) => sum + cpuMs, 0)) / windowMs);
      decoders.push(await decodeEach(clip, windowMs));
    }
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
  return results(publisher, readers, decoders);
}

function results(
  publisher: readonly number[],
  readers: readonly number[],
  decoders: readonly number[],
  note?: string,
): readonly Measurement[] {
  const row = (
    task: string,
    subject: string,
    unit: string,
    samples: readonly number[],
  ): Measurement => ({
    ...{ suite: SUITE, task, subject, unit, better: 'lower', samples },
    ...(note === undefined ? {} : { note }),
  });
  return [
    row(PUBLISHER, 'sluice', 'ms', publisher),
    row(READING, 'sluice', '%', readers),
    row(READING, 'ffmpeg, a decoder each', '%', decoders),
  ];
}

function makeClip(directory: string): string {
  const clip = join(directory, 'clip.mp4');
  const picture = 'testsrc2=size=1920x1080:rate=25:duration=4';
  const encode = ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-g', '50'];
  const words = ['-v', 'error', '-y', '-f', 'lavfi', '-i', picture, ...encode, clip];
  const { status, stderr } = spawnSync('ffmpeg', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ffmpeg made no clip: ${stderr}`);
  return clip;
}

async function workOf(children: readonly ChildProgram[]): Promise<readonly CameraWork[]> {
  return Promise.all(
    children.map(async (child) => {
      await child.tell({ report: true });
      return child.next<CameraWork>();
    }),
  );
}

/** What as many programs cost that each decode the clip in real time, in percent of a core. */
async function decodeEach(clip: string, windowMs: number): Promise<number> {
  const words = ['-v', 'error', '-nostdin', '-re', '-stream_loop', '-1', '-i', clip];
  const decoders = Array.from({ length: READERS }, () =>
    spawn('ffmpeg', [...words, '-threads', '1', '-f', 'null', '-'], { stdio: 'ignore' }),
  );
  const pids = decoders.map(({ pid }) => pid!);
  try {
    await sleep(windowMs / 4);
    const before = cpuMsOf(pids);
    await sleep(windowMs);
    return (100 * (cpuMsOf(pids) - before)) / windowMs;
  } finally {
    for (const decoder of decoders) decoder.kill('SIGKILL');
  }
}
