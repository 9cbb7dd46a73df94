/**
 * What a frame channel has beside its pool when a GPU writes its slots: fences that streams store, a copy in host
 * memory for those who cannot or may not read the GPU's, and slots of host memory that kernels can write.
 */
import { SluiceError } from '../../core/index.js';
import {
  deviceOfStream,
  Event,
  findDevice,
  type GpuDevice,
  isStickyCudaError,
  registerHostMemory,
  type Registration,
  streamHandle,
  streamIdle,
  type StreamLike,
  useDevice,
} from '../../gpu/index.js';
import type { ControlGeometry } from '../../layout/index.js';
import type { Memory, Region, SlotMemory } from '../../memory/index.js';
import { GpuFences } from './gpu-fences.js';
import { HostCopy } from './host-copy.js';

export interface GpuPlacement {
  readonly device: GpuDevice;
  /** Where the slots are: the GPU's own memory, or host memory that it can write. */
  readonly slots: 'device' | 'host';
}

/** Which GPU writes the slots; undefined when none does. Throws `CUDA_UNAVAILABLE` and `WRONG_DEVICE`. */
export function gpuPlacement(
  channel: string,
  memory: Memory = 'host',
  device: number | string | undefined,
): GpuPlacement | undefined {
  const attempt = `publish ${channel}`;
  if (memory !== 'host') return { device: findDevice(memory, attempt), slots: 'device' };
  if (device === undefined) return undefined;
  return { device: findDevice(device, attempt), slots: 'host' };
}

/** The parts of one epoch that the GPU has to do with. */
export interface FrameGpuParts {
  readonly control: Region;
  readonly geometry: ControlGeometry;
  readonly memory: SlotMemory;
  readonly frameBytes: number;
  /** For publishes that name none; by default the legacy default stream. */
  readonly defaultStream: StreamLike | undefined;
}

export class FrameGpu {
  readonly device: GpuDevice;
  readonly fences: GpuFences;
  readonly #channel: string;
  readonly #memory: SlotMemory;
  readonly #frameBytes: number;
  readonly #defaultStream: number;
  /** Slots of host memory as the GPU addresses them. */
  readonly #registrations: Registration[] = [];
  #hostCopy: HostCopy | undefined;
  #checkedStream = -1;

  constructor(
    channel: string,
    placement: GpuPlacement,
    { control, geometry, memory, frameBytes, defaultStream = 0n }: FrameGpuParts,
  ) {
    this.device = placement.device;
    this.#channel = channel;
    this.#memory = memory;
    this.#frameBytes = frameBytes;
    this.#defaultStream = streamHandle(defaultStream);
    useDevice(this.device);
    try {
      if (placement.slots === 'host') this.#registerSlots();
      this.fences = new GpuFences(this.device, control, geometry);
    } catch (error) {
      this.#unregisterSlots();
      throw error;
    }
  }

  /** Where the GPU finds a slot of host memory; undefined for slots in its own memory. */
  devicePointer(slot: number): bigint | undefined {
    const registration = this.#registrations[slot];
    return registration === undefined ? undefined : BigInt(registration.devicePointer);
  }

  /** The stream to publish on. Throws `TypeError` for no stream, `WRONG_DEVICE` for one of another GPU. */
  streamOf(stream: StreamLike | undefined): number {
    const handle = stream === undefined ? this.#defaultStream : streamHandle(stream);
    if (handle === this.#checkedStream) return handle;
    useDevice(this.device);
    const { index } = deviceOfStream(handle);
    if (index !== this.device.index) {
      throw new SluiceError(
        'WRONG_DEVICE',
        `publish(): the stream is one of cuda:${index}, ${this.#channel} is written by cuda:${this.device.index}`,
        {
          details: { streamDevice: index, channelDevice: this.device.index },
          remedy: `Create the stream with device: ${this.device.index}.`,
        },
      );
    }
    this.#checkedStream = handle;
    return handle;
  }

  /** Everything that completes a frame, behind the work that is in `stream`. Before the announcement. */
  enqueue(stream: number, slot: number, sequence: number): void {
    useDevice(this.device);
    this.#hostCopy?.enqueue(stream, slot, this.#frameBytes);
    this.fences.enqueue(stream, slot, sequence);
  }

  get hostCopy(): HostCopy | undefined {
    return this.#hostCopy;
  }

  /** Begins to copy each frame. `newest`: the slot of frame `published` when it is complete now, else -1. */
  startHostCopy(newest: number, published: number): HostCopy {
    useDevice(this.device);
    const from = newest < 0 ? published + 1 : published;
    const copy = new HostCopy(this.device, this.#memory, `sluice-copy:${this.#channel}`, from);
    if (newest >= 0) copy.copyNow(newest, this.#frameBytes);
    this.#hostCopy = copy;
    return copy;
  }

  /** No frame is copied from here on; the memory is the caller's to close once what was enqueued has landed. */
  stopHostCopy(): HostCopy | undefined {
    const copy = this.#hostCopy;
    this.#hostCopy = undefined;
    return copy;
  }

  /** Where the default stream is now: reached when it is through with what it was told so far. */
  mark(): Event {
    const event = Event.create({ device: this.device.index });
    event.record(BigInt(this.#defaultStream));
    return event;
  }

  /** Why this process lost the use of the GPU: then nothing that was enqueued will ever land. */
  get failure(): SluiceError | undefined {
    try {
      useDevice(this.device);
      streamIdle(this.#defaultStream);
      return undefined;
    } catch (error) {
      return isStickyCudaError(error) ? (error as SluiceError) : undefined;
    }
  }

  get failed(): boolean {
    return this.failure !== undefined;
  }

  /** Only when every job has landed. */
  close(): void {
    useDevice(this.device);
    this.#hostCopy?.close();
    this.#hostCopy = undefined;
    this.fences.close();
    this.#unregisterSlots();
  }

  #registerSlots(): void {
    for (let slot = 0; slot < this.#memory.slots; slot++) {
      const attempt = `register the slots of ${this.#channel} with the GPU`;
      const view = this.#memory.slotView(slot);
      this.#registrations.push(registerHostMemory(view, { device: this.device, attempt }));
    }
  }

  #unregisterSlots(): void {
    for (const registration of this.#registrations) registration.close();
    this.#registrations.length = 0;
  }
}
