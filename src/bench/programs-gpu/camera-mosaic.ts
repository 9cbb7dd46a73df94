/** A mosaic of many cameras in the memory of a GPU, in a process of its own: for `gpu-cameras`. */
import { type Mosaic, openMosaic } from '../../video.js';
import { type GpuGiven, serveGpu } from './serve.js';

export interface MosaicGiven extends GpuGiven {
  /** Pattern of the cameras. */
  readonly inputs: string;
  readonly channel: string;
  readonly framesPerSecond: number;
}

/** Since it began. */
export interface MosaicWork {
  /** CPU time of this process. */
  readonly cpuMs: number;
  readonly pictures: number;
  /** Inputs whose pictures come. */
  readonly live: number;
}

function workOf(mosaic: Mosaic): MosaicWork {
  const { user, system } = process.cpuUsage();
  const { published, inputs } = mosaic.stats();
  const live = inputs.filter(({ state }) => state === 'live').length;
  return { cpuMs: (user + system) / 1000, pictures: published, live };
}

await serveGpu<MosaicGiven>(async ({ channel, inputs, device, directory, framesPerSecond }) => {
  const memory = `cuda:${device}` as const;
  const mosaic = await openMosaic(channel, [inputs], { memory, directory, framesPerSecond });
  return { work: () => workOf(mosaic), close: () => mosaic.close() };
});
