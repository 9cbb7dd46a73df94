/**
 * The copy of a CUDA channel in sealed host memory: for readers that asked for it by name, and for those who are not
 * trusted with the memory of the GPU. One copy a frame serves all of them, slot for slot; nothing is copied while
 * nobody reads it.
 */
import {
  copyToHost,
  type GpuDevice,
  onOwnStream,
  registerHostMemory,
  type Registration,
} from '../../gpu/index.js';
import { hostMemory, type SlotMemory } from '../../memory/index.js';

export class HostCopy {
  readonly memory: SlotMemory;
  readonly #device: GpuDevice;
  readonly #source: SlotMemory;
  readonly #registrations: Registration[] = [];

  /** `from`: sequence of the first frame that it will hold. */
  constructor(
    device: GpuDevice,
    source: SlotMemory,
    label: string,
    readonly from: number,
  ) {
    this.#device = device;
    this.#source = source;
    const { slots, slotBytes } = source;
    this.memory = hostMemory.createPool({ label, slots, slotBytes });
    try {
      // Into memory that is not registered the driver copies through a buffer of its own, and blocks this thread.
      for (let slot = 0; slot < slots; slot++) {
        const attempt = `register the host copy of ${label} with the GPU`;
        const view = this.memory.slotView(slot);
        this.#registrations.push(registerHostMemory(view, { device, attempt }));
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get descriptor(): number {
    return this.memory.descriptor;
  }

  /** Enqueues the copy of a slot, behind what fills it. */
  enqueue(stream: number, slot: number, byteLength: number): void {
    const from = Number(this.#source.slotAddress(slot));
    copyToHost(stream, Number(this.memory.slotAddress(slot)), from, byteLength);
  }

  /** Copies a complete frame now, for a reader that comes late: about 20 ms for 1 GB. */
  copyNow(slot: number, byteLength: number): void {
    onOwnStream(this.#device, 'copy the newest frame to host memory', (stream) =>
      this.enqueue(stream, slot, byteLength),
    );
  }

  /** Only when every copy that was enqueued has landed. */
  close(): void {
    for (const registration of this.#registrations) registration.close();
    this.memory.close();
  }
}
