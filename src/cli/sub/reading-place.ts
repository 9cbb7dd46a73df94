/** Where `sluice sub` reads frames: it prints or stores bytes, so those of a GPU are copied unless told otherwise. */
import { SluiceError } from '../../core/index.js';
import type { FrameFormat, MessageFormat } from '../../format/index.js';
import type { Manifest } from '../../bus/directory/manifest.js';
import { type GpuName, type MemoryName, withRemedy } from '../gpu-options.js';

export interface PlaceOptions {
  /** Read in place on this GPU. */
  readonly device?: GpuName;
  readonly copyTo?: MemoryName;
}

type Kind = FrameFormat['kind'] | MessageFormat['kind'];

const FRAME_KINDS: readonly Kind[] = ['video', 'tensor', 'audio'];

/** What a subscriber of this kind of channel is opened with. */
export function readingOptions(kind: Kind, { device, copyTo }: PlaceOptions): PlaceOptions {
  if (device !== undefined) return { device };
  if (copyTo !== undefined) return { copyTo };
  return FRAME_KINDS.includes(kind) ? { copyTo: 'host' } : {};
}

/** That frames are copied, and where: nothing copies silently. Undefined when they are not, or it depends on GPUs. */
export function copyNotice(
  { channel, kind, memory }: Pick<Manifest, 'channel' | 'kind' | 'memory'>,
  { device, copyTo = 'host' }: PlaceOptions,
): string | undefined {
  if (kind === 'message' || device !== undefined) return undefined;
  if (memory === 'host') {
    if (copyTo === 'host') return undefined;
    return `${channel} is in host memory; copying each frame to ${copyTo}`;
  }
  if (copyTo !== 'host') return undefined;
  return `${channel} is on ${memory}; reading a copy in host memory`;
}

/** A failure to read there, with the options of this command as its remedy. */
export function placeFailure(error: unknown): unknown {
  return withRemedy(error, {
    CUDA_UNAVAILABLE: 'Leave --device and --copy-to out: then a copy in host memory is read.',
    WRONG_DEVICE: remedyOfPlace(error),
  });
}

function remedyOfPlace(error: unknown): string {
  const details = error instanceof SluiceError ? error.details : {};
  if (details['which'] !== undefined) return 'Name one of these; `sluice doctor` shows them.';
  if (details['memory'] === 'host') {
    return 'Leave --device out, or copy each frame to a GPU with --copy-to cuda.';
  }
  return 'Name another --device, or copy each frame: --copy-to cuda:N, or neither for host memory.';
}
