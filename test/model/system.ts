/**
 * A publisher and its readers as one model: the points of the shared memory, the sockets, where each agent stands, and
 * their store buffers. The faults are the ends of processes: at any step, noticed by the others at any time later,
 * when everything that the dead one stored has reached memory.
 */
import { Automata, DEAD, type Node, type Option, type Program, type Summary } from './automaton.js';
import type { Model } from './search.js';
import type { Access } from './shared-memory.js';
import { type Ordering, StoreBuffers } from './store-buffer.js';
import type { World } from './world.js';

export interface SystemOptions {
  readonly name: string;
  readonly ordering?: Ordering;
  /** Entries of a store buffer. */
  readonly bufferEntries?: number;
  /** Agents that may die, each at any step. */
  readonly crashes?: readonly ('publisher' | number)[];
  /** A planted fault: the sockets of these readers may end while the processes go on reading. */
  readonly shuts?: readonly number[];
}

type Action =
  | { readonly kind: 'step'; readonly agent: number; readonly option: number }
  | { readonly kind: 'flush'; readonly agent: number; readonly entry: number }
  | { readonly kind: 'early'; readonly agent: number }
  | { readonly kind: 'crash'; readonly agent: number }
  | { readonly kind: 'shut'; readonly agent: number }
  | { readonly kind: 'teardown'; readonly agent: number }
  | { readonly kind: 'end'; readonly agent: number };

/** Most moves of an agent at one place. */
const MAX_OPTIONS = 6;
const NODE_BYTES = 3;

export class System implements Model {
  readonly name: string;
  readonly byteLength: number;
  readonly actions: number;
  readonly automata: Automata;
  private readonly table: Action[] = [];
  /** By cell: its address. Cells are the first bytes of a state; each holds a value's number. */
  private readonly addresses: number[];
  private readonly cells = new Map<number, number>();
  private readonly values: number[] = [0];
  private readonly numbers = new Map<number, number>([[0, 0]]);
  private readonly nodeBase: number;
  private readonly buffers: StoreBuffers;
  private readonly secondWake: number;
  /** By agent: a head that was loaded early. */
  private readonly earlyBase: number;
  private readonly head: number;
  private readonly starts: readonly number[];

  constructor(
    private readonly world: World,
    options: SystemOptions,
  ) {
    this.name = options.name;
    this.automata = new Automata(world.memory, world.programs);
    this.addresses = [...world.memory.points].toSorted((a, b) => a - b);
    for (const [cell, address] of this.addresses.entries()) this.cells.set(address, cell);
    this.head = this.cellOf(world.head);
    this.secondWake = this.addresses.length;
    this.earlyBase = this.secondWake + 1;
    const agents = world.programs.length;
    this.nodeBase = this.earlyBase + agents;
    const end = this.nodeBase + agents * NODE_BYTES;
    this.buffers = new StoreBuffers(options.ordering ?? 'sc', options.bufferEntries ?? 3, end);
    this.byteLength = end + this.buffers.byteLength(agents);
    this.starts = world.programs.map((_, agent) => this.automata.start(agent));
    this.listActions(options);
    this.actions = this.table.length;
  }

  private listActions(options: SystemOptions): void {
    const { table } = this;
    for (let agent = 0; agent < this.world.programs.length; agent++) {
      for (let option = 0; option < MAX_OPTIONS; option++) {
        table.push({ kind: 'step', agent, option });
      }
      for (let entry = 0; entry < this.buffers.flushes; entry++) {
        table.push({ kind: 'flush', agent, entry });
      }
      if (this.buffers.ordering === 'arm') table.push({ kind: 'early', agent });
    }
    for (const who of options.crashes ?? []) {
      const agent = who === 'publisher' ? 0 : who + 1;
      table.push({ kind: 'crash', agent }, { kind: 'end', agent });
      if (this.streamsOf(agent).length > 0) table.push({ kind: 'teardown', agent });
    }
    for (const reader of options.shuts ?? []) table.push({ kind: 'shut', agent: reader + 1 });
  }

  /** Agents that are streams of this one. */
  private streamsOf(agent: number): readonly number[] {
    const first = this.world.sockets.readers + 1;
    const streams = this.world.streams ?? [];
    return streams.flatMap(({ owner }, index) => (owner === agent ? [first + index] : []));
  }

  private cellOf(address: number): number {
    const cell = this.cells.get(address);
    if (cell === undefined) throw new Error(`${this.world.memory.nameOf(address)} is no point`);
    return cell;
  }

