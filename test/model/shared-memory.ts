/**
 * Shared memory as the checker sees it: stand-ins for the typed arrays that the code under test gets, and `Atomics`
 * over them. Nothing in the code is changed; every access to a stand-in passes through {@link SharedMemory.access}.
 *
 * An access to a word that at least two agents touch and somebody changes (a *point*) is a step: the run records it
 * and stops there, or goes on with the value that an earlier run got. All other words need no step, because no
 * interleaving can make a difference: a word that one agent alone touches is part of that agent's own state (its
 * part of the statistics, the records' metadata), and a word that never changes is a constant. Which words are points
 * is not assumed but found: a run that meets a new one throws {@link NewPoint}, and the search starts again.
 */

import { declareAtom } from './snapshot.js';

export type AccessKind =
  | 'load'
  | 'store'
  | 'exchange'
  | 'compare exchange'
  | 'await'
  | 'send'
  // What GPUs do: one 64-bit store, a wait for a 64-bit word that is at least a value, an addition that orders nothing.
  | 'store pair'
  | 'await pair'
  | 'add'
  | 'await change';

export interface Access {
  readonly kind: AccessKind;
  readonly address: number;
  /** Stored value; `await`: the value waited for, 0 for any other than 0; `await change`: any other than this. */
  readonly value: number;
  /** By `Atomics`: sequentially consistent. */
  readonly atomic: boolean;
  /**
   * `compare exchange`: the value that is replaced. `await`: stored with it in one step. `send`: address of a word that, when not 0, swallows what is sent. Pairs: the
   * high word, which lies at the next address.
   */
  readonly after: number;
}

const ONLY_READS: ReadonlySet<AccessKind> = new Set(['load', 'await pair', 'await change']);

class Stopped extends Error {}
/** Thrown through the code under test when its next step is known. */
export const STOP = new Stopped('the next step is known');

/** A word turned out to be shared: the search starts again with it among the points. */
export class NewPoint extends Error {
  constructor(
    readonly address: number,
    readonly isContended = false,
  ) {
    super(`word ${address} is shared`);
  }
}

/** Thrown through the code under test when a rule is broken. */
class Violation extends Error {}

/** One operation of one agent, run (again) with the values that its accesses got. */
export interface Run {
  readonly agent: number;
  /** Words that this agent alone touches and has changed. Part of its state. */
  readonly own: Map<number, number>;
  readonly values: readonly number[];
  next: number;
  pending: Access | undefined;
  failure: string | undefined;
}

export interface Region {
  readonly base: number;
  readonly length: number;
}

/** Order of a copy's loads: `subarray` loads at once, from the front or from the back. */
export type CopyOrder = 'forward' | 'backward';

interface StandIn {
  readonly memory: SharedMemory;
  readonly base: number;
}

const standIns = new WeakMap<object, StandIn>();

export class SharedMemory {
  /** Values before the first step, by address. */
  readonly image = new Map<number, number>();
  private readonly accessors = new Map<number, number>();
  private readonly changed = new Set<number>();
  private readonly names: { region: Region; name: (index: number) => string }[] = [];
  private end = 0;
  /** The running operation; none during set-up, when accesses go to the image. */
  run: Run | undefined;

  /** By point: who stores there, a bit an agent. */
  private readonly writers = new Map<number, number>();

  constructor(
    readonly points: Set<number>,
    /** Points that more than one agent stores to; found like the points. */
    readonly contended: Set<number>,
    private readonly copyOrder: CopyOrder = 'forward',
    private readonly keepsFences = false,
  ) {
    installAtomics();
  }

  region(length: number, name: (index: number) => string): Region {
    const region = { base: this.end, length };
    this.end += length;
    this.names.push({ region, name });
    return region;
  }

  nameOf(address: number): string {
    const entry = this.names.find(
      ({ region }) => address >= region.base && address < region.base + region.length,
    );
    return entry === undefined ? `word ${address}` : entry.name(address - entry.region.base);
  }

  int32(region: Region): Int32Array {
    return this.standIn(region) as unknown as Int32Array;
  }

  /** 64-bit numbers live in a region of their own; only integers of 32 bits may become points. */
  doubles(region: Region): Float64Array {
    return this.standIn(region) as unknown as Float64Array;
  }

