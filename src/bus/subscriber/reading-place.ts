/**
 * Where a subscriber reads frames: in place, or in a copy that its options name. Decided from the manifest before
 * HELLO, because HELLO says which GPU reads; a subscriber of host channels never loads a CUDA library.
 */
import { SluiceError } from '../../core/index.js';
import type { FormatPattern } from '../../format/index.js';
import {
  canAccess,
  cudaProblem,
  deviceByUuid,
  deviceOfStream,
  findDevice,
  type GpuDevice,
  listDevices,
  streamHandle,
} from '../../gpu/index.js';
import type { Manifest } from '../directory/manifest.js';
import type { SubscriberOptions } from './options.js';

export interface ReadingPlace {
  /** The GPU whose kernels or copy engines read the publisher's memory. */
  readonly device: GpuDevice | undefined;
  /** Waits before the subscriber's work, releases behind it. */
  readonly stream: number | undefined;
  /** Ask for the copy in host memory that the publisher of a CUDA channel makes. */
  readonly hostCopy: boolean;
  /** Copy each frame from host memory to `device` as it comes. */
  readonly upload: boolean;
}

type ReadingOptions = Pick<SubscriberOptions<FormatPattern>, 'stream' | 'device' | 'copyTo'>;

/**
 * `manifest`: undefined when it cannot be read yet.
 * Throws `WRONG_DEVICE` and `CUDA_UNAVAILABLE` where frames could be read neither in place nor as `copyTo` names it.
 */
export function readingPlace(
  channel: string,
  manifest: Pick<Manifest, 'memory' | 'device'> | undefined,
  options: ReadingOptions,
): ReadingPlace {
  const onDevice = manifest !== undefined && manifest.memory !== 'host';
  return onDevice
    ? placeOfDeviceChannel(channel, manifest, options)
    : placeOfHostChannel(channel, options);
}

/** Frames in host memory: in place, or copied to a GPU by name. */
function placeOfHostChannel(channel: string, options: ReadingOptions): ReadingPlace {
  const { copyTo, stream, device } = options;
  if (copyTo !== undefined && copyTo !== 'host') {
    return { ...chosen(channel, options), hostCopy: false, upload: true };
  }
  if (stream === undefined && device === undefined) return IN_PLACE;
  throw new SluiceError(
    'WRONG_DEVICE',
    `cannot read ${channel} on a GPU: its frames are in host memory`,
    {
      details: { channel, memory: 'host' },
      remedy: "Subscribe with copyTo: 'cuda', which copies each frame to the GPU.",
    },
  );
}

/** The processor reads host memory. */
export const IN_PLACE: ReadingPlace = Object.freeze({
  device: undefined,
  stream: undefined,
  hostCopy: false,
  upload: false,
});

function placeOfDeviceChannel(
  channel: string,
  { memory, device: owner }: Pick<Manifest, 'memory' | 'device'>,
  options: ReadingOptions,
): ReadingPlace {
  const { copyTo } = options;
  const where = `${memory} of its publisher (${owner?.name}, ${owner?.uuid})`;
  if (copyTo === 'host') return { ...IN_PLACE, hostCopy: true };
  const unavailable = cudaProblem();
  if (unavailable !== undefined) {
    throw new SluiceError(
      'CUDA_UNAVAILABLE',
      `cannot read ${channel} in place, its frames are on ${where}: ${unavailable.message}`,
      {
        details: { channel, device: owner?.uuid },
        remedy: "Subscribe with copyTo: 'host': the publisher then copies frames to host memory.",
        cause: unavailable,
      },
    );
  }
  const own = owner === undefined ? undefined : deviceByUuid(owner.uuid);
  const named = options.stream ?? options.device ?? copyTo;
  // Without a wish the frames are read where they are.
  const place =
    named === undefined && own !== undefined
      ? { device: own, stream: undefined }
      : chosen(channel, options);
  if (own !== undefined && canAccess(place.device, own)) {
    return { ...place, hostCopy: false, upload: false };
  }
  if (copyTo !== undefined) return { ...place, hostCopy: true, upload: true };
  const seen = listDevices().map(({ index, name, uuid }) => `cuda:${index} ${name} ${uuid}`);
  const why =
    own === undefined
      ? 'this process does not see that GPU'
      : `cuda:${place.device.index} of this process has no peer access to it`;
  throw new SluiceError(
    'WRONG_DEVICE',
    `cannot read ${channel} in place: its frames are on ${where}, and ${why}; it sees ${seen.join(', ')}`,
    {
      details: { channel, device: owner?.uuid, seen },
      remedy:
        "Read on the publisher's GPU (check CUDA_VISIBLE_DEVICES), or subscribe with " +
        `copyTo: 'host' or copyTo: 'cuda:${place.device.index}', which copy each frame.`,
    },
  );
}

/** The GPU that the options name: that of the stream, `device`, or where to copy to. */
function chosen(
  channel: string,
  { stream, device, copyTo }: ReadingOptions,
): { readonly device: GpuDevice; readonly stream: number | undefined } {
  const attempt = `subscribe to ${channel}`;
  const handle = stream === undefined ? undefined : streamHandle(stream);
  const wanted = device ?? copyTo;
  if (handle === undefined) return { device: findDevice(wanted, attempt), stream: undefined };
  const ofStream = deviceOfStream(handle);
  if (wanted !== undefined && wanted !== 'cuda') {
    const named = findDevice(wanted, attempt);
    if (named.index !== ofStream.index) {
      throw new SluiceError(
        'WRONG_DEVICE',
        `cannot ${attempt} on cuda:${named.index}: the stream is one of cuda:${ofStream.index}`,
        { details: { streamDevice: ofStream.index, device: named.index } },
      );
    }
  }
  return { device: ofStream, stream: handle };
}
