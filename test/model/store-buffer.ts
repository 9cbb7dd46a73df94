/**
 * What a store buffer lets other cores see late.
 *
 * - `sc`: a store is in memory at once.
 * - `tso` (x86-64): plain stores wait in a FIFO per agent and reach memory at any later time; loads see the own ones;
 *   `Atomics.store` and `exchange` are locked and wait until the FIFO is empty.
 * - `arm` (arm64): plain stores reach memory in any order, also before an earlier `Atomics.store` (stlr); that one
 *   waits for all before it; `Atomics.load` (ldar) waits for the own earlier stlr. Loads keep their order
 *   but for one (`System.loadHeadEarly`).
 *
 * Bytes of one agent's buffer: count, then (cell, value, is release) an entry.
 */
export type Ordering = 'sc' | 'tso' | 'arm';

const ENTRY_BYTES = 3;

export class StoreBuffers {
  /** Entries that may be chosen for the next flush. */
  readonly flushes: number;
  private readonly stride: number;

  constructor(
    readonly ordering: Ordering,
    private readonly capacity: number,
    private readonly offset: number,
  ) {
    this.flushes = ordering === 'sc' ? 0 : ordering === 'tso' ? 1 : capacity;
    this.stride = ordering === 'sc' ? 0 : 1 + capacity * ENTRY_BYTES;
  }

  /** Bytes that `agents` buffers take in a state. */
  byteLength(agents: number): number {
    return agents * this.stride;
  }

  isEmpty(state: Uint8Array, agent: number): boolean {
    return this.stride === 0 || this.count(state, agent) === 0;
  }

  private count(state: Uint8Array, agent: number): number {
    return state[this.offset + agent * this.stride] as number;
  }

  private entry(agent: number, index: number): number {
    return this.offset + agent * this.stride + 1 + index * ENTRY_BYTES;
  }

  /** The value that this agent sees in `cell`; memory as the others see it starts at 0 of the state. */
  load(state: Uint8Array, agent: number, cell: number): number {
    if (this.stride !== 0) {
      for (let i = this.count(state, agent) - 1; i >= 0; i--) {
        const at = this.entry(agent, i);
        if (state[at] === cell) return state[at + 1] as number;
      }
    }
    return state[cell] as number;
  }

  /** Whether an `Atomics.load` may run now. */
  mayAcquire(state: Uint8Array, agent: number): boolean {
    if (this.ordering !== 'arm') return true;
    for (let i = 0; i < this.count(state, agent); i++) {
      if (state[this.entry(agent, i) + 2] === 1) return false;
    }
    return true;
  }

  /** False: the store must wait. */
  store(state: Uint8Array, agent: number, cell: number, value: number, atomic: boolean): boolean {
    if (this.ordering === 'sc' || (this.ordering === 'tso' && atomic)) {
      if (!this.isEmpty(state, agent)) return false;
      state[cell] = value;
      return true;
    }
    const count = this.count(state, agent);
    if (count === this.capacity) return false;
    const at = this.entry(agent, count);
    state[at] = cell;
    state[at + 1] = value;
    state[at + 2] = atomic ? 1 : 0;
    state[this.offset + agent * this.stride] = count + 1;
    return true;
  }

  /** Lets entry `index` of an agent reach memory; false when it may not yet. */
  flush(state: Uint8Array, agent: number, index: number): boolean {
    const count = this.count(state, agent);
    if (index >= count) return false;
    const at = this.entry(agent, index);
    const cell = state[at] as number;
    if (index > 0 && state[at + 2] === 1) return false;
    for (let i = 0; i < index; i++) if (state[this.entry(agent, i)] === cell) return false;
    state[cell] = state[at + 1] as number;
    const end = this.entry(agent, count);
    state.copyWithin(at, at + ENTRY_BYTES, end);
    state.fill(0, end - ENTRY_BYTES, end);
    state[this.offset + agent * this.stride] = count - 1;
    return true;
  }

  /** For traces: what would be flushed. */
  describe(state: Uint8Array, agent: number, index: number): { cell: number; value: number } {
    const at = this.entry(agent, index);
    return { cell: state[at] as number, value: state[at + 1] as number };
  }
}
