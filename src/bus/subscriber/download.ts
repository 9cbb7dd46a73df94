/**
 * Copies of GPU frames in private host memory: `toHost()`. By way of a buffer that is registered with the driver,
 * because into other memory the driver would block this thread until the copy is done.
 */
import {
  copyToHost,
  Event,
  type GpuDevice,
  registerHostMemory,
  type Registration,
  Stream,
} from '../../gpu/index.js';
import { addressOf } from '../../ffi/index.js';
import { createSealedRegion, type Region } from '../../memory/index.js';
import { pauseBetweenLooks } from '../fence-poll.js';

export class Download {
  readonly #region: Region;
  readonly #bytes: Uint8Array;
  readonly #registration: Registration;
  readonly #stream: Stream;
  readonly #landed: Event;
  /** One copy at a time goes through the buffer. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(device: GpuDevice, byteLength: number, stream: Stream) {
    this.#stream = stream;
    this.#region = createSealedRegion('sluice-to-host', byteLength);
    this.#bytes = new Uint8Array(this.#region.buffer);
    this.#registration = registerHostMemory(this.#bytes, {
      device,
      attempt: `register ${byteLength} bytes for copies from the GPU`,
    });
    this.#landed = Event.create({ device: device.index });
  }

  static async create(device: GpuDevice, byteLength: number): Promise<Download> {
    const stream = await Stream.create({ device: device.index });
    return new Download(device, byteLength, stream);
  }

  /** A copy of complete memory, which must stay as it is until this resolves. */
  copy(pointer: bigint, byteLength: number): Promise<Uint8Array> {
    const copied = this.#last.then(() => this.#copy(pointer, byteLength));
    this.#last = copied.catch(() => undefined);
    return copied;
  }

  async close(): Promise<void> {
    await this.#last;
    this.#landed.close();
    await this.#stream.close();
    this.#registration.close();
    this.#region.close();
  }

  async #copy(pointer: bigint, byteLength: number): Promise<Uint8Array> {
    const stream = Number(this.#stream.handle);
    copyToHost(stream, Number(addressOf(this.#bytes)), Number(pointer), byteLength);
    this.#landed.record(this.#stream);
    const sinceMs = performance.now();
    while (!this.#landed.reached) await pauseBetweenLooks(sinceMs);
    return this.#bytes.slice(0, byteLength);
  }
}
