/**
 * Explicit-state search, breadth first, so that every counterexample is a shortest one. States are byte vectors that
 * are compared in full: nothing is lost to hash collisions.
 */

export interface Model {
  readonly name: string;
  readonly byteLength: number;
  /** Actions are 0..actions - 1. */
  readonly actions: number;
  init(state: Uint8Array): void;
  /** Takes the action in place; false, with the state untouched: it is not enabled. */
  act(state: Uint8Array, action: number): boolean;
  /** Whether the action is a fault, which nobody may count on for progress. */
  isFault(action: number): boolean;
  /** A broken rule in this state. */
  violation(state: Uint8Array): string | undefined;
  /** What is wrong with a state in which nothing but a fault can happen. */
  wrongRest(state: Uint8Array): string | undefined;
  /** A good end: one must stay reachable from every state without faults. */
  isGood(state: Uint8Array): boolean;
  describe(action: number, before: Uint8Array, after: Uint8Array): string;
}

export interface Result {
  readonly name: string;
  /** The rule that was broken; none: the whole space was searched and every rule held. */
  readonly violation: string | undefined;
  readonly states: number;
  readonly steps: number;
  readonly depth: number;
  readonly trace: readonly string[];
}

export interface Bounds {
  readonly maxStates: number;
}

const CHUNK_BITS = 16;
const CHUNK = 1 << CHUNK_BITS;

/** A list of unsigned numbers that grows without being copied. */
class NumberList {
  length = 0;
  private readonly chunks: Uint32Array[] = [];

  push(value: number): void {
    if ((this.length & (CHUNK - 1)) === 0) this.chunks.push(new Uint32Array(CHUNK));
    (this.chunks[this.length >> CHUNK_BITS] as Uint32Array)[this.length & (CHUNK - 1)] = value;
    this.length++;
  }

  get(index: number): number {
    return (this.chunks[index >> CHUNK_BITS] as Uint32Array)[index & (CHUNK - 1)] as number;
  }
}

/** All states met so far, numbered in the order in which they were met. */
class StateTable {
  count = 0;
  private readonly words: number;
  private readonly chunks: Uint32Array[] = [];
  private slots = new Int32Array(1 << 16).fill(-1);

  constructor(readonly byteLength: number) {
    this.words = byteLength / 4;
  }

  private chunkOf(index: number): Uint32Array {
    return this.chunks[index >> CHUNK_BITS] as Uint32Array;
  }

  read(index: number, into: Uint32Array): void {
    const from = (index & (CHUNK - 1)) * this.words;
    const chunk = this.chunkOf(index);
    for (let i = 0; i < this.words; i++) into[i] = chunk[from + i] as number;
  }

  /** The number of a state; the same as `count` before the call when it is new. */
  insert(state: Uint32Array): number {
    const mask = this.slots.length - 1;
    let slot = hash(state, this.words) & mask;
    for (;;) {
      const index = this.slots[slot] as number;
      if (index === -1) break;
      if (this.equals(index, state)) return index;
      slot = (slot + 1) & mask;
    }
    const index = this.count++;
    if ((index & (CHUNK - 1)) === 0) this.chunks.push(new Uint32Array(CHUNK * this.words));
    this.chunkOf(index).set(state, (index & (CHUNK - 1)) * this.words);
    this.slots[slot] = index;
    if (this.count > this.slots.length * 0.6) this.grow();
    return index;
  }

  private equals(index: number, state: Uint32Array): boolean {
    const chunk = this.chunkOf(index);
    const from = (index & (CHUNK - 1)) * this.words;
    for (let i = 0; i < this.words; i++) if (chunk[from + i] !== state[i]) return false;
    return true;
  }

  private grow(): void {
    const slots = new Int32Array(this.slots.length * 2).fill(-1);
    const mask = slots.length - 1;
    const state = new Uint32Array(this.words);
    for (let index = 0; index < this.count; index++) {
      this.read(index, state);
      let slot = hash(state, this.words) & mask;
      while (slots[slot] !== -1) slot = (slot + 1) & mask;
      slots[slot] = index;
    }
    this.slots = slots;
  }
}

function hash(state: Uint32Array, words: number): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < words; i++) {
    h = Math.imul(h ^ (state[i] as number), 0x9e3779b1);
    h ^= h >>> 15;
  }
  h = Math.imul(h ^ (h >>> 13), 0x85ebca6b);
  return (h ^ (h >>> 16)) >>> 0;
}

class Search {
  private readonly states: StateTable;
  private readonly parents = new NumberList();
  private readonly actions = new NumberList();
  /** Steps without faults, as pairs of state numbers. */
  private readonly from = new NumberList();
  private readonly to = new NumberList();
  private readonly current: Uint8Array;
  private readonly currentWords: Uint32Array;
  private readonly next: Uint8Array;
  private readonly nextWords: Uint32Array;
  private steps = 0;
  private depth = 0;

