/** Conversions on the processor, beside those of ffmpeg's swscale, and what a mosaic of many cameras costs. */
import { spawnSync } from 'node:child_process';
import { openSubscriber, video, type VideoFormat } from '../../index.js';
import { videoPlanes } from '../../format/index.js';
import {
  type ConversionPlan,
  PictureConverter,
  planPicture,
  planTensor,
} from '../../pixels/index.js';
import { ChildProgram } from '../child-program.js';
import { type BenchContext, type Measurement, median, type Suite } from '../measurement.js';
import type { FeederGiven } from '../programs-video/camera-feeder.js';
import type { MosaicCost, MosaicGiven } from '../programs-video/mosaic-runner.js';

const SUITE = 'pixels';
const FEEDER = new URL('../programs-video/camera-feeder.js', import.meta.url);
const RUNNER = new URL('../programs-video/mosaic-runner.js', import.meta.url);
const MOSAIC_TASK = '16 cameras of 1080p in a mosaic of 1080p at 25/s';
const MOSAIC_RATE = 'pictures of that mosaic';
const [WIDTH, HEIGHT] = [1920, 1080];
const BOUND_CORES = 1;

const hd = (pixelFormat: 'nv12' | 'rgb24'): VideoFormat =>
  video({ width: WIDTH, height: HEIGHT, pixelFormat });

interface Conversion {
  readonly task: string;
  readonly plan: ConversionPlan;
  readonly targets: () => readonly { readonly bytes: Uint8Array; readonly pitchBytes: number }[];
  /** What ffmpeg does for the same; it makes no tensors, but planes of floats. */
  readonly filters: string;
}

function conversions(): readonly Conversion[] {
  const flags = 'accurate_rnd+full_chroma_int';
  const rgb = hd('rgb24');
  const size = { width: 640, height: 640 };
  const tensor = { ...size, colors: 'rgb', layout: 'chw', dtype: 'f32' } as const;
  return [
    {
      task: '1080p nv12 to rgb24',
      plan: planPicture(hd('nv12'), rgb),
      targets: () =>
        videoPlanes(rgb).map(({ byteLength, pitchBytes }) => {
          return { bytes: new Uint8Array(byteLength), pitchBytes };
        }),
      filters: `scale=flags=bilinear+${flags},format=rgb24`,
    },
    {
      task: '1080p nv12 to 640x640 rgb chw f32',
      plan: planTensor(hd('nv12'), tensor),
      targets: () => [{ bytes: new Uint8Array(640 * 640 * 12), pitchBytes: 2560 }],
      filters: `scale=640:360:flags=area+${flags},format=gbrpf32le,pad=640:640:0:140`,
    },
  ];
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
  const frames = quick ? 3 : 50;
  const [ours, theirs]: [number[], number[]] = [[], []];
  let note: string | undefined;
  for (let frame = 0; frame < frames; frame++) converter.run(source, target);
  for (let round = 0; round < rounds; round++) {
    log(`${SUITE}: ${task}, round ${round + 1} of ${rounds}`);
    const samples = Array.from({ length: frames }, () => {
      const startedMs = performance.now();
      converter.run(source, target);
      return performance.now() - startedMs;
    });
    ours.push(median(samples));
    const their = swscaleMs(filters, quick ? 20 : 200);
    if (typeof their === 'number') theirs.push(their);
    else note = their;
  }
  const common = { suite: SUITE, task, unit: 'ms', better: 'lower' } as const;
  const alone = 'processor time of one thread, without making the pictures';
  return [
    { ...common, subject: 'sluice', samples: ours },
    { ...common, subject: 'swscale', samples: theirs, note: note ?? alone },
  ];
}

/** Processor time of a frame, less that of the same without the filters; or why there is none. */
function swscaleMs(filters: string, frames: number): number | string {
  const source = `nullsrc=s=${WIDTH}x${HEIGHT},format=nv12`;
  const seconds = (graph: string): number | string => {
    const words = ['-hide_banner', '-benchmark', '-threads', '1', '-f', 'lavfi', '-i', graph];
    const end = ['-frames:v', String(frames), '-f', 'null', '-'];
    const ran = spawnSync('ffmpeg', [...words, '-filter_threads', '1', ...end], {
      encoding: 'utf8',
    });
    const times = /bench: utime=([\d.]+)s stime=([\d.]+)s/.exec(ran.stderr ?? '');
    if (times === null) return ran.error?.message ?? `ffmpeg ended with ${ran.status}`;
    return Number(times[1]) + Number(times[2]);
  };
  const [whole, empty] = [seconds(`${source},${filters}`), seconds(source)];
  if (typeof whole === 'string') return whole;
  return typeof empty === 'string' ? empty : (Math.max(0, whole - empty) * 1000) / frames;
}

async function measureMosaic(context: BenchContext): Promise<readonly Measurement[]> {
  const { directory, quick, rounds, log } = context;
  log(`${SUITE}: ${MOSAIC_TASK}`);
  const size = { width: WIDTH, height: HEIGHT, framesPerSecond: 25 };
  const feeder = new ChildProgram(FEEDER, {
    directory,
    cameras: 16,
    ...size,
  } satisfies FeederGiven);
  await feeder.next();
  const times = quick ? { warmMs: 100, measureMs: 300 } : { warmMs: 3000, measureMs: 4000 };
  const given: MosaicGiven = { directory, framesPerSecond: 25, ...times, rounds };
  const runner = new ChildProgram(RUNNER, given);
  const costs: MosaicCost[] = [];
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
  const common = { suite: SUITE, subject: 'sluice' } as const;
  const cores = costs.map((cost) => cost.cores);
  const rates = costs.map((cost) => cost.picturesPerSecond);
  return [
    { ...common, task: MOSAIC_TASK, unit: 'cores', better: 'lower', samples: cores },
    { ...common, task: MOSAIC_RATE, unit: '/s', better: 'higher', samples: rates },
  ];
}
