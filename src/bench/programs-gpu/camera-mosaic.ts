/** A mosaic of many cameras in the memory of a GPU, in a process of its own: for `gpu-cameras`. */
import { openSubscriber, video } from '../../index.js';
import { type Mosaic, openMosaic } from '../../video.js';
import { type GpuGiven, serveGpu } from './serve.js';

export interface MosaicGiven extends GpuGiven {
  /** Pattern of the cameras. */
  readonly inputs: string;
  readonly channel: string;
  /** Of its pictures, in pixels. */
  readonly width: number;
  readonly height: number;
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

await serveGpu<MosaicGiven>(async ({ channel, inputs, device, ...options }) => {
  const { directory, width, height, framesPerSecond } = options;
  const picture = { memory: `cuda:${device}`, width, height, framesPerSecond } as const;
  const mosaic = await openMosaic(channel, [inputs], { ...picture, directory });
  // It works while it is watched: also between two measurements.
  const watcher = await openSubscriber(channel, { format: video(), directory });
  const close = async (): Promise<void> => {
    await watcher.close();
    await mosaic.close();
  };
  return { work: () => workOf(mosaic), close };
});