  /** The same words as bytes. Set and taken in whole words. */
  bytes(region: Region): Uint8Array {
    return this.standIn(region, {
      set: (source: Uint8Array, offset = 0) => this.setBytes(region.base, source, offset),
      subarray: (from: number, to: number) => this.takeBytes(region.base, from, to),
      copyWithin: (to: number, from: number, end: number) => {
        this.setBytes(region.base, this.takeBytes(region.base, from, end), to);
      },
    }) as unknown as Uint8Array;
  }

  private standIn(region: Region, methods: Readonly<Record<string, unknown>> = {}): object {
    const bound = region.base + region.length;
    const address = (key: string | symbol): number => {
      const at = region.base + Number(typeof key === 'string' ? key : Number.NaN);
      if (at >= region.base && at < bound) return at;
      return this.fail(`an access outside the memory: ${String(key)}`);
    };
    const proxy = new Proxy(
      {},
      {
        get: (_, key) =>
          typeof key === 'string' && key in methods
            ? methods[key]
            : this.access('load', address(key), 0, false),
        set: (_, key, value: number) => {
          this.access('store', address(key), value, false);
          return true;
        },
      },
    );
    standIns.set(proxy, { memory: this, base: region.base });
    return declareAtom(proxy);
  }

  private setBytes(base: number, source: Uint8Array, offset: number): void {
    const words = new Int32Array(source.slice().buffer);
    for (let i = 0; i < words.length; i++) {
      this.access('store', base + offset / 4 + i, words[i] ?? 0, false);
    }
  }

  /** Loads at the call, not at the use: the code under test copies what it takes in the same expression. */
  private takeBytes(base: number, from: number, to: number): Uint8Array {
    const words = new Int32Array((to - from) / 4);
    for (let i = 0; i < words.length; i++) {
      const at = this.copyOrder === 'forward' ? i : words.length - 1 - i;
      words[at] = this.access('load', base + from / 4 + at, 0, false);
    }
    return new Uint8Array(words.buffer);
  }

  /** Blocks until a word has a value other than 0. */
  awaitWord(array: Int32Array, index: number, value: number): void {
    const base = standIns.get(array)?.base ?? Number.NaN;
    this.access('await', base + index, value, true, value);
  }

  /** Blocks until a word is not 0, takes its value and leaves 0. */
  takeWord(array: Int32Array, index: number): number {
    return this.onPoint('await', array, index, 0);
  }

  /** Blocks while a word has this value: what polls it would only look again. */
  awaitChange(array: Int32Array, index: number, value: number): void {
    this.onPoint('await change', array, index, value);
  }

  /** One 64-bit store of a GPU. */
  storePair(array: Int32Array, index: number, low: number, high: number): void {
    this.onPoint('store pair', array, index, low, high);
  }

  /** A GPU stream waits until a 64-bit word is at least this, by the sign of the difference. */
  awaitPair(array: Int32Array, index: number, low: number, high: number): void {
    this.onPoint('await pair', array, index, low, high);
  }

  /** An atomic addition of a GPU: returns the value before. Other stores may be seen before it or after it. */
  add(array: Int32Array, index: number, value: number): number {
    return this.onPoint('add', array, index, value);
  }

  private onPoint(
    kind: AccessKind,
    array: Int32Array,
    index: number,
    value: number,
    high = 0,
  ): number {
    const address = (standIns.get(array)?.base ?? Number.NaN) + index;
    const isPair = kind === 'store pair' || kind === 'await pair';
    for (const each of isPair ? [address, address + 1] : [address]) {
      if (!this.points.has(each)) throw new NewPoint(each);
    }
    if (kind === 'store pair' && this.run !== undefined && !this.contended.has(address + 1)) {
      this.noteWriter(this.run.agent, address + 1);
    }
    return this.access(kind, address, value | 0, true, high | 0);
  }

