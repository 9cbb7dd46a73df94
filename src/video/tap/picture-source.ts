/** Where a tap reads the pictures of a channel: in place, as the publisher's copy in host memory, or on their GPU. */
import { isSluiceError } from '../../core/index.js';
import { frameByteLength, video, type VideoFormat } from '../../format/index.js';
import {
  type FrameSubscriber,
  listChannels,
  type Manifest,
  openSubscriber,
  type SubscriberOptions,
} from '../../bus/index.js';
import { GpuPictures } from './gpu-pictures.js';
import type { PlanePlace } from './picture-fit.js';

export interface PictureSource {
  readonly subscriber: FrameSubscriber<VideoFormat>;
  /** Where pictures are made; undefined: of the frames' bytes, by the processor. */
  readonly gpu: GpuPictures | undefined;
  close(): Promise<void>;
}

/** What clients get of pictures like these, and where its planes are. */
export type PictureTarget = (source: VideoFormat) => {
  readonly target: VideoFormat;
  readonly places: readonly PlanePlace[];
};

type Reading = Pick<SubscriberOptions<unknown>, 'label' | 'signal' | 'directory'>;

/** What keeps this process from reading on the GPU, and the publisher from copying to the host not at all. */
const NOT_HERE = ['CUDA_UNAVAILABLE', 'WRONG_DEVICE', 'ACCESS_DENIED', 'NO_SPACE'] as const;

/**
 * Opens a channel until its publisher ends; one that is not there is waited for. Pictures of a GPU that clients get
 * smaller than they are, are made there: a whole picture would cross to the host for a part of its bytes. Others are
 * copied once by their publisher, which needs no GPU here.
 */
export async function openPictureSource(
  channel: string,
  reading: Reading,
  targetOf: PictureTarget,
): Promise<PictureSource> {
  const directory = reading.directory === undefined ? {} : { directory: reading.directory };
  const [announced] = await listChannels(channel, directory);
  const early = await openOnGpu(channel, announced, reading, targetOf);
  if (early !== undefined) return early;
  const subscriber = await openHost(channel, reading);
  if (subscriber.manifest.instance !== announced?.instance) {
    const late = await openOnGpu(channel, subscriber.manifest, reading, targetOf).catch(
      async (error: unknown) => {
        await subscriber.close();
        throw error;
      },
    );
    if (late !== undefined) {
      await subscriber.close();
      return late;
    }
  }
  return { subscriber, gpu: undefined, close: () => subscriber.close() };
}

function openHost(channel: string, reading: Reading): Promise<FrameSubscriber<VideoFormat>> {
  return openSubscriber(channel, { ...reading, format: video(), copyTo: 'host', whenLost: 'end' });
}

/** Undefined where that would gain nothing, or cannot be done from here. */
async function openOnGpu(
  channel: string,
  manifest: Manifest | undefined,
  reading: Reading,
  targetOf: PictureTarget,
): Promise<PictureSource | undefined> {
  if (manifest?.device === undefined || manifest.memory === 'host') return undefined;
  const { format: source, device } = manifest;
  if (source.kind !== 'video') return undefined;
  const { target, places } = targetOf(source);
  if (places.at(-1)!.end >= frameByteLength(source)) return undefined;
  let gpu: GpuPictures | undefined;
  try {
    gpu = await GpuPictures.open(device.uuid, target, places);
    const subscriber = await openSubscriber(channel, {
      ...reading,
      format: video(),
      stream: gpu.stream,
      whenLost: 'end',
    });
    const opened = gpu;
    return {
      subscriber,
      gpu,
      close: async () => {
        await subscriber.close();
        await opened.close();
      },
    };
  } catch (error) {
    await gpu?.close();
    if (NOT_HERE.some((code) => isSluiceError(error, code))) return undefined;
    throw error;
  }
}
