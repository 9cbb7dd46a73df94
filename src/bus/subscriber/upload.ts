/**
 * Copies of host frames in the memory of a GPU, for subscribers that name it (`copyTo: 'cuda'`): one private buffer a
 * lease. The slot stays leased until the frame is released, so the copy engine reads what nobody rewrites.
 */
import {
  copyToDevice,
  DeviceBuffer,
  enqueueWaitEvent,
  Event,
  type GpuDevice,
  registerHostMemory,
  type Registration,
  Stream,
  useDevice,
} from '../../gpu/index.js';
import type { SlotMemory } from '../../memory/index.js';
import { DL_DEVICE_CUDA, type DeviceBytes } from '../../tensor/index.js';
import type { FrameLease } from './frame-lease.js';

interface Target {
  readonly buffer: DeviceBuffer;
  readonly bytes: DeviceBytes;
  readonly landed: Event;
}

export class Upload {
  readonly #device: GpuDevice;
  readonly #memory: SlotMemory;
  #stream: Stream | undefined;
  /** By lease word. */
  readonly #targets: (Target | undefined)[] = [];
  /** By slot, registered when it is read first: what the copy engine reads must be. */
  readonly #slots: (Registration | undefined)[] = [];

  constructor(device: GpuDevice, memory: SlotMemory) {
    this.#device = device;
    this.#memory = memory;
  }

  /** Shows the frame as a copy, whose making is enqueued in `stream`, by default one of its own. */
  start(stream: number | undefined, lease: FrameLease, byteLength: number): void {
    const { word, slot } = lease;
    useDevice(this.#device);
    const copying = stream ?? Number((this.#stream ??= Stream.on(this.#device)).handle);
    const target = (this.#targets[word] ??= this.#makeTarget());
    this.#slots[slot] ??= registerHostMemory(this.#memory.slotView(slot), {
      device: this.#device,
      readOnly: true,
      attempt: 'register a received slot with the GPU',
    });
    const from = Number(this.#memory.slotAddress(slot));
    copyToDevice(copying, Number(target.bytes.address), from, byteLength);
    target.landed.record(BigInt(copying));
    lease.showCopy(target.bytes, copying);
  }

  /** Work that is enqueued in `stream` from here on finds the copy made. */
  orderBehind(stream: number, { word }: FrameLease): void {
    useDevice(this.#device);
    const target = this.#targets[word];
    if (target !== undefined) enqueueWaitEvent(stream, target.landed);
  }

  /** Whether the copy of a lease has landed. */
  landed({ word }: FrameLease): boolean {
    useDevice(this.#device);
    return this.#targets[word]?.landed.reached === true;
  }

  /** Only when every copy has landed and nobody uses one. */
  close(): void {
    useDevice(this.#device);
    for (const target of this.#targets) {
      target?.buffer.close();
      target?.landed.close();
    }
    for (const registration of this.#slots) registration?.close();
    void this.#stream?.close();
    this.#targets.length = 0;
    this.#slots.length = 0;
  }

  #makeTarget(): Target {
    const { slotBytes } = this.#memory;
    const { index } = this.#device;
    const buffer = DeviceBuffer.create(slotBytes, { device: index });
    const device = Object.freeze([DL_DEVICE_CUDA, index] as const);
    const bytes = Object.freeze({ byteLength: slotBytes, address: buffer.pointer, device });
    return { buffer, bytes, landed: Event.create({ device: index }) };
  }
}