  access(kind: AccessKind, address: number, value: number, atomic: boolean, after = 0): number {
    const run = this.run;
    if (run === undefined) {
      const old = this.image.get(address) ?? 0;
      if (kind !== 'load') this.image.set(address, value);
      return old;
    }
    // The code under test may have a `finally`: what it does while the run is being stopped is not its next step.
    if (run.pending !== undefined || run.failure !== undefined) throw STOP;
    if (!this.points.has(address)) {
      // With store buffers an atomic access orders others even on a word that nobody else touches.
      if (atomic && this.keepsFences) throw new NewPoint(address);
      return this.alone(run, kind, address, value, after);
    }
    if (!ONLY_READS.has(kind) && !this.contended.has(address)) this.noteWriter(run.agent, address);
    if (run.next < run.values.length) return run.values[run.next++] as number;
    run.pending = { kind, address, value, atomic, after };
    throw STOP;
  }

  /** A rule is broken: ends the run. */
  fail(rule: string): never {
    if (this.run !== undefined) this.run.failure ??= rule;
    throw new Violation(rule);
  }

  private noteWriter(agent: number, address: number): void {
    const writers = (this.writers.get(address) ?? 0) | (1 << agent);
    this.writers.set(address, writers);
    if ((writers & (writers - 1)) !== 0) throw new NewPoint(address, true);
  }

  /**
   * Whether a load of this point by its only writer: no step of anybody else can come in its way, and nobody can see
   * it, so it needs no step of its own.
   */
  isLocalLoad(agent: number, access: Access): boolean {
    const { kind, address } = access;
    if (kind !== 'load' || this.contended.has(address)) return false;
    if (access.atomic && this.keepsFences) return false;
    return this.writers.get(address) === 1 << agent;
  }

  private alone(
    run: Run,
    kind: AccessKind,
    address: number,
    wanted: number,
    replaced: number,
  ): number {
    const image = this.image.get(address) ?? 0;
    const old = run.own.get(address) ?? image;
    const value = kind === 'compare exchange' && old !== replaced ? old : wanted;
    const accessors = (this.accessors.get(address) ?? 0) | (1 << run.agent);
    this.accessors.set(address, accessors);
    if (kind !== 'load' && value !== old) {
      this.changed.add(address);
      if (value === image) run.own.delete(address);
      else run.own.set(address, value);
    }
    const shared = (accessors & (accessors - 1)) !== 0;
    if (shared && this.changed.has(address)) throw new NewPoint(address);
    return old;
  }
}

/** Reads a word of a payload, in the reader's own memory or in place. */
export function payloadWord(view: Uint8Array, offset: number): number {
  const standIn = standIns.get(view);
  if (standIn !== undefined) {
    return standIn.memory.access('load', standIn.base + offset / 4, 0, false);
  }
  return new DataView(view.buffer, view.byteOffset).getInt32(offset, true);
}

let installed = false;

/** Lets `Atomics` understand stand-ins; on any other array it does what it always did. */
function installAtomics(): void {
  if (installed) return;
  installed = true;
  const real = globalThis.Atomics;
  const over = (array: Int32Array, index: number, access: (at: StandIn) => number): number => {
    const standIn = standIns.get(array);
    if (standIn === undefined) throw new TypeError('Atomics on memory that is not modelled');
    if (!Number.isInteger(index)) throw new TypeError(`Atomics at index ${index}`);
    return access(standIn);
  };
  const shim = {
    load: (array: Int32Array, index: number): number =>
      standIns.has(array)
        ? over(array, index, (at) => at.memory.access('load', at.base + index, 0, true))
        : real.load(array, index),
    store: (array: Int32Array, index: number, value: number): number => {
      if (!standIns.has(array)) return real.store(array, index, value);
      over(array, index, (at) => at.memory.access('store', at.base + index, value | 0, true));
      return value;
    },
    exchange: (array: Int32Array, index: number, value: number): number =>
      standIns.has(array)
        ? over(array, index, (at) => at.memory.access('exchange', at.base + index, value | 0, true))
        : real.exchange(array, index, value),
    compareExchange: (array: Int32Array, index: number, old: number, value: number): number =>
      standIns.has(array)
        ? over(array, index, (at) =>
            at.memory.access('compare exchange', at.base + index, value | 0, true, old | 0),
          )
        : real.compareExchange(array, index, old, value),
  };
  globalThis.Atomics = Object.assign(Object.create(real) as Atomics, shim);
}
