/** The processes that the suite of cameras measures: a camera, its readers, and decoders beside them. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { closeDescriptor, createLargePipe } from '../../ffi/index.js';
import { PIPE_BYTES } from '../../video/ffmpeg/index.js';
import { ChildProgram, endWithRun } from '../child-program.js';
import { compileC } from '../programs/c-program.js';
import type { CameraGiven, CameraRequest, CameraWork } from '../programs-video/camera-program.js';
import type { TickGiven, TickRequest, Ticks } from '../programs-video/tick-program.js';
import { memoryMiBOf } from '../process-memory.js';
import { cpuMsOf } from '../process-time.js';

const PROGRAM = new URL('../programs-video/camera-program.js', import.meta.url);
const TICK_PROGRAM = new URL('../programs-video/tick-program.js', import.meta.url);

export const FRAMES_PER_SECOND = 25;
const PICTURE = { width: 1920, height: 1080 };
const READ_TIMEOUT_MS = 60_000;
const PICTURE_BYTES = (PICTURE.width * PICTURE.height * 3) / 2;

/** A key frame every two seconds, as cameras have them. */
export function makeClip(directory: string): string {
  const clip = join(directory, 'clip.mp4');
  const size = `${PICTURE.width}x${PICTURE.height}`;
  const picture = `testsrc2=size=${size}:rate=${FRAMES_PER_SECOND}:duration=4`;
  const encode = ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-g', '50'];
  const words = ['-v', 'error', '-y', '-f', 'lavfi', '-i', picture, ...encode, clip];
  const { status, stderr } = spawnSync('ffmpeg', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`ffmpeg made no clip: ${stderr}`);
  return clip;
}

export async function startCameraProgram(given: CameraGiven): Promise<ChildProgram> {
  const program = new ChildProgram(PROGRAM, given);
  await program.next();
  return program;
}

export async function workOf(program: ChildProgram, frames = 0): Promise<CameraWork> {
  await program.tell({ frames } satisfies CameraRequest);
  return program.next<CameraWork>();
}

/** What each did in a window. */
export async function workIn(
  windowMs: number,
  programs: readonly ChildProgram[],
): Promise<readonly CameraWork[]> {
  const before = await Promise.all(programs.map((program) => workOf(program)));
  await sleep(windowMs);
  const after = await Promise.all(programs.map((program) => workOf(program)));
  return after.map((now, index) => ({
    cpuMs: now.cpuMs - before[index]!.cpuMs,
    childrenMs: now.childrenMs - before[index]!.childrenMs,
    frames: now.frames - before[index]!.frames,
    latenciesUs: now.latenciesUs,
  }));
}

/** As many programs that each decode the clip in real time: CPU of all in a window, ms, and memory. */
export async function decodeEach(
  clip: string,
  windowMs: number,
  count: number,
): Promise<{ readonly cpuMs: number; readonly memoryMiB: number }> {
  const words = ['-v', 'error', '-nostdin', '-threads', '1', '-re', '-stream_loop', '-1'];
  const decoders = Array.from({ length: count }, () =>
    spawn('ffmpeg', [...words, '-i', clip, '-f', 'null', '-'], { stdio: 'ignore' }),
  );
  const pids = decoders.map(({ pid }) => pid!);
  try {
    await sleep(windowMs / 4);
    const before = cpuMsOf(pids);
    await sleep(windowMs);
    const memoryMiB = pids.reduce((sum, pid) => sum + memoryMiBOf(pid), 0);
    return { cpuMs: cpuMsOf(pids) - before, memoryMiB };
  } finally {
    for (const decoder of decoders) decoder.kill('SIGKILL');
  }
}

/** CPU a picture of a program in C that reads what an ffmpeg decodes in real time, ms; or why there is none. */
export async function readInC(
  clip: string,
  windowMs: number,
  directory: string,
): Promise<number | string> {
  const program = await compileC('pipe', directory);
  if (program.path === undefined) return program.missing;
  const pictures = Math.ceil((windowMs / 1000) * FRAMES_PER_SECOND);
  const input = [
    '-v',
    'error',
    '-nostdin',
    '-threads',
    '1',
    '-re',
    '-stream_loop',
    '-1',
    '-i',
    clip,
  ];
  const output = ['-pix_fmt', 'nv12', '-threads', '1', '-f', 'rawvideo', 'pipe:1'];
  // Through what a camera reads its pictures from.
  const { readable, writable } = createLargePipe(PIPE_BYTES);
  const decoder = spawn('ffmpeg', [...input, ...output], { stdio: ['ignore', writable, 'ignore'] });
  const words = [String(PICTURE_BYTES), String(pictures)];
  const reader = spawn(program.path, words, {
    stdio: [readable, 'pipe', 'inherit'],
    timeout: READ_TIMEOUT_MS,
  });
  for (const descriptor of [readable, writable]) closeDescriptor(descriptor);
  const forget = endWithRun({
    stop: () => {
      for (const child of [decoder, reader]) child.kill('SIGKILL');
      return Promise.resolve();
    },
  });
  try {
    const cost = await text(reader.stdout!);
    if (cost === '') throw new Error('the program in C has read no pictures');
    return Number(cost);
  } finally {
    decoder.kill('SIGKILL');
    forget();
  }
}

/** From the moment that one bare program tells another to the moment that one knows. `path`: nothing is there yet. */
export async function tickLatenciesUs(
  path: string,
  by: TickGiven['by'],
  ticks: number,
): Promise<readonly number[]> {
  const program = async (role: TickGiven['role']): Promise<ChildProgram> => {
    const started = new ChildProgram(TICK_PROGRAM, { path, role, by } satisfies TickGiven);
    await started.next();
    return started;
  };
  const sender = await program('sender');
  try {
    const receiver = await program('receiver');
    try {
      await receiver.tell({ ticks } satisfies TickRequest);
      return (await receiver.next<Ticks>()).latenciesUs;
    } finally {
      await receiver.stop();
    }
  } finally {
    await sender.stop();
  }
}
