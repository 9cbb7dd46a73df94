/**
 * GPU memory: one allocation a pool, shared by its POSIX descriptor, slot after slot.
 *
 * A subscriber maps it for reading: an accidental store of its kernels is a fault in its own process. That is no
 * protection from malice, because whoever holds the descriptor chooses the access; who may hold it is decided above.
 */
import { SluiceError, assertInteger } from '../core/index.js';
import { closeDescriptor } from '../ffi/index.js';
import {
  allocateShared,
  type GpuDevice,
  importShared,
  type SharedAllocation,
} from '../gpu/index.js';
import type { Memory, MemoryDomain, PoolImport, PoolSize, SlotMemory } from './domain.js';
import { poolBytes } from './pool-size.js';

/** Pools in the memory of `device`; imports are mapped for the kernels of `device`, wherever the memory lies. */
export function cudaMemory(device: GpuDevice): MemoryDomain {
  const memory: Memory = `cuda:${device.index}`;
  return Object.freeze({
    memory,

    createPool(options: PoolSize & { readonly label: string }): SlotMemory {
      const byteLength = poolBytes(options);
      const attempt = `make ${byteLength} bytes of memory on ${memory} for ${options.label}`;
      return new CudaSlots(allocateShared(device, byteLength, attempt), memory, options);
    },

    importPool(descriptor: number, options: PoolImport): SlotMemory {
      const byteLength = announcedBytes(descriptor, options);
      const attempt = `map received memory on ${memory}`;
      const allocation = importShared(descriptor, { device, byteLength, attempt });
      return new CudaSlots(allocation, memory, options);
    },
  });
}

/** The size of the whole allocation; closes `descriptor` when it cannot be. */
function announcedBytes(descriptor: number, options: PoolImport): number {
  try {
    const needed = poolBytes(options);
    const { dataBytes = needed } = options;
    if (dataBytes >= needed) return dataBytes;
    throw new SluiceError(
      'PROTOCOL',
      `refused received memory: ${dataBytes} bytes were announced for slots of ${needed} bytes`,
      { details: { dataBytes, neededBytes: needed } },
    );
  } catch (error) {
    closeDescriptor(descriptor);
    throw error;
  }
}

class CudaSlots implements SlotMemory {
  readonly memory: Memory;
  readonly slots: number;
  readonly slotBytes: number;
  readonly #allocation: SharedAllocation;
  #closed = false;

  constructor(allocation: SharedAllocation, memory: Memory, { slots, slotBytes }: PoolSize) {
    this.memory = memory;
    this.slots = slots;
    this.slotBytes = slotBytes;
    this.#allocation = allocation;
  }

  get descriptor(): number {
    return this.#closed ? -1 : this.#allocation.descriptor;
  }

  get dataBytes(): number {
    return this.#allocation.byteLength;
  }

  slotAddress(slot: number): bigint {
    if (this.#closed) {
      throw new SluiceError('CLOSED', `cannot use slot ${slot}: the memory of the pool is closed`);
    }
    assertInteger('slot', slot, 0, this.slots - 1);
    return BigInt(this.#allocation.pointer + slot * this.slotBytes);
  }

  slotView(slot: number): Uint8Array {
    const address = this.slotAddress(slot);
    throw new SluiceError(
      'DEVICE_MEMORY',
      `slot ${slot} is at 0x${address.toString(16)} on ${this.memory}, where the processor cannot read it`,
    );
  }

  /** Only when no work that is queued on a stream names the memory any more: it would fault. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#allocation.close();
  }
}
