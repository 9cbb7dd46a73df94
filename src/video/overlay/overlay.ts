/** Draws marks over pictures of one format, on the processor or in the order of a stream. */
import type { Stream } from '../../gpu/index.js';
import type { VideoFormat } from '../../format/index.js';
import type { ConversionTarget } from '../conversion/frame-converter.js';
import { drawOnGpu } from './gpu-overlay.js';
import { drawOnHost } from './host-overlay.js';
import { type Mark, OverlayTarget } from './mark.js';

export class Overlay {
  readonly #target: OverlayTarget;
  readonly #stream: Stream | undefined;

  constructor(format: VideoFormat, stream: Stream | undefined) {
    this.#target = new OverlayTarget(format);
    this.#stream = stream;
  }

  /** Later ones lie over earlier ones. Throws `CUDA_ERROR`. */
  draw(marks: readonly Mark[], planes: readonly ConversionTarget[]): void {
    const shown = marks.filter(({ outline, label }) => (outline ?? label) !== undefined);
    if (shown.length === 0) return;
    if (this.#stream === undefined) drawOnHost(shown, this.#target, planes);
    else drawOnGpu(shown, this.#target, planes, this.#stream);
  }
}
