/** Host memory: one sealed memfd a pool, slot after slot. */
import { SluiceError, assertInteger } from '../core/index.js';
import { addressOf, closeDescriptor, type Mapping } from '../ffi/index.js';
import type { MemoryDomain, PoolImport, PoolSize, SlotMemory } from './domain.js';
import { poolBytes } from './pool-size.js';
import { READ_ONLY_SEALS, createSealedMemory, importSealedMemory } from './sealed-memory.js';

export { createReaderPage, createSealedRegion, importRegion, type Region } from './region.js';

export const hostMemory: MemoryDomain = Object.freeze({
  memory: 'host' as const,

  createPool(options: PoolSize & { readonly label: string }): SlotMemory {
    const byteLength = poolBytes(options);
    const { mapping, descriptor } = createSealedMemory(options.label, byteLength, READ_ONLY_SEALS);
    return new HostSlots(mapping, descriptor, options);
  },

  importPool(descriptor: number, options: PoolImport): SlotMemory {
    const mapping = importSealedMemory(descriptor, 'read', () => poolBytes(options));
    return new HostSlots(mapping, -1, options);
  },
});

class HostSlots implements SlotMemory {
  readonly memory = 'host';
  readonly slots: number;
  readonly slotBytes: number;
  readonly #mapping: Mapping;
  readonly #views: (Uint8Array | undefined)[];
  #descriptor: number;
  #closed = false;

  constructor(mapping: Mapping, descriptor: number, { slots, slotBytes }: PoolSize) {
    this.slots = slots;
    this.slotBytes = slotBytes;
    this.#mapping = mapping;
    this.#descriptor = descriptor;
    this.#views = new Array<Uint8Array | undefined>(slots).fill(undefined);
  }

  get descriptor(): number {
    return this.#descriptor;
  }

  get dataBytes(): number {
    return this.slots * this.slotBytes;
  }

  slotAddress(slot: number): bigint {
    return addressOf(this.slotView(slot));
  }

  slotView(slot: number): Uint8Array {
    return this.#views[slot] ?? this.#makeView(slot);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#views.fill(undefined);
    this.#mapping.close();
    if (this.#descriptor < 0) return;
    closeDescriptor(this.#descriptor);
    this.#descriptor = -1;
  }

  #makeView(slot: number): Uint8Array {
    if (this.#closed)
      throw new SluiceError('CLOSED', `cannot view slot ${slot}: the memory of the pool is closed`);
    assertInteger('slot', slot, 0, this.slots - 1);
    const view = new Uint8Array(this.#mapping.view(slot * this.slotBytes, this.slotBytes));
    this.#views[slot] = view;
    return view;
  }
}
