/** What does not change from frame to frame: words, and the colour of a cell without a picture. */
import { addressOf } from '../../ffi/index.js';
import { copyToDevice, DeviceBuffer, onOwnStream, type Stream } from '../../gpu/index.js';
import { frameByteLength, video, type VideoFormat, videoPlanes } from '../../format/index.js';
import {
  colorOf,
  type ConversionPlan,
  PictureConverter,
  planFill,
  planPicture,
  type Region,
} from '../../pixels/index.js';
import type { ConversionTarget } from '../conversion/frame-converter.js';
import { GpuConversion } from '../conversion/gpu-conversion.js';
import type { LabelPicture } from './label-picture.js';

interface PicturePlane {
  readonly bytes: Uint8Array;
  readonly pitchBytes: number;
}

function planesOf(format: VideoFormat, picture: Uint8Array): readonly PicturePlane[] {
  return videoPlanes(format).map(({ byteOffset, byteLength, pitchBytes }) => {
    return { bytes: picture.subarray(byteOffset, byteOffset + byteLength), pitchBytes };
  });
}

/** Painted into one region of every frame. To be closed. */
export class StillPicture {
  readonly #planes: readonly PicturePlane[];
  readonly #stream: Stream | undefined;
  readonly #converter: PictureConverter | GpuConversion;
  readonly #memory: DeviceBuffer | undefined;

  private constructor(plan: ConversionPlan, bytes: Uint8Array, stream: Stream | undefined) {
    this.#planes = planesOf(plan.source, bytes);
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
    const region = { ...at, width, height };
    if (stream !== undefined) {
      const plan = planPicture(format, target, { fit: 'stretch' }, region);
      return new StillPicture(plan, bytes, stream);
    }
    // Made once in the format of the target: only copied from then on.
    const small = video({ ...target, width, height, color: colorOf(target) });
    const made = new Uint8Array(frameByteLength(small));
    const converter = new PictureConverter(planPicture(format, small, { fit: 'stretch' }));
    converter.run(planesOf(format, bytes), planesOf(small, made));
    return new StillPicture(planPicture(small, target, { fit: 'stretch' }, region), made, stream);
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
    const converter = this.#converter;
    if (converter instanceof PictureConverter) converter.run(this.#planes, target);
    else {
      const pointer = this.#memory!.pointer;
      const { pitchBytes } = this.#planes[0]!;
      converter.run([{ pointer, pitchBytes }], target, this.#stream!);
    }
  }

  /** On a GPU only once the stream is through with it; blocks until then. Twice is harmless. */
  close(): void {
    if (this.#converter instanceof GpuConversion) this.#converter.close();
    this.#memory?.close();
  }
}
