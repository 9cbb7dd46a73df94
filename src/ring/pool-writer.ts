/**
 * The publisher's half of the frame pool: takes slots nobody reads, announces what was written into them.
 *
 * Why no torn frame is possible (the argument; `test/model` searches it exhaustively on this very code):
 * - A reader stores its lease, then looks at the slot's state. This side stores state = 0, then looks at the leases.
 *   Both stores are sequentially consistent, so at least one side sees the other: either the reader sees 0 and lets
 *   go, or this side sees the lease and leaves the slot alone.
 * - The newest slot is never taken, so `latest` always finds a complete frame.
 * - A slot promised to an `every` reader (younger than its lag budget and beyond its cursor) is never taken. Cursors
 *   are read BEFORE state = 0: the other order hides a promised frame behind a 0 and the reader sees a false gap.
 * - A slot that was zeroed but is still leased stays zeroed until the lease goes: nobody new can claim it meanwhile.
 */
import { highWord, invariant, lowWord } from '../core/index.js';
import {
  type ControlGeometry,
  type ControlViews,
  FrameFlag,
  Header,
  HeaderDouble,
  MAX_RECORD_DIMS,
  MAX_USER_DATA_BYTES,
  Page,
  POOL_RECORD_WORDS,
  Slot,
  SlotState,
  USER_DATA_OFFSET_BYTES,
} from '../layout/index.js';
import { ReaderRoster, type RosterEntry } from './reader-roster.js';

/** What the publisher states about one frame; all times in ns of CLOCK_MONOTONIC. */
export interface FrameRecord {
  flags: number;
  byteLength: number;
  ptsNs: number;
  captureTimeNs: number;
  publishTimeNs: number;
  /** Words of the lineage id; both 0: this frame starts a lineage, the id is made from instance and sequence. */
  idLow: number;
  idHigh: number;
  /** Shapes of the variable tensors, one after the other. */
  readonly dims: readonly number[];
  readonly userData: Uint8Array | undefined;
}

/** A subscriber as the pool sees it. */
export interface PoolReaderTerms {
  /** Words of its reader page. Foreign: each is read once and bounded. */
  readonly page: Int32Array;
  /** Lease words granted, 0..16: only these are looked at. */
  readonly leases: number;
  /** `every` readers are promised the newest `maxLag` frames that they have not passed; 0 for `latest`. */
  readonly maxLag: number;
}

export type PoolReaderEntry = PoolReaderTerms & RosterEntry;

export interface PoolWriterOptions {
  /** Sequence of the frame before the first one; tests start just below a carry. */
  readonly start?: number;
  /** Take no slot while that would push an `every` reader beyond its lag budget: nothing wanted is ever missed. */
  readonly lossless?: boolean;
}

/** No slot could be taken now. */
export const NO_SLOT = -1;

export class PoolWriter {
  /** Sequence of the newest frame; 0 before the first. */
  published = Number.NaN;
  private newestSlot = -1;
  private nextSlot = 0;
  /** Sequence that each slot shows; 0: none that could still be claimed. */
  private readonly sequences: Float64Array;
  /** 1 while a slot is on loan to the publisher's user. */
  private readonly onLoan: Uint8Array;
  /** 1 while the data of an announced frame is still being written: the slot's fence tells when it is there. */
  private readonly pending: Uint8Array;
  private readonly recordViews: (Int32Array | undefined)[] = [];
  readonly roster: ReaderRoster<PoolReaderEntry>;
  private readonly words: Int32Array;
  private readonly doubles: Float64Array;
  private readonly bytes: Uint8Array;
  private readonly lossless: boolean;
  private readonly slots: number;
  private readonly indexMask: number;
  private readonly indexBase: number;
  private readonly recordBase: number;

  constructor(
    control: ControlViews,
    geometry: ControlGeometry,
    { start = 0, lossless = false }: PoolWriterOptions = {},
  ) {
    this.lossless = lossless;
    this.words = control.words;
    this.doubles = control.doubles;
    this.bytes = control.bytes;
    this.slots = geometry.slots;
    this.indexMask = geometry.indexSize - 1;
    this.indexBase = geometry.indexOffset / 4;
    this.recordBase = geometry.recordsOffset / 4;
    this.sequences = new Float64Array(geometry.slots);
    this.onLoan = new Uint8Array(geometry.slots);
    this.pending = new Uint8Array(geometry.slots);
    this.roster = new ReaderRoster();
    this.published = start;
    const high = highWord(start);
    this.words[Header.highA] = high;
    this.words[Header.highB] = high;
    Atomics.store(this.words, Header.head, lowWord(start) | 0);
  }

  /**
   * Adds a subscriber. It owes nothing before `joinSequence` (its cursor). Must be called before the subscriber can
   * see the channel, so that its leases are looked at from its first claim on.
   */
  addReader(terms: PoolReaderTerms, joinSequence: number): PoolReaderEntry {
    const cursor = lowWord(joinSequence) | 0;
    const entry: PoolReaderEntry = { ...terms, lastCursor: cursor, passedOver: false };
    terms.page[Page.joinLow] = cursor;
    terms.page[Page.joinHigh] = highWord(joinSequence);
    terms.page[Page.granted] = terms.leases;
    Atomics.store(terms.page, Page.cursor, cursor);
    this.roster.add(entry);
    return entry;
  }

