/**
 * The fences of one epoch whose slots are written by a GPU: what a publish enqueues on the publisher's stream.
 *
 * Each job ends with stores into memory that this process registered with the driver: one into the reader page of
 * every reader that waits on the GPU, and last the slot's own fence in the control block. So both stay registered,
 * and mapped, until the last job that names them has landed: a stream that stores into memory that is gone faults, and
 * takes the whole process's use of the GPU with it.
 */
import type { ControlGeometry } from '../../layout/index.js';
import { POOL_RECORD_BYTES, Slot } from '../../layout/index.js';
import {
  enqueueWrite64,
  Event,
  type GpuDevice,
  registerHostMemory,
  type Registration,
  useDevice,
} from '../../gpu/index.js';
import type { Region } from '../../memory/index.js';
import { FenceReader, type FenceQueue, FenceWriter } from '../../ring/index.js';

/** A reader that is told of complete frames on the GPU. */
export interface FencedReader {
  readonly registration: Registration;
  /** For readers of this process and thread: an event a slot, recorded instead of a store into a mirror. */
  events: (Event | undefined)[] | undefined;
}

export class GpuFences {
  readonly device: GpuDevice;
  readonly #control: Registration;
  readonly #writer = new FenceWriter<FencedReader>();
  readonly #queue: StreamQueue;

  /** Throws `CUDA_ERROR` when the control block cannot be registered. */
  constructor(device: GpuDevice, control: Region, geometry: ControlGeometry) {
    this.device = device;
    useDevice(device);
    this.#control = registerHostMemory(new Uint8Array(control.buffer), {
      device,
      attempt: 'register the control block of a channel with the GPU',
    });
    const firstFence = this.#control.devicePointer + geometry.recordsOffset + Slot.fenceLow * 4;
    this.#queue = new StreamQueue(device, firstFence);
  }

  /** From here on its mirrors are written with each publish. */
  addReader(page: Region): FencedReader {
    useDevice(this.device);
    const registration = registerHostMemory(new Uint8Array(page.buffer), {
      device: this.device,
      attempt: 'register the page of a subscriber with the GPU',
    });
    const reader: FencedReader = { registration, events: undefined };
    this.#writer.add(reader);
    return reader;
  }

  /** No job names it from here on; those that do may still be under way. */
  removeReader(reader: FencedReader): void {
    this.#writer.remove(reader);
  }

  /** Enqueues what completes a frame, behind the work that is in `stream` already. Before the announcement. */
  enqueue(stream: number, slot: number, sequence: number): void {
    this.#queue.stream = stream;
    this.#writer.enqueue(this.#queue, slot, sequence);
  }

  /** Only when every job has landed. */
  close(): void {
    this.#control.close();
  }
}

/** Gives up what a removed reader was told through. Only when every job that names it has landed. */
export function closeFencedReader({ registration, events }: FencedReader): void {
  registration.close();
  // Slots that were never published in have none.
  for (const event of events ?? []) event?.close();
}

/** `FenceQueue` by stream memory operations; one object, so that a publish allocates nothing. */
class StreamQueue implements FenceQueue<FencedReader> {
  stream = 0;

  constructor(
    private readonly device: GpuDevice,
    /** Address of the fence of slot 0. */
    private readonly firstFence: number,
  ) {}

  writeMirror({ registration, events }: FencedReader, slot: number, sequence: number): void {
    if (events !== undefined) {
      const event = (events[slot] ??= Event.create({ device: this.device.index }));
      event.record(BigInt(this.stream));
      return;
    }
    const address = registration.devicePointer + FenceReader.mirrorOffsetBytes(slot);
    enqueueWrite64(this.stream, address, sequence);
  }

  writeFence(slot: number, sequence: number): void {
    enqueueWrite64(this.stream, this.firstFence + slot * POOL_RECORD_BYTES, sequence);
  }
}