  private numberOf(value: number): number {
    const known = this.numbers.get(value);
    if (known !== undefined) return known;
    const number = this.values.push(value) - 1;
    if (number > 255) throw new Error('more than 255 different values');
    this.numbers.set(value, number);
    return number;
  }

  private valueIn(state: Uint8Array, cell: number): number {
    return this.values[state[cell] as number] as number;
  }

  private nodeId(state: Uint8Array, agent: number): number {
    const at = this.nodeBase + agent * NODE_BYTES;
    const low = (state[at] as number) | ((state[at + 1] as number) << 8);
    return low | ((state[at + 2] as number) << 16);
  }

  private node(state: Uint8Array, agent: number): Node {
    return this.automata.nodes[this.nodeId(state, agent)] as Node;
  }

  private moveTo(state: Uint8Array, agent: number, node: number): void {
    const at = this.nodeBase + agent * NODE_BYTES;
    state[at] = node & 0xff;
    state[at + 1] = (node >> 8) & 0xff;
    state[at + 2] = node >> 16;
  }

  init(state: Uint8Array): void {
    for (const [cell, address] of this.addresses.entries()) {
      state[cell] = this.numberOf(this.world.memory.image.get(address) ?? 0);
    }
    for (const [agent, node] of this.starts.entries()) this.moveTo(state, agent, node);
  }

  isFault(action: number): boolean {
    const { kind } = this.table[action] as Action;
    return kind === 'crash' || kind === 'shut';
  }

  act(state: Uint8Array, id: number): boolean {
    const action = this.table[id] as Action;
    switch (action.kind) {
      case 'step':
        return this.step(state, action.agent, action.option);
      case 'flush':
        return this.buffers.flush(state, action.agent, action.entry);
      case 'early':
        return this.loadHeadEarly(state, action.agent);
      case 'crash':
        return this.crash(state, action.agent);
      case 'end':
        return this.endOfSocket(state, action.agent);
      case 'shut':
        return this.setClosed(state, action.agent - 1);
      case 'teardown':
        return this.tearDown(state, action.agent);
    }
  }

  private crash(state: Uint8Array, agent: number): boolean {
    const { summary } = this.node(state, agent);
    // A publisher that has announced its last frame may still have work queued.
    const isThrough = summary.ended === true && (agent > 0 || this.streamsOf(0).length === 0);
    if (this.nodeId(state, agent) === DEAD || isThrough || summary.phase === 'join') return false;
    this.moveTo(state, agent, DEAD);
    this.takeEarly(state, agent);
    return true;
  }

  private tearDown(state: Uint8Array, agent: number): boolean {
    if (this.nodeId(state, agent) !== DEAD) return false;
    let any = false;
    for (const stream of this.streamsOf(agent)) {
      if (this.nodeId(state, stream) === DEAD) continue;
      this.moveTo(state, stream, DEAD);
      any = true;
    }
    const streams = this.world.streams ?? [];
    for (const { owner, exited } of streams) {
      if (owner === agent) state[this.cellOf(exited)] = this.numberOf(1);
    }
    return any;
  }

  private endOfSocket(state: Uint8Array, agent: number): boolean {
    if (this.nodeId(state, agent) !== DEAD || !this.buffers.isEmpty(state, agent)) return false;
    const { sockets } = this.world;
    if (agent > 0) return this.setClosed(state, agent - 1);
    let any = false;
    for (let reader = 0; reader < sockets.readers; reader++) {
      const cell = this.cellOf(sockets.endedAt(reader));
      if (state[cell] !== 0) continue;
      state[cell] = this.numberOf(1);
      any = true;
    }
    return any;
  }

  private setClosed(state: Uint8Array, reader: number): boolean {
    const cell = this.cellOf(this.world.sockets.closedBy(reader));
    if (state[cell] !== 0 || this.node(state, reader + 1).summary.phase === 'join') return false;
    state[cell] = this.numberOf(1);
    return true;
  }

  private step(state: Uint8Array, agent: number, optionIndex: number): boolean {
    let reached = this.take(state, agent, this.nodeId(state, agent), optionIndex);
    if (reached < 0) return false;
    for (;;) {
      const { options } = this.automata.nodes[reached] as Node;
      const access = options.length === 1 ? options[0]?.access : undefined;
      if (access === undefined || !this.world.memory.isLocalLoad(agent, access)) break;
      const next = this.take(state, agent, reached, 0);
      if (next < 0) break;
      reached = next;
    }
    this.moveTo(state, agent, reached);
    return true;
  }