  constructor(
    private readonly model: Model,
    private readonly bounds: Bounds,
  ) {
    const byteLength = Math.ceil(model.byteLength / 4) * 4;
    this.states = new StateTable(byteLength);
    this.current = new Uint8Array(byteLength);
    this.currentWords = new Uint32Array(this.current.buffer);
    this.next = new Uint8Array(byteLength);
    this.nextWords = new Uint32Array(this.next.buffer);
  }

  run(): Result {
    const { states, model } = this;
    model.init(this.next);
    this.add(0, 0);
    let layerEnd = 1;
    for (let index = 0; index < states.count; index++) {
      if (index === layerEnd) {
        this.depth++;
        layerEnd = states.count;
      }
      if (states.count > this.bounds.maxStates) {
        throw new Error(`${model.name}: more than ${this.bounds.maxStates} states`);
      }
      const found = this.expand(index);
      if (found !== undefined) return found;
    }
    return this.checkEnds() ?? this.result(undefined, undefined);
  }

  private add(parent: number, action: number): number {
    const before = this.states.count;
    const index = this.states.insert(this.nextWords);
    if (index === before) {
      this.parents.push(parent);
      this.actions.push(action);
    }
    return index;
  }

  private expand(index: number): Result | undefined {
    const { model, states, current, next } = this;
    states.read(index, this.currentWords);
    next.set(current);
    let moved = false;
    for (let action = 0; action < model.actions; action++) {
      if (!model.act(next, action)) continue;
      this.steps++;
      const count = states.count;
      const reached = this.add(index, action);
      if (reached === count) {
        const violation = model.violation(next);
        if (violation !== undefined) return this.result(violation, reached);
      }
      if (!model.isFault(action)) {
        moved = true;
        this.from.push(index);
        this.to.push(reached);
      }
      next.set(current);
    }
    if (moved) return undefined;
    const wrong = model.wrongRest(current);
    return wrong === undefined ? undefined : this.result(`at rest: ${wrong}`, index);
  }

  /** Marks every state from which a good end can be reached, backwards along the steps. */
  private checkEnds(): Result | undefined {
    const { states, from, to } = this;
    const first = new Uint32Array(states.count + 1);
    for (let i = 0; i < to.length; i++) (first[to.get(i) + 1] as number)++;
    for (let i = 0; i < states.count; i++) (first[i + 1] as number) += first[i] as number;
    const fill = first.slice();
    const sources = new Uint32Array(to.length);
    for (let i = 0; i < to.length; i++) sources[(fill[to.get(i)] as number)++] = from.get(i);
    const marked = new Uint8Array(states.count);
    const open: number[] = [];
    for (let index = 0; index < states.count; index++) {
      states.read(index, this.currentWords);
      if (!this.model.isGood(this.current)) continue;
      marked[index] = 1;
      open.push(index);
    }
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      for (let i = first[index] as number; i < (first[index + 1] as number); i++) {
        const source = sources[i] as number;
        if (marked[source] !== 0) continue;
        marked[source] = 1;
        open.push(source);
      }
    }
    const lost = marked.indexOf(0);
    return lost < 0 ? undefined : this.result('no good end can be reached any more', lost);
  }

  private result(violation: string | undefined, at: number | undefined): Result {
    const { name } = this.model;
    const trace = at === undefined ? [] : this.trace(at);
    const { steps, depth } = this;
    return { name, violation, states: this.states.count, steps, depth, trace };
  }

  private trace(end: number): string[] {
    const path = [end];
    for (let index = end; index !== 0;) path.unshift((index = this.parents.get(index)));
    return path.slice(1).map((index, i) => {
      this.states.read(path[i] as number, this.currentWords);
      this.states.read(index, this.nextWords);
      return this.model.describe(this.actions.get(index), this.current, this.next);
    });
  }
}

/** Searches all states of `model`. Throws when there are more than `maxStates`: an unfinished search proves nothing. */
export function search(model: Model, bounds: Bounds): Result {
  return new Search(model, bounds).run();
}

/** Random walks: a cheap first look that meets most of what a model can do. Returns nothing. */
export function walk(model: Model, walks: number, maxSteps: number): void {
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  const state = new Uint8Array(Math.ceil(model.byteLength / 4) * 4);
  for (let i = 0; i < walks; i++) {
    state.fill(0);
    model.init(state);
    for (let step = 0; step < maxSteps; step++) {
      const first = random(model.actions);
      let action = 0;
      while (action < model.actions) {
        const tried = (first + action) % model.actions;
        // Faults end a walk early, so most are passed over.
        if ((!model.isFault(tried) || random(20) === 0) && model.act(state, tried)) break;
        action++;
      }
      if (action === model.actions || model.violation(state) !== undefined) break;
    }
  }
}