  /** Forgets a subscriber that is dead by kernel fact; its leases and promises end here. */
  removeReader(entry: PoolReaderEntry): void {
    this.roster.remove(entry);
  }

  /** Slots on loan or leased by somebody: what the next `tryTake` cannot have. */
  slotsHeld(): number {
    let held = 0;
    for (let slot = 0; slot < this.slots; slot++) {
      if (this.onLoan[slot] !== 0 || this.isLeased(slot)) held++;
    }
    return held;
  }

  /** A slot to write into, or {@link NO_SLOT}. Costs one look at every granted lease a candidate; never waits. */
  tryTake(): number {
    if (this.lossless && !this.everyReaderHasRoom()) return NO_SLOT;
    for (let tried = 0; tried < this.slots; tried++) {
      const slot = (this.nextSlot + tried) % this.slots;
      if (slot === this.newestSlot || this.onLoan[slot] !== 0) continue;
      if (!this.fenceReached(slot) || this.isPromised(slot)) continue;
      Atomics.store(this.words, this.recordOf(slot) + Slot.state, SlotState.taken);
      this.sequences[slot] = 0;
      if (this.isLeased(slot)) continue;
      this.onLoan[slot] = 1;
      this.nextSlot = (slot + 1) % this.slots;
      return slot;
    }
    return NO_SLOT;
  }

  /**
   * `lossless` only: stops waiting for the readers at the end of their budget and returns how many were passed over.
   * They find a gap, and hold the publisher back again once they have caught up.
   */
  passOver(): number {
    const head = lowWord(this.published) | 0;
    let passed = 0;
    for (const entry of this.roster.entries) {
      if (entry.passedOver || this.hasRoom(entry, head)) continue;
      entry.passedOver = true;
      passed++;
    }
    return passed;
  }

