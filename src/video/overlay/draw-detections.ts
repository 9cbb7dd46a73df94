/** What was found in a picture, drawn over a picture of one's own. */
import type { VideoFormat } from '../../format/index.js';
import type { Detections } from '../detections/detections.js';
import { detectionMarks } from './detection-marks.js';
import { drawOnHost } from './host-overlay.js';
import { OverlayTarget } from './mark.js';

/**
 * Draws boxes, labels and scores over a picture in host memory, as a mosaic does. The picture is that in which they were
 * found, in any size; `planes` are those of `format`, and written. Throws `UNSUPPORTED` for colours that cannot be converted.
 */
export function drawDetections(
  found: Detections,
  format: VideoFormat,
  planes: readonly { readonly bytes: Uint8Array; readonly pitchBytes: number }[],
): void {
  const { width, height } = format;
  const marks = detectionMarks([{ value: found, opacity: 256 }], { x: 0, y: 0, width, height });
  drawOnHost(marks, new OverlayTarget(format), planes);
}
