/** What is drawn over pictures, where detections are: of mosaics and of filters. */
import { assertChannelPattern, assertInteger } from '../../core/index.js';

/** Which detections are drawn over the pictures. */
export interface OverlayOptions {
  /**
   * Channels of detections, or patterns, such as 'detect/*': what they found in the inputs is drawn over them. Default
   * none.
   */
  readonly detections?: readonly string[];
  /**
   * Detections of another frame than the one that is shown: how far apart the two may be, in time of capture. From half
   * of it on they fade. Default 1000.
   */
  readonly maxDetectionAgeMs?: number;
}

export const OVERLAY_OPTIONS = ['detections', 'maxDetectionAgeMs'] as const;

const MAX_CHANNELS = 36;
const MAX_AGE_MS = 2 ** 31 - 1;

/** Throws `TypeError` or `RangeError`. */
export function checkOverlay(options: OverlayOptions): Required<OverlayOptions> {
  const { detections = [], maxDetectionAgeMs = 1000 } = options;
  if (!Array.isArray(detections) || detections.length > MAX_CHANNELS) {
    throw new RangeError(`detections must be at most ${MAX_CHANNELS} channels or patterns`);
  }
  for (const channel of detections) assertChannelPattern(channel);
  assertInteger('maxDetectionAgeMs', maxDetectionAgeMs, 1, MAX_AGE_MS);
  return { detections, maxDetectionAgeMs };
}
