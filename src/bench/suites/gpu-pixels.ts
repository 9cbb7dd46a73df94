/** Conversions on a GPU and the work of a mosaic, by the GPU's own clock. */
import { DeviceBuffer, Event, findDevice, type GpuDevice, Stream } from '../../gpu/index.js';
import { video, type VideoFormat, videoPlanes } from '../../format/index.js';
import { type ConversionPlan, planPicture, planTensor } from '../../pixels/index.js';
import { type DevicePlane, GpuConversion } from '../../video/conversion/gpu-conversion.js';
import { tileRegions } from '../../video/mosaic/tile-layout.js';
import type { BenchContext, Measurement } from '../measurement.js';
import { Findings, gpuSuite, type Subject } from './gpu-suite.js';

const SUITE = 'gpu-pixels';
const MOSAIC = '16 cameras of 1080p in a mosaic of 1080p, GPU time a picture';
const RGB = '1080p nv12 to rgb24, GPU time';
const TENSOR = '1080p nv12 to 640x640 rgb chw f16, GPU time';
const BOUND_MS = 2;
const CAMERAS = 16;

const hd = (pixelFormat: 'nv12' | 'rgb24'): VideoFormat =>
  video({ width: 1920, height: 1080, pixelFormat });

const subjects: readonly Subject[] = [
  { task: MOSAIC, subject: 'sluice', unit: 'ms', better: 'lower', note: 'bilinear' },
  { task: MOSAIC, subject: 'sluice, by area', unit: 'ms', better: 'lower' },
  { task: RGB, subject: 'sluice', unit: 'ms', better: 'lower' },
  { task: TENSOR, subject: 'sluice', unit: 'ms', better: 'lower' },
];

export const gpuPixels = gpuSuite({
  name: SUITE,
  description: 'conversions of pictures on a GPU, and the work of a mosaic of 16 cameras',
  targets: [
    {
      suite: SUITE,
      task: MOSAIC,
      subject: 'sluice',
      text: `≤ ${BOUND_MS} ms`,
      bound: BOUND_MS,
      better: 'lower',
    },
  ],
  run,
});

async function run(context: BenchContext): Promise<readonly Measurement[]> {
  const findings = new Findings(SUITE, subjects, context);
  const device = findDevice(0, 'measure conversions');
  const tensor = { width: 640, height: 640, colors: 'rgb', layout: 'chw', dtype: 'f16' } as const;
  const tiles = (filter: 'bilinear' | 'area'): readonly ConversionPlan[] =>
    tileRegions(CAMERAS, hd('nv12'), 4).map((region) =>
      planPicture(hd('nv12'), hd('nv12'), { filter }, region),
    );
  const parts: readonly (readonly [string, string, readonly ConversionPlan[]])[] = [
    [MOSAIC, 'sluice', tiles('bilinear')],
    [MOSAIC, 'sluice, by area', tiles('area')],
    [RGB, 'sluice', [planPicture(hd('nv12'), hd('rgb24'))]],
    [TENSOR, 'sluice', [planTensor(hd('nv12'), tensor)]],
  ];
  for (const [task, subject, plans] of parts) {
    try {
      for (const ms of await measure(plans, device, context)) findings.add(task, subject, ms);
    } catch (error) {
      findings.fail([task], error, subject);
    }
  }
  return findings.measurements();
}

/** Milliseconds of the GPU for all of these conversions, each of a picture of its own. */
async function measure(
  plans: readonly ConversionPlan[],
  device: GpuDevice,
  context: BenchContext,
): Promise<readonly number[]> {
  await using stream = await Stream.create({ device: device.index });
  const open: { close(): void }[] = [];
  try {
    return await measureOn(stream, plans, context, (resource) => {
      open.push(resource);
      return resource;
    });
  } finally {
    await stream.synchronize().catch(() => undefined);
    for (const resource of open) resource.close();
  }
}

/** `use` takes what has to be closed. */
async function measureOn(
  stream: Stream,
  plans: readonly ConversionPlan[],
  { rounds, quick }: BenchContext,
  use: <T extends { close(): void }>(resource: T) => T,
): Promise<readonly number[]> {
  const { device } = stream;
  const buffer = (byteLength: number): DeviceBuffer =>
    use(DeviceBuffer.create(byteLength, { device: device.index }));
  const target = buffer(1920 * 1088 * 3);
  const jobs = plans.map((plan) => {
    const planes = videoPlanes(plan.source);
    const memory = buffer(planes.reduce((end, plane) => end + plane.byteLength, 0));
    return { conversion: use(new GpuConversion(plan, device)), source: at(memory, planes) };
  });
  const [from, to] = [0, 1].map(() => use(Event.create({ device: device.index, timing: true })));
  // The planes of a mosaic; of the others the first, as wide as theirs or wider.
  const planes = at(target, videoPlanes(plans.length > 1 ? hd('nv12') : hd('rgb24')));
  const convert = (): void => {
    for (const { conversion, source } of jobs) conversion.run(source, planes, stream);
  };
  const repeats = quick ? 1 : 50;
  const samples: number[] = [];
  convert();
  for (let round = 0; round < rounds; round++) {
    await stream.synchronize();
    from!.record(stream);
    for (let repeat = 0; repeat < repeats; repeat++) convert();
    to!.record(stream);
    await stream.synchronize();
    samples.push(to!.elapsedMs(from!) / repeats);
  }
  return samples;
}

function at(
  memory: DeviceBuffer,
  planes: readonly { readonly byteOffset: number; readonly pitchBytes: number }[],
): readonly DevicePlane[] {
  return planes.map(({ byteOffset, pitchBytes }) => {
    return { pointer: memory.pointer + BigInt(byteOffset), pitchBytes };
  });
}
