/** What does not change from frame to frame: words, and the colour of a cell without a picture. */
import { addressOf } from '../../ffi/index.js';
import { copyToDevice, DeviceBuffer, onOwnStream, type Stream } from '../../gpu/index.js';
import { type VideoFormat, videoPlanes } from '../../format/index.js';
import {
  type ConversionPlan,
  PictureConverter,
  planFill,
  planPicture,
  type Region,
} from '../../pixels/index.js';
import type { ConversionTarget } from '../conversion/frame-converter.js';
import { GpuConversion } from '../conversion/gpu-conversion.js';
import type { LabelPicture } from './label-picture.js';

/** Painted into one region of every frame. To be closed. */
export class StillPicture {
  readonly #bytes: Uint8Array;
  readonly #pitchBytes: number;
  readonly #stream: Stream | undefined;
  readonly #converter: PictureConverter | GpuConversion;
  readonly #memory: DeviceBuffer | undefined;

  private constructor(plan: ConversionPlan, bytes: Uint8Array, stream: Stream | undefined) {
    this.#bytes = bytes;
    this.#pitchBytes = videoPlanes(plan.source)[0]!.pitchBytes;
    this.#stream = stream;
    if (stream === undefined) {
      this.#converter = new PictureConverter(plan);
      return;
    }
    const { device } = stream;
    this.#converter = new GpuConversion(plan, device);
    const memory = DeviceBuffer.create(bytes.byteLength, { device: device.index });
    this.#memory = memory;
    onOwnStream(device, 'copy a label to the GPU', (own) =>
      copyToDevice(own, Number(memory.pointer), Number(addressOf(bytes)), bytes.byteLength),
    );
  }

  /** Words, with the upper left corner at a pixel of the target. */
  static label(
    { format, bytes }: LabelPicture,
    target: VideoFormat,
    at: { readonly x: number; readonly y: number },
    stream: Stream | undefined,
  ): StillPicture {
    const { width, height } = format;
    const plan = planPicture(format, target, { fit: 'stretch' }, { ...at, width, height });
    return new StillPicture(plan, bytes, stream);
  }

  static color(
    color: readonly [number, number, number],
    target: VideoFormat,
    region: Region,
    stream: Stream | undefined,
  ): StillPicture {
    const plan = planFill(target, color, region);
    return new StillPicture(plan, new Uint8Array(videoPlanes(plan.source)[0]!.byteLength), stream);
  }

  paint(target: readonly ConversionTarget[]): void {
    const pitchBytes = this.#pitchBytes;
    const converter = this.#converter;
    if (converter instanceof PictureConverter) {
      converter.run([{ bytes: this.#bytes, pitchBytes }], target);
    } else {
      converter.run([{ pointer: this.#memory!.pointer, pitchBytes }], target, this.#stream!);
    }
  }

  /** On a GPU only once the stream is through with it; blocks until then. Twice is harmless. */
  close(): void {
    if (this.#converter instanceof GpuConversion) this.#converter.close();
    this.#memory?.close();
  }
}
