/** Host memory: one sealed memfd a pool, slot after slot. */
import { SluiceError, assertInteger } from '../core/index.js';
import { MAX_VIEW_BYTES, closeDescriptor, type Mapping } from '../ffi/index.js';
import type { MemoryDomain, PoolSize, SlotMemory } from './domain.js';
import { READ_ONLY_SEALS, createSealedMemory, importSealedMemory } from './sealed-memory.js';

export { createReaderPage, createSealedRegion, importRegion, type Region } from './region.js';

/** A lease word holds slot + 1 in 32 bits; more slots than this is a mistake. */
const MAX_SLOTS = 65536;
const SLOT_ALIGNMENT = 64;

export const hostMemory: MemoryDomain = Object.freeze({
  memory: 'host' as const,

  createPool(options: PoolSize & { readonly label: string }): SlotMemory {
    const byteLength = poolBytes(options);
    const { mapping, descriptor } = createSealedMemory(options.label, byteLength, READ_ONLY_SEALS);
    return new HostSlots(mapping, descriptor, options);
  },

  importPool(descriptor: number, options: PoolSize): SlotMemory {
    const mapping = importSealedMemory(descriptor, 'read', () => poolBytes(options));
    return new HostSlots(mapping, -1, options);
  },
});

function poolBytes({ slots, slotBytes }: PoolSize): number {
  assertInteger('slots', slots, 1, MAX_SLOTS);
  assertInteger('slotBytes', slotBytes, SLOT_ALIGNMENT, MAX_VIEW_BYTES);
  if (slotBytes % SLOT_ALIGNMENT !== 0) {
    throw new RangeError(`slotBytes must be a multiple of ${SLOT_ALIGNMENT}, got ${slotBytes}`);
  }
  return slots * slotBytes;
}

class HostSlots implements SlotMemory {
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
