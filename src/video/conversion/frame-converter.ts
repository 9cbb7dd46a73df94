/** Frames of a channel through a plan: by the processor, or on a GPU in the order of a stream. */
import type { Stream } from '../../gpu/index.js';
import type { VideoFormat } from '../../format/index.js';
import { type ConversionPlan, PictureConverter } from '../../pixels/index.js';
import type { VideoFrame } from '../inputs/latest-frames.js';
import { GpuConversion } from './gpu-conversion.js';

/** Memory that is written: bytes for the processor, an address for a GPU. */
export interface ConversionTarget {
  readonly pitchBytes: number;
  /** Only asked for without a stream. */
  readonly bytes: Uint8Array;
  /** Only asked for with a stream. */
  readonly pointer: bigint;
}

/** Makes the plan for a format of the source. */
export type Planner = (source: VideoFormat) => ConversionPlan;

/** Converts the frames of one channel; a new epoch has a new plan. To be closed. */
export class FrameConverter {
  readonly #planner: Planner;
  readonly #stream: Stream | undefined;
  #format: VideoFormat | undefined;
  #converter: PictureConverter | GpuConversion | undefined;

  constructor(planner: Planner, stream: Stream | undefined) {
    this.#planner = planner;
    this.#stream = stream;
  }

  /** The plan for this frame. Throws what planning throws. */
  planFor(frame: VideoFrame): ConversionPlan {
    return this.#converterOf(frame).plan;
  }

  /** Converts; on a GPU that is enqueued, and the frame must be released behind it in the same stream. */
  run(frame: VideoFrame, target: readonly ConversionTarget[]): void {
    const converter = this.#converterOf(frame);
    if (converter instanceof PictureConverter) converter.run(frame.planes, target);
    else converter.run(frame.planes, target, this.#stream!);
  }

  close(): void {
    if (this.#converter instanceof GpuConversion) this.#converter.close();
    this.#converter = undefined;
  }

  #converterOf(frame: VideoFrame): PictureConverter | GpuConversion {
    // The format of an epoch is one object.
    if (this.#converter !== undefined && this.#format === frame.format) return this.#converter;
    this.close();
    const plan = this.#planner(frame.format);
    this.#format = frame.format;
    const stream = this.#stream;
    this.#converter =
      stream === undefined ? new PictureConverter(plan) : new GpuConversion(plan, stream.device);
    return this.#converter;
  }
}
