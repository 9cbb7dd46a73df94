/**
 * Host memory that a GPU can read, for `send()` on a CUDA channel: the bytes are copied into it and go on to the GPU in
 * stream order while this thread goes on. Buffers take turns; one is written again only when its copy has landed.
 */
import { addressOf } from '../../ffi/index.js';
import {
  copyToDevice,
  Event,
  type GpuDevice,
  registerHostMemory,
  useDevice,
} from '../../gpu/index.js';
import { createSealedRegion, type Region } from '../../memory/index.js';

/** More would only hold more memory: copies of one stream land in order. */
const MAX_BUFFERS = 3;

interface Buffer {
  readonly region: Region;
  readonly bytes: Uint8Array;
  readonly address: number;
  readonly landed: Event;
  close(): void;
}

export class Staging {
  readonly #device: GpuDevice;
  readonly #byteLength: number;
  readonly #buffers: Buffer[] = [];
  readonly #count: number;
  #next = 0;

  constructor(device: GpuDevice, byteLength: number, slots: number) {
    this.#device = device;
    this.#byteLength = byteLength;
    this.#count = Math.min(slots, MAX_BUFFERS);
  }

  /**
   * Copies `bytes` to `pointer` behind what is in `stream`. False when every buffer is under way still: the GPU is
   * that many frames behind. It is not waited for, because what it waits for may be this very thread.
   */
  tryCopy(stream: number, pointer: bigint, bytes: Uint8Array): boolean {
    useDevice(this.#device);
    const buffer = this.#take();
    if (buffer === undefined) return false;
    buffer.bytes.set(bytes);
    copyToDevice(stream, Number(pointer), buffer.address, bytes.byteLength);
    buffer.landed.record(BigInt(stream));
    return true;
  }

  /** Only when every copy has landed. */
  close(): void {
    for (const buffer of this.#buffers) buffer.close();
    this.#buffers.length = 0;
  }

  #take(): Buffer | undefined {
    const known = this.#buffers[this.#next];
    if (known?.landed.reached === false) return undefined;
    this.#next = (this.#next + 1) % this.#count;
    if (known !== undefined) return known;
    const buffer = this.#make();
    this.#buffers.push(buffer);
    return buffer;
  }

  #make(): Buffer {
    const region = createSealedRegion('sluice-staging', this.#byteLength);
    const bytes = new Uint8Array(region.buffer);
    try {
      const attempt = `register ${this.#byteLength} bytes for copies to the GPU`;
      const registration = registerHostMemory(bytes, { device: this.#device, attempt });
      const landed = Event.create({ device: this.#device.index });
      return {
        region,
        bytes,
        address: Number(addressOf(bytes)),
        landed,
        close() {
          landed.close();
          registration.close();
          region.close();
        },
      };
    } catch (error) {
      region.close();
      throw error;
    }
  }
}
