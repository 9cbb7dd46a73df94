/** What happens to a camera while it lives. */
import type { SluiceError } from '../../core/index.js';
import type { VideoFormat } from '../../format/index.js';

/**
 * live: the input gives pictures · format: frames are of this format from here on · lost: the input is gone, and will be
 * opened again · decoder: decoding failed, and goes on at the next key frame where it can.
 */
export type CameraStatus =
  | { readonly type: 'live'; readonly codec: string }
  | { readonly type: 'format'; readonly format: VideoFormat }
  | { readonly type: 'lost'; readonly error: SluiceError; readonly retryInMs: number }
  | { readonly type: 'decoder'; readonly error: SluiceError };
