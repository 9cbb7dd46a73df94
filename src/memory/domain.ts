/** What the bus needs of a kind of memory. Implementations stand beside this file, one suite tests them all. */

/** Where slots live, as the public options write it. */
export type Memory = 'host' | 'cuda' | `cuda:${string}`;

export interface PoolSize {
  readonly slots: number;
  /** Bytes from one slot to the next, a multiple of 64 (a cache line, and the alignment of every plane). */
  readonly slotBytes: number;
}

export interface MemoryDomain {
  readonly memory: Memory;
  /**
   * New memory for `slots` slots, all zero, writable by this process only. `label` is seen in /proc/PID/maps.
   * Throws `NO_SPACE` before the memory runs out, `TOO_MANY_FILES`, `UNSUPPORTED`.
   */
  createPool(options: PoolSize & { readonly label: string }): SlotMemory;
  /**
   * A pool of another process, to be read only. Owns `descriptor` from the call on: closed after mapping and on
   * failure. Throws `PROTOCOL` when it is not what was announced.
   */
  importPool(descriptor: number, options: PoolImport): SlotMemory;
}

export interface PoolImport extends PoolSize {
  /** Bytes of the whole allocation as its owner announced them; default slots × slotBytes. */
  readonly dataBytes?: number | undefined;
}

/** The slots of a pool as this process sees them. */
export interface SlotMemory extends PoolSize {
  readonly memory: Memory;
  /** Bytes of the whole allocation: slots × slotBytes, rounded up to what the memory is made of. */
  readonly dataBytes: number;
  /** To be passed to readers; belongs to this object. -1 for an imported pool. */
  readonly descriptor: number;
  /**
   * Where a slot begins: for the processor in host memory, for the GPU in its own. `RangeError` for a slot that does
   * not exist, `CLOSED` after close.
   */
  slotAddress(slot: number): bigint;
  /**
   * All bytes of a slot, the same object each time. `RangeError` for a slot that does not exist, `CLOSED` after
   * close, `DEVICE_MEMORY` where the processor cannot read them. In an imported pool a store through it kills the
   * process: never hand out mutators.
   */
  slotView(slot: number): Uint8Array;
  /** Ends it for this process; views that are still held read zeros. Other processes keep theirs. Idempotent. */
  close(): void;
}
