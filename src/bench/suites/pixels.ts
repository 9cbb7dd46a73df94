/** Conversions on the processor, beside those of ffmpeg's swscale, and what a mosaic of many cameras costs. */
import { spawnSync } from 'node:child_process';
import { openSubscriber, video, type VideoFormat } from '../../index.js';
import { type PixelFormat, videoPlanes } from '../../format/index.js';
import {
  type ConversionOptions,
  type ConversionPlan,
  PictureConverter,
  planPicture,
  planTensor,
} from '../../pixels/index.js';
import { ChildProgram } from '../child-program.js';
import type { BenchContext, Measurement, Suite, Target } from '../measurement.js';
import type { FeederGiven } from '../programs-video/camera-feeder.js';
import type { MosaicCost, MosaicGiven } from '../programs-video/mosaic-runner.js';

const SUITE = 'pixels';
const FEEDER = new URL('../programs-video/camera-feeder.js', import.meta.url);
const [WIDTH, HEIGHT] = [1920, 1080];
const RUNNER = new URL('../programs-video/mosaic-runner.js', import.meta.url);
const MOSAIC_TASK = '16 cameras of 1080p in a mosaic of 1080p at 25/s';
const MOSAIC_COST = 'processor time of a picture of that mosaic';
const MOSAIC_RATE = 'pictures of that mosaic';
const RGB_TASK = 'nv12 to rgb24';
const TENSOR_TASK = 'nv12 to 640x640 rgb chw f32';
const FRAMES_PER_SECOND = 25;
const [CELL_WIDTH, CELL_HEIGHT] = [WIDTH / 4, HEIGHT / 4];
const CAMERAS = 16;
/** Pictures of ffmpeg's that cost nothing. */
const sourceOf = (pixelFormat: PixelFormat): string =>
  `nullsrc=s=${WIDTH}x${HEIGHT},format=${pixelFormat}`;
const CELL_FILTER = `scale=${CELL_WIDTH}:${CELL_HEIGHT}:flags=bilinear`;
const BOUND_CORES = 1;

const hd = (pixelFormat: PixelFormat): VideoFormat =>
  video({ width: WIDTH, height: HEIGHT, pixelFormat });

interface Conversion {
  readonly task: string;
  readonly plan: ConversionPlan;
  readonly targets: () => readonly { readonly bytes: Uint8Array; readonly pitchBytes: number }[];
  /** What ffmpeg does for the same; it makes no tensors, but planes of floats. */
  readonly filters: string;
}

function picture(
  task: string,
  from: PixelFormat,
  target: VideoFormat,
  filters: string,
  options: ConversionOptions = {},
): Conversion {
  return {
    task: `1080p ${task}`,
    plan: planPicture(hd(from), target, options),
    targets: () =>
      videoPlanes(target).map(({ byteLength, pitchBytes }) => {
        return { bytes: new Uint8Array(byteLength), pitchBytes };
      }),
    filters,
  };
}

function conversions(): readonly Conversion[] {
  const flags = 'accurate_rnd+full_chroma_int';
  const scale = `scale=flags=bilinear+${flags}`;
  const size = { width: 640, height: 640 };
  const tensor = { ...size, colors: 'rgb', layout: 'chw', dtype: 'f32' } as const;
  const cell = video({ width: CELL_WIDTH, height: CELL_HEIGHT, pixelFormat: 'nv12' });
  return [
    picture(RGB_TASK, 'nv12', hd('rgb24'), `${scale},format=rgb24`),
    picture('rgb24 to nv12', 'rgb24', hd('nv12'), `${scale},format=nv12`),
    picture('nv12 to i420', 'nv12', hd('i420'), `${scale},format=yuv420p`),
    picture('nv12 to 480x270', 'nv12', cell, CELL_FILTER, { filter: 'bilinear' }),
    {
      task: `1080p ${TENSOR_TASK}`,
      plan: planTensor(hd('nv12'), tensor),
      targets: () => [{ bytes: new Uint8Array(640 * 640 * 12), pitchBytes: 2560 }],
      filters: `scale=640:360:flags=area+${flags},format=gbrpf32le,pad=640:640:0:140`,
    },
  ];
}

/** In the same run. */
function againstSwscale(task: string, bound: number): Target {
  return {
    ...{ suite: SUITE, task: `1080p ${task}`, subject: 'sluice', of: 'swscale' },
    ...{ text: `≤ ${bound} × swscale`, bound, better: 'lower' },
  };
}

export const pixels: Suite = {
  name: SUITE,
  description: 'conversions of pictures on the processor, and a mosaic of 16 cameras',
  targets: [
    {
      suite: SUITE,
      task: MOSAIC_TASK,
      subject: 'sluice',
      text: `≤ ${BOUND_CORES} core`,
      bound: BOUND_CORES,
      better: 'lower',
    },
    againstSwscale(RGB_TASK, 1),
    againstSwscale(TENSOR_TASK, 1.25),
  ],
  run,
};

async function run(context: BenchContext): Promise<readonly Measurement[]> {
  const found: Measurement[] = [];
  for (const conversion of conversions()) found.push(...measureConversion(conversion, context));
  found.push(...(await measureMosaic(context)));
  return found;
}