  /** The node after an option of node `id`, or -1 when it cannot be taken now. */
  private take(state: Uint8Array, agent: number, id: number, optionIndex: number): number {
    const option = (this.automata.nodes[id] as Node).options[optionIndex];
    if (option === undefined) return -1;
    const value = option.access === undefined ? 0 : this.perform(state, agent, option);
    if (value < 0) return -1;
    const known = option.next.get(value);
    if (known !== undefined) return known;
    return this.automata.after(id, optionIndex, value, this.values[value] as number);
  }

  /** The number of the value that the access returns, or -1 when it cannot happen now. */
  private perform(state: Uint8Array, agent: number, option: Option): number {
    const { buffers } = this;
    const access = option.access as NonNullable<Option['access']>;
    const cell = this.cellOf(access.address);
    const early = access.atomic ? this.takeEarly(state, agent) : 0;
    if (early !== 0 && access.kind === 'load' && cell === this.head) return early - 1;
    switch (access.kind) {
      case 'load':
        if (access.atomic && !buffers.mayAcquire(state, agent)) return -1;
        return buffers.load(state, agent, cell);
      case 'store': {
        const number = this.numberOf(access.value);
        return buffers.store(state, agent, cell, number, access.atomic) ? 0 : -1;
      }
      case 'exchange': {
        if (!buffers.isEmpty(state, agent)) return -1;
        const old = state[cell] as number;
        state[cell] = this.numberOf(access.value);
        return old;
      }
      case 'compare exchange': {
        if (!buffers.isEmpty(state, agent)) return -1;
        const old = state[cell] as number;
        if (this.values[old] === access.after) state[cell] = this.numberOf(access.value);
        return old;
      }
      case 'await': {
        const old = state[cell] as number;
        if (old === 0 || (access.value !== 0 && old !== this.numberOf(access.value))) return -1;
        state[cell] = this.numberOf(access.after);
        if (access.after === 2 && agent === 0) this.forgetPage(state, access.address);
        return old;
      }
      case 'send':
        return this.send(state, agent, cell, this.cellOf(access.after));
      case 'await change':
        return state[cell] === this.numberOf(access.value) ? -1 : 0;
      case 'store pair':
        state[cell] = this.numberOf(access.value);
        state[this.cellOf(access.address + 1)] = this.numberOf(access.after);
        return 0;
      case 'await pair':
        return this.isAtLeast(state, access) ? 0 : -1;
      case 'add': {
        const old = state[cell] as number;
        state[cell] = this.numberOf((this.values[old] as number) + access.value);
        return old;
      }
    }
  }

  /** As a GPU compares: the difference of the two 64-bit words is not negative. */
  private isAtLeast(state: Uint8Array, { address, value, after }: Access): boolean {
    const low = this.valueIn(state, this.cellOf(address));
    const high = this.valueIn(state, this.cellOf(address + 1));
    const borrow = low >>> 0 < value >>> 0 ? 1 : 0;
    return ((high - after - borrow) | 0) >= 0;
  }

  /**
   * arm64: an `Atomics.load` (ldar) may be done before plain loads that stand in front of it. Of these loads only that
   * of the head after a copy matters. No other atomic access lets it pass.
   */
  private loadHeadEarly(state: Uint8Array, agent: number): boolean {
    const at = this.earlyBase + agent;
    const { options } = this.node(state, agent);
    const access = options.length === 1 ? options[0]?.access : undefined;
    const isBeforeLoad = access !== undefined && access.kind === 'load' && !access.atomic;
    if (!isBeforeLoad || state[at] !== 0) return false;
    if (!this.buffers.mayAcquire(state, agent)) return false;
    state[at] = this.buffers.load(state, agent, this.head) + 1;
    return true;
  }

  /** The head's number + 1 when it was loaded early and is asked for now. */
  private takeEarly(state: Uint8Array, agent: number): number {
    const at = this.earlyBase + agent;
    const early = state[at] as number;
    state[at] = 0;
    return early;
  }

  private send(state: Uint8Array, agent: number, cell: number, closed: number): number {
    if (!this.buffers.isEmpty(state, agent)) return -1;
    if (state[closed] !== 0) return 0;
    if (state[cell] !== 0) state[this.secondWake] = 1;
    state[cell] = this.numberOf(1);
    return 0;
  }

  /** The publisher knows that a reader is dead: nobody looks at its page again, so its words need not differ. */
  private forgetPage(state: Uint8Array, closedBy: number): void {
    const { sockets, pages, streams } = this.world;
    if (streams !== undefined) return; // GPUs may still write there
    for (const [reader, page] of pages.entries()) {
      if (sockets.closedBy(reader) !== closedBy) continue;
      state[this.cellOf(sockets.wakeOf(reader))] = 0;
      if (this.nodeId(state, reader + 1) !== DEAD) continue;
      for (const [cell, address] of this.addresses.entries()) {
        if (address >= page.base && address < page.base + page.length) state[cell] = 0;
      }
    }
  }

