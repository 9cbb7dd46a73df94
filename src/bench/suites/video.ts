/** What a camera costs beside what ffmpeg does for it, and what its readers cost beside decoding for each. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProgram } from '../child-program.js';
import type { BenchContext, Measurement, Suite } from '../measurement.js';
import { memoryMiBOf, memoryMiBOfChildren } from '../process-memory.js';
import type { CameraWork } from '../programs-video/camera-program.js';
import {
  decodeEach,
  FRAMES_PER_SECOND,
  makeClip,
  readInC,
  startCameraProgram,
  tickLatenciesUs,
  workIn,
  workOf,
} from './video-processes.js';

const SUITE = 'video';
const CHANNEL = 'bench/camera';
const READERS = 3;
const BOUND_MS = 0.5;
const READING_BOUND = 15;
const ASLEEP_BOUND_US = 100;
const AWAKE_BOUND_US = 2;

const PUBLISHER = '1080p25 camera of a file, CPU a frame';
const READING = `${READERS} readers of 1080p25, CPU of all, of one core`;
const ASLEEP = '1080p25 frame published → reader has it, asleep until then';
const AWAKE = '1080p25 frame published → reader has it, spinning';
const MEMORY = `1080p25 camera and ${READERS} readers, memory`;
const DEMAND = '1080p25 camera on demand, CPU of its ffmpegs, of one core';

const DECODER_EACH = 'ffmpeg, a decoder each';
const NULL_DECODE = 'ffmpeg -f null, one thread';
const BY_SOCKET = 'two bare Node programs, eight bytes by a Unix socket';
const BY_WORD = 'two bare Node programs, a word in shared memory';
const C_READER = 'program in C that only reads the pictures';

interface Row {
  readonly task: string;
  readonly subject: string;
  readonly unit: string;
}

const ROWS = {
  own: { task: PUBLISHER, subject: 'sluice', unit: 'ms' },
  children: { task: PUBLISHER, subject: 'its ffmpegs', unit: 'ms' },
  bare: { task: PUBLISHER, subject: NULL_DECODE, unit: 'ms' },
  inC: { task: PUBLISHER, subject: C_READER, unit: 'ms' },
  readers: { task: READING, subject: 'sluice', unit: '%' },
  decoders: { task: READING, subject: DECODER_EACH, unit: '%' },
  asleep50: { task: ASLEEP, subject: 'sluice', unit: 'us' },
  asleep99: { task: ASLEEP, subject: 'sluice, p99', unit: 'us' },
  socket50: { task: ASLEEP, subject: BY_SOCKET, unit: 'us' },
  awake50: { task: AWAKE, subject: 'sluice', unit: 'us' },
  awake99: { task: AWAKE, subject: 'sluice, p99', unit: 'us' },
  word50: { task: AWAKE, subject: BY_WORD, unit: 'us' },
  cameraMiB: { task: MEMORY, subject: 'sluice, the camera and its ffmpegs', unit: 'MiB' },
  readersMiB: { task: MEMORY, subject: 'sluice, the readers', unit: 'MiB' },
  decodersMiB: { task: MEMORY, subject: DECODER_EACH, unit: 'MiB' },
  nobody: { task: DEMAND, subject: 'sluice, nobody reads frames', unit: '%' },
  key: { task: DEMAND, subject: 'sluice, key frames are read', unit: '%' },
  all: { task: DEMAND, subject: 'sluice, all frames are read', unit: '%' },
} as const satisfies Readonly<Record<string, Row>>;

type Samples = Record<keyof typeof ROWS, number[]>;

export const videoSuite: Suite = {
  name: SUITE,
  description: 'a camera and its readers, beside a decoder for each',
  targets: [
    { row: ROWS.own, bound: BOUND_MS },
    { row: ROWS.readers, bound: READING_BOUND },
    { row: ROWS.asleep50, bound: ASLEEP_BOUND_US },
    { row: ROWS.awake50, bound: AWAKE_BOUND_US },
  ].map(({ row: { task, subject, unit }, bound }) => ({
    ...{ suite: SUITE, task, subject, text: `≤ ${bound} ${unit}`, bound },
    better: 'lower' as const,
  })),
  run,
};

async function run(context: BenchContext): Promise<readonly Measurement[]> {
  const samples = Object.fromEntries(Object.keys(ROWS).map((key) => [key, []])) as never as Samples;
  const notes = new Map<Row, string>();
  if (spawnSync('ffmpeg', ['-version']).status !== 0) {
    for (const row of Object.values(ROWS)) notes.set(row, 'no ffmpeg');
    return results(samples, notes);
  }
  const clip = makeClip(context.directory);
  const inC = await measureCamera(context, clip, samples);
  if (inC !== undefined) notes.set(ROWS.inC, inC);
  await measureDemand(context, clip, samples);
  return results(samples, notes);
}

/** Returns why the program in C was not measured. */
async function measureCamera(
  { quick, rounds, directory, log }: BenchContext,
  clip: string,
  samples: Samples,
): Promise<string | undefined> {
  const windowMs = quick ? 800 : 8000;
  const programs: ChildProgram[] = [];
  let missing: string | undefined;
  try {
    programs.push(await startCameraProgram({ directory, channel: CHANNEL, clip }));
    for (let index = 0; index < READERS; index += 1) {
      programs.push(await startCameraProgram({ directory, channel: CHANNEL }));
    }
    // Programs compile what they run most while it is new.
    await sleep(windowMs);
    for (let round = 0; round < rounds; round += 1) {
      log(`video: round ${round + 1} of ${rounds}`);
      const [camera, ...readers] = await workIn(windowMs, programs);
      addSamples(camera!, readers, windowMs, samples);
      addMemory(programs, samples);
      const decoders = await decodeEach(clip, windowMs, READERS);
      samples.decoders.push((100 * decoders.cpuMs) / windowMs);
      samples.decodersMiB.push(decoders.memoryMiB);
      samples.bare.push(decoders.cpuMs / READERS / ((windowMs / 1000) * FRAMES_PER_SECOND));
      const inC = await readInC(clip, windowMs, directory);
      if (typeof inC === 'number') samples.inC.push(inC);
      else missing = inC;
      const given = { directory, channel: CHANNEL, reads: 'spinning' } as const;
      const spinner = await startCameraProgram(given);
      try {
        const { latenciesUs } = await workOf(spinner, (windowMs / 1000) * FRAMES_PER_SECOND);
        samples.awake50.push(quantile(latenciesUs, 0.5));
        samples.awake99.push(quantile(latenciesUs, 0.99));
      } finally {
        await spinner.stop();
      }
      const ticks = Math.ceil((windowMs / 1000) * FRAMES_PER_SECOND);
      for (const [by, into] of [
        ['socket', samples.socket50],
        ['word', samples.word50],
      ] as const) {
        into.push(
          quantile(await tickLatenciesUs(join(directory, `${by}-${round}`), by, ticks), 0.5),
        );
      }
    }
  } finally {
    await Promise.all(programs.map((program) => program.stop()));
  }
  return missing;
}