  private everyReaderHasRoom(): boolean {
    const head = lowWord(this.published) | 0;
    const entries = this.roster.entries;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as PoolReaderEntry;
      const room = this.hasRoom(entry, head);
      if (room) entry.passedOver = false;
      else if (!entry.passedOver) return false;
    }
    return true;
  }

  /** Whether one more frame, beside those on loan, keeps this reader within its budget. */
  private hasRoom(entry: PoolReaderEntry, head: number): boolean {
    if (entry.maxLag === 0) return true;
    let onLoan = 0;
    for (let slot = 0; slot < this.slots; slot++) onLoan += this.onLoan[slot] as number;
    return this.roster.lag(entry, head) + onLoan < entry.maxLag;
  }

  /** Gives a loaned slot back unpublished. */
  giveBack(slot: number): void {
    invariant(this.onLoan[slot] === 1, 'only a loaned slot is given back');
    this.onLoan[slot] = 0;
  }

  /**
   * Announces a loaned slot. With `deferred` the data may still be incomplete: {@link complete} follows.
   * The caller rings the doorbells afterwards.
   */
  publish(slot: number, frame: FrameRecord, deferred = false): number {
    invariant(this.onLoan[slot] === 1, 'only a loaned slot is published');
    const sequence = this.published + 1;
    const low = lowWord(sequence) | 0;
    const high = highWord(sequence);
    this.writeRecord(slot, frame, low, high);
    const words = this.words;
    const record = this.recordOf(slot);
    if (deferred) this.pending[slot] = 1;
    else {
      words[record + Slot.fenceHigh] = high;
      words[record + Slot.fenceLow] = low;
    }
    words[record + Slot.sequenceLow] = low;
    words[record + Slot.sequenceHigh] = high;
    Atomics.store(words, record + Slot.state, SlotState.readable);
    words[this.indexBase + (low & this.indexMask)] = slot;
    this.sequences[slot] = sequence;
    this.onLoan[slot] = 0;
    this.newestSlot = slot;
    this.published = sequence;
    if (low === 0) words[Header.highA] = high;
    Atomics.store(words, Header.head, low);
    // Released like the head, so that on arm64 a reader that sees the new highB sees the new head as well.
    if (low === 0) Atomics.store(words, Header.highB, high);
    this.count(frame);
    return sequence;
  }

  /** Writes the fence of a frame that was published `deferred`. False when the slot no longer shows it. */
  complete(sequence: number): boolean {
    for (let slot = 0; slot < this.slots; slot++) {
      if (this.sequences[slot] !== sequence || this.pending[slot] === 0) continue;
      const record = this.recordOf(slot);
      this.words[record + Slot.fenceHigh] = highWord(sequence);
      Atomics.store(this.words, record + Slot.fenceLow, lowWord(sequence) | 0);
      this.pending[slot] = 0;
      return true;
    }
    return false;
  }

  /** The slot of the newest frame when its data is there, else {@link NO_SLOT}. */
  newestComplete(): number {
    const slot = this.newestSlot;
    return slot >= 0 && this.fenceReached(slot) ? slot : NO_SLOT;
  }

  /** Whether any announced frame still waits for its fence: a publisher that waits for slots must poll then. */
  hasPending(): boolean {
    for (let slot = 0; slot < this.slots; slot++) if (!this.fenceReached(slot)) return true;
    return false;
  }

  /**
   * Whether every job that was enqueued for an announced sequence ≤ `sequence` has landed. From then on the page of a
   * reader that only such jobs name may be unregistered and unmapped.
   */
  fencesReachedUpTo(sequence: number): boolean {
    for (let slot = 0; slot < this.slots; slot++) {
      if ((this.sequences[slot] as number) <= sequence && !this.fenceReached(slot)) return false;
    }
    return true;
  }

  /** Flags a frame whose data will never be whole, for readers that look once its fence is reached. */
  markIncomplete(slot: number, sequence: number): boolean {
    if (sequence === 0 || this.sequences[slot] !== sequence) return false;
    Atomics.or(this.words, this.recordOf(slot) + Slot.flags, FrameFlag.incomplete);
    return true;
  }

  /** The record of a slot, for whoever marks it from another thread; keeps the memory of the block in place. */
  recordView(slot: number): Int32Array {
    const at = this.recordOf(slot);
    return (this.recordViews[slot] ??= this.words.subarray(at, at + POOL_RECORD_WORDS));
  }

  private recordOf(slot: number): number {
    return this.recordBase + slot * POOL_RECORD_WORDS;
  }

  /** A slot may be reused only after its own fence: what was queued into it must have landed. */
  private fenceReached(slot: number): boolean {
    if (this.pending[slot] === 0) return true;
    const record = this.recordOf(slot);
    // Both halves: in memory never used the low one is 0, as it is in the sequence 2^32.
    const reached =
      Atomics.load(this.words, record + Slot.fenceLow) === this.words[record + Slot.sequenceLow] &&
      this.words[record + Slot.fenceHigh] === this.words[record + Slot.sequenceHigh];
    if (reached) this.pending[slot] = 0;
    return reached;
  }

  /** Whether an `every` reader may still claim what this slot shows. */
  private isPromised(slot: number): boolean {
    const sequence = this.sequences[slot] ?? 0;
    if (sequence === 0) return false;
    const age = this.published - sequence;
    const head = lowWord(this.published) | 0;
    const entries = this.roster.entries;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as PoolReaderEntry;
      if (age >= entry.maxLag) continue;
      if (this.roster.lag(entry, head) > age) return true;
    }
    return false;
  }

  private isLeased(slot: number): boolean {
    const entries = this.roster.entries;
    for (let i = 0; i < entries.length; i++) {
      const { page, leases } = entries[i] as PoolReaderEntry;
      for (let word = 0; word < leases; word++) {
        if (Atomics.load(page, Page.lease + word) === slot + 1) return true;
      }
    }
    return false;
  }

  private writeRecord(slot: number, frame: FrameRecord, low: number, high: number): void {
    const words = this.words;
    const at = this.recordOf(slot);
    words[at + Slot.flags] = frame.flags;
    words[at + Slot.byteLengthLow] = lowWord(frame.byteLength);
    words[at + Slot.byteLengthHigh] = highWord(frame.byteLength);
    words[at + Slot.ptsLow] = lowWord(frame.ptsNs);
    words[at + Slot.ptsHigh] = highWord(frame.ptsNs);
    words[at + Slot.captureLow] = lowWord(frame.captureTimeNs);
    words[at + Slot.captureHigh] = highWord(frame.captureTimeNs);
    words[at + Slot.publishLow] = lowWord(frame.publishTimeNs);
    words[at + Slot.publishHigh] = highWord(frame.publishTimeNs);
    const inherited = frame.idLow !== 0 || frame.idHigh !== 0;
    words[at + Slot.idLow] = inherited ? frame.idLow : low ^ (words[Header.instance] ?? 0);
    words[at + Slot.idHigh] = inherited ? frame.idHigh : high ^ (words[Header.instance + 1] ?? 0);
    const dims = frame.dims;
    invariant(dims.length <= MAX_RECORD_DIMS, 'the shapes of a frame fit its record');
    words[at + Slot.dims] = dims.length;
    for (let i = 0; i < dims.length; i++) words[at + Slot.dim + i] = dims[i] ?? 0;
    const userData = frame.userData;
    const userDataBytes = userData?.length ?? 0;
    invariant(userDataBytes <= MAX_USER_DATA_BYTES, 'the user data of a frame fits its record');
    words[at + Slot.userDataBytes] = userDataBytes;
    if (userData !== undefined) this.bytes.set(userData, at * 4 + USER_DATA_OFFSET_BYTES);
  }

  private count(frame: FrameRecord): void {
    const doubles = this.doubles;
    doubles[HeaderDouble.published] = (doubles[HeaderDouble.published] ?? 0) + 1;
    doubles[HeaderDouble.bytes] = (doubles[HeaderDouble.bytes] ?? 0) + frame.byteLength;
    doubles[HeaderDouble.lastPublishNs] = frame.publishTimeNs;
  }
}
