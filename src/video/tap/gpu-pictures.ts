/**
 * Pictures of a GPU made there as a tap wants them, so that only what clients read crosses to the host.
 *
 * ```text
 *  slot of the channel ── kernel ──▶ picture in GPU memory ── copy ──▶ registered memory ──▶ memory of the tap
 *       given back in the order of the stream ▲                          one picture, rewritten by the next
 * ```
 *
 * One picture is under way at a time: `make` is not called before the one before it has resolved.
 */
import type { VideoFormat } from '../../format/index.js';
import {
  copyToHost,
  DeviceBuffer,
  type GpuDevice,
  registerHostMemory,
  type Registration,
  Stream,
  useDevice,
} from '../../gpu/index.js';
import { planPicture } from '../../pixels/index.js';
import type { Frame } from '../../bus/index.js';
import { addressOf } from '../../ffi/index.js';
import { GpuConversion } from '../conversion/gpu-conversion.js';
import { pixelsKernel } from '../conversion/shipped-kernel.js';
import type { PlanePlace } from './picture-fit.js';

export class GpuPictures implements AsyncDisposable {
  readonly stream: Stream;
  readonly #target: VideoFormat;
  readonly #places: readonly PlanePlace[];
  readonly #picture: DeviceBuffer;
  readonly #landing: Uint8Array;
  readonly #registration: Registration;
  #source: VideoFormat | undefined;
  #conversion: GpuConversion | undefined;

  /** Rejects with `CUDA_UNAVAILABLE`, `WRONG_DEVICE`, `CUDA_ERROR`, `NO_SPACE`. `device`: as for `Stream.create`. */
  static async open(
    device: string,
    target: VideoFormat,
    places: readonly PlanePlace[],
  ): Promise<GpuPictures> {
    const stream = await Stream.create({ device });
    try {
      pixelsKernel(stream.device);
      return new GpuPictures(stream, target, places);
    } catch (error) {
      await stream.close();
      throw error;
    }
  }

  private constructor(stream: Stream, target: VideoFormat, places: readonly PlanePlace[]) {
    this.stream = stream;
    this.#target = target;
    this.#places = places;
    const byteLength = places.at(-1)!.end;
    this.#landing = new Uint8Array(byteLength);
    const { device } = stream;
    this.#picture = DeviceBuffer.create(byteLength, { device: device.index });
    try {
      const attempt = 'register memory for the pictures of a tap';
      this.#registration = registerHostMemory(this.#landing, { device, attempt });
    } catch (error) {
      this.#picture.close();
      throw error;
    }
  }

  /**
   * Fills `into` with the picture of `frame`, and gives the frame back. Rejects with `UNSUPPORTED` for
   * colours that cannot be converted, `CUDA_ERROR`.
   */
  async make(frame: Frame<VideoFormat>, into: Uint8Array): Promise<void> {
    try {
      const { device } = this.stream;
      const base = this.#picture.pointer;
      const planes = this.#places.map(({ start, pitchBytes }) => {
        return { pointer: base + BigInt(start), pitchBytes };
      });
      this.#conversionOf(frame.format, device).run(frame.planes, planes, this.stream);
      useDevice(device);
      const landing = Number(addressOf(this.#landing));
      copyToHost(Number(this.stream.handle), landing, Number(base), this.#landing.byteLength);
    } finally {
      // In the order of the stream: behind the kernel that reads it.
      if (!frame.released) frame.release();
    }
    await this.stream.synchronize();
    into.set(this.#landing);
  }

  async close(): Promise<void> {
    await this.stream.close();
    this.#conversion?.close();
    this.#conversion = undefined;
    this.#registration.close();
    this.#picture.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #conversionOf(source: VideoFormat, device: GpuDevice): GpuConversion {
    // The format of an epoch is one object.
    if (this.#conversion !== undefined && this.#source === source) return this.#conversion;
    const plan = planPicture(source, this.#target);
    this.#conversion?.close();
    this.#source = source;
    return (this.#conversion = new GpuConversion(plan, device));
  }
}
