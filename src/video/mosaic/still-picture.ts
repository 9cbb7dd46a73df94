/** The colour of a cell without a picture: it does not change from frame to frame. */
import type { Stream } from '../../gpu/index.js';
import type { VideoFormat } from '../../format/index.js';
import {
  type ConversionPlan,
  PictureConverter,
  planFill,
  type Region,
} from '../../pixels/index.js';
import type { ConversionTarget } from '../conversion/frame-converter.js';
import { GpuConversion } from '../conversion/gpu-conversion.js';

/** What the plan of a fill does not look at. */
const NOWHERE = Object.freeze([{ bytes: new Uint8Array(64), pitchBytes: 64, pointer: 0n }]);

/** Painted into one region of every frame. To be closed. */
export class StillPicture {
  readonly #stream: Stream | undefined;
  readonly #converter: PictureConverter | GpuConversion;

  constructor(
    color: readonly [number, number, number],
    target: VideoFormat,
    region: Region,
    stream: Stream | undefined,
  ) {
    const plan: ConversionPlan = planFill(target, color, region);
    this.#stream = stream;
    this.#converter =
      stream === undefined ? new PictureConverter(plan) : new GpuConversion(plan, stream.device);
  }

  paint(target: readonly ConversionTarget[]): void {
    const converter = this.#converter;
    if (converter instanceof PictureConverter) converter.run(NOWHERE, target);
    else converter.run(NOWHERE, target, this.#stream!);
  }

  /** On a GPU only once the stream is through with it; blocks until then. Twice is harmless. */
  close(): void {
    if (this.#converter instanceof GpuConversion) this.#converter.close();
  }
}