function measureConversion(conversion: Conversion, context: BenchContext): readonly Measurement[] {
  const { quick, rounds, log } = context;
  const { task, plan, targets, filters } = conversion;
  const converter = new PictureConverter(plan);
  const source = videoPlanes(plan.source).map(({ byteLength, pitchBytes }) => {
    const bytes = Uint8Array.from({ length: byteLength }, (_, at) => Math.imul(at, 40503) >>> 8);
    return { bytes, pitchBytes };
  });
  const target = targets();
  const their = sourceOf(plan.source.pixelFormat);
  const frames = quick ? 3 : 50;
  const [ours, theirs]: [number[], number[]] = [[], []];
  let note: string | undefined;
  const convert = (): void => {
    for (let frame = 0; frame < frames; frame++) converter.run(source, target);
  };
  convert();
  for (let round = 0; round < rounds; round++) {
    log(`${SUITE}: ${task}, round ${round + 1} of ${rounds}`);
    // What V8 does beside it counts, too; what other programs do does not.
    const before = process.cpuUsage();
    convert();
    const { user, system } = process.cpuUsage(before);
    ours.push((user + system) / 1000 / frames);
    const theirMs = ffmpegMs(their, `${their},${filters}`, quick ? 20 : 200);
    if (typeof theirMs === 'number') theirs.push(theirMs);
    else note = theirMs;
  }
  const common = { suite: SUITE, task, unit: 'ms', better: 'lower' } as const;
  const alone = 'one thread, without making the pictures';
  return [
    { ...common, subject: 'sluice', samples: ours, note: 'processor time, as below' },
    { ...common, subject: 'swscale', samples: theirs, note: note ?? alone },
  ];
}

/** Processor time of a frame of a graph, less that of its sources alone; or why there is none. */
function ffmpegMs(sources: string, whole: string, frames: number): number | string {
  const seconds = (graph: string): number | string => {
    const words = ['-hide_banner', '-benchmark', '-filter_complex_threads', '1', '-threads', '1'];
    const end = ['-frames:v', String(frames), '-f', 'null', '-'];
    const given = [...words, '-f', 'lavfi', '-i', graph, '-filter_threads', '1', ...end];
    const ran = spawnSync('ffmpeg', given, { encoding: 'utf8' });
    const times = /bench: utime=([\d.]+)s stime=([\d.]+)s/.exec(ran.stderr ?? '');
    if (times === null) return ran.error?.message ?? `ffmpeg ended with ${ran.status}`;
    return Number(times[1]) + Number(times[2]);
  };
  const [all, empty] = [seconds(whole), seconds(sources)];
  if (typeof all === 'string') return all;
  return typeof empty === 'string' ? empty : (Math.max(0, all - empty) * 1000) / frames;
}

/** The same mosaic as a graph of ffmpeg, which has no labels and waits for every input. */
function ffmpegMosaicMs(frames: number): number | string {
  const cells = Array.from({ length: CAMERAS }, (_, index) => index);
  const source = sourceOf('nv12');
  const cell = (index: number): string => `${source},${CELL_FILTER}[c${index}]`;
  const places = cells.map((index) => {
    return `${(index % 4) * CELL_WIDTH}_${Math.floor(index / 4) * CELL_HEIGHT}`;
  });
  const inputs = cells.map((index) => `[c${index}]`).join('');
  const stack = `${inputs}xstack=inputs=${CAMERAS}:layout=${places.join('|')}`;
  return ffmpegMs(source, `${cells.map(cell).join(';')};${stack}`, frames);
}

async function measureMosaic(context: BenchContext): Promise<readonly Measurement[]> {
  const { directory, quick, rounds, log } = context;
  log(`${SUITE}: ${MOSAIC_TASK}`);
  const size = { width: WIDTH, height: HEIGHT, framesPerSecond: FRAMES_PER_SECOND };
  const given: FeederGiven = { directory, cameras: CAMERAS, ...size };
  const feeder = new ChildProgram(FEEDER, given);
  await feeder.next();
  const times = quick ? { warmMs: 100, measureMs: 300 } : { warmMs: 3000, measureMs: 4000 };
  const shown: MosaicGiven = { directory, framesPerSecond: FRAMES_PER_SECOND, ...times, rounds };
  const runner = new ChildProgram(RUNNER, shown);
  const costs: MosaicCost[] = [];
  const theirs: number[] = [];
  let note = 'one thread, without making the pictures; scale and xstack';
  try {
    await runner.next();
    const view = await openSubscriber('bench/mosaic', { format: video(), directory });
    const reading = (async () => {
      for await (const frame of view) void frame.sequence;
    })();
    for (let round = 0; round < rounds; round++) costs.push(await runner.next<MosaicCost>());
    await view.close();
    await reading;
  } finally {
    await runner.stop();
    await feeder.stop();
  }
  for (let round = 0; round < rounds; round++) {
    const their = ffmpegMosaicMs(quick ? 5 : 50);
    if (typeof their === 'number') theirs.push(their);
    else note = their;
  }
  const common = { suite: SUITE, subject: 'sluice' } as const;
  const costMs = costs.map(({ pictureMs }) => pictureMs);
  const cores = costMs.map((milliseconds) => (milliseconds * FRAMES_PER_SECOND) / 1000);
  const rates = costs.map((cost) => cost.picturesPerSecond);
  const time = { task: MOSAIC_COST, unit: 'ms', better: 'lower' } as const;
  const whole = 'all of its process: frames received, cells, labels, the picture published';
  return [
    { ...common, task: MOSAIC_TASK, unit: 'cores', better: 'lower', samples: cores },
    { ...common, ...time, samples: costMs, note: whole },
    { ...common, ...time, subject: 'ffmpeg', samples: theirs, note },
    { ...common, task: MOSAIC_RATE, unit: '/s', better: 'higher', samples: rates },
  ];
}