function addSamples(
  camera: CameraWork,
  readers: readonly CameraWork[],
  windowMs: number,
  samples: Samples,
): void {
  if (camera.frames > 0) {
    samples.own.push(camera.cpuMs / camera.frames);
    samples.children.push(camera.childrenMs / camera.frames);
  }
  samples.readers.push((100 * readers.reduce((sum, { cpuMs }) => sum + cpuMs, 0)) / windowMs);
  const latenciesUs = readers.flatMap((reader) => reader.latenciesUs);
  samples.asleep50.push(quantile(latenciesUs, 0.5));
  samples.asleep99.push(quantile(latenciesUs, 0.99));
}

function addMemory(programs: readonly ChildProgram[], samples: Samples): void {
  const [camera, ...readers] = programs.map(({ process }) => process.pid as number);
  samples.cameraMiB.push(memoryMiBOf(camera!) + memoryMiBOfChildren(camera!));
  samples.readersMiB.push(readers.reduce((sum, pid) => sum + memoryMiBOf(pid), 0));
}

/** The same camera with nobody, with a reader of key frames, with a reader of all. */
async function measureDemand(
  { quick, rounds, directory, log }: BenchContext,
  clip: string,
  samples: Samples,
): Promise<void> {
  // Whole groups of pictures: a key frame every two seconds.
  const windowMs = quick ? 1000 : 8000;
  const channel = `${CHANNEL}-on-demand`;
  const camera = await startCameraProgram({ directory, channel, clip, decode: 'demand' });
  const measure = async (into: number[]): Promise<void> => {
    const [work] = await workIn(windowMs, [camera]);
    into.push((100 * work!.childrenMs) / windowMs);
  };
  try {
    for (let round = 0; round < rounds; round += 1) {
      log(`video: demand, round ${round + 1} of ${rounds}`);
      await measure(samples.nobody);
      for (const reads of ['key', 'all'] as const) {
        const given = reads === 'key' ? { directory, channel, reads } : { directory, channel };
        const reader = await startCameraProgram(given);
        try {
          await measure(samples[reads]);
        } finally {
          await reader.stop();
        }
      }
    }
  } finally {
    await camera.stop();
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function results(samples: Samples, notes: ReadonlyMap<Row, string>): readonly Measurement[] {
  return Object.entries(ROWS).map(([key, row]) => {
    const note = notes.get(row);
    const measured = { samples: samples[key as keyof Samples], better: 'lower' as const };
    return { suite: SUITE, ...row, ...measured, ...(note === undefined ? {} : { note }) };
  });
}