  violation(state: Uint8Array): string | undefined {
    if (state[this.secondWake] !== 0) return 'a second WAKE before the first was read';
    for (let agent = 0; agent < this.world.programs.length; agent++) {
      const { failure, summary } = this.node(state, agent);
      if (failure !== undefined) return failure;
      const { lostFrom } = summary;
      if (lostFrom === undefined) continue;
      if (!this.world.mayLose(agent - 1, lostFrom, this.valueIn(state, this.head))) {
        return `reader ${agent - 1} lost what follows ${lostFrom} although it was entitled to it`;
      }
    }
    return undefined;
  }

  wrongRest(state: Uint8Array): string | undefined {
    const publisher = this.node(state, 0).summary;
    const isDead = this.nodeId(state, 0) === DEAD;
    if (!isDead && publisher.ended !== true) return `the publisher is stuck: ${publisher.phase}`;
    const stuck = this.stuckStream(state);
    if (stuck !== undefined) return stuck;
    const head = this.valueIn(state, this.head);
    for (let agent = 1; agent <= this.world.sockets.readers; agent++) {
      if (this.nodeId(state, agent) === DEAD || this.isClosed(state, agent - 1)) continue;
      const { phase, asleep, ended, done } = this.node(state, agent).summary;
      if (phase === 'join') continue;
      if (asleep !== true && ended !== true) return `reader ${agent - 1} is stuck: ${phase}`;
      if (this.world.hasUnread(agent - 1, done ?? 0, head))
        return `reader ${agent - 1} rests at ${done} although the head is ${head}`;
      if (isDead && ended !== true) return `reader ${agent - 1} waits for a dead publisher`;
    }
    return undefined;
  }

  /** A stream that stands in the middle of its work. */
  private stuckStream(state: Uint8Array): string | undefined {
    for (let agent = this.world.sockets.readers + 1; agent < this.starts.length; agent++) {
      const { phase, asleep } = this.node(state, agent).summary;
      if (phase !== 'dead' && asleep !== true) {
        return `${(this.world.programs[agent] as Program).name} hangs: ${phase}`;
      }
    }
    return undefined;
  }

  private isClosed(state: Uint8Array, reader: number): boolean {
    return state[this.cellOf(this.world.sockets.closedBy(reader))] !== 0;
  }

  isGood(state: Uint8Array): boolean {
    const isSettled = ({ phase, asleep, ended }: Summary): boolean =>
      phase === 'dead' || phase === 'join' || asleep === true || ended === true;
    const publisher = this.node(state, 0).summary;
    if (publisher.phase !== 'dead' && publisher.ended !== true) return false;
    const head = this.valueIn(state, this.head);
    for (let agent = 1; agent < this.world.programs.length; agent++) {
      const { summary } = this.node(state, agent);
      if (!isSettled(summary)) return false;
      if (summary.done === undefined) continue;
      if (this.world.hasUnread(agent - 1, summary.done, head)) return false;
    }
    return true;
  }

  describe(id: number, before: Uint8Array, after: Uint8Array): string {
    const action = this.table[id] as Action;
    const { memory, programs } = this.world;
    const who = (programs[action.agent] as Program).name;
    const changes = this.addresses.flatMap((address, cell) =>
      before[cell] === after[cell]
        ? []
        : [
            `${memory.nameOf(address)}: ${this.valueIn(before, cell)} → ${this.valueIn(after, cell)}`,
          ],
    );
    return `${who.padEnd(10)} ${this.what(action, before).padEnd(44)} ${changes.join('; ')}`;
  }

  private what(action: Action, before: Uint8Array): string {
    if (action.kind === 'flush') {
      const { cell } = this.buffers.describe(before, action.agent, action.entry);
      return `store reaches memory: ${this.world.memory.nameOf(this.addresses[cell] as number)}`;
    }
    if (action.kind !== 'step') return action.kind;
    const option = this.node(before, action.agent).options[action.option] as Option;
    const { access, name } = option;
    if (access === undefined) return name;
    const stores = access.kind === 'store' || access.kind === 'exchange';
    const seen = this.buffers.load(before, action.agent, this.cellOf(access.address));
    const value = stores ? access.value : this.values[seen];
    const text = `${access.kind}${access.atomic ? '' : ' (plain)'}`;
    return `${name}: ${text} ${this.world.memory.nameOf(access.address)} ${value}`;
  }
}
