/**
 * What both message rings share on the publisher's side: the head, room, and who may be overrun.
 *
 * Positions count slots (slots ring) or 64-byte units (bytes ring). The head is stored once a batch, after all of the
 * batch: a reader never sees half of it. `writeAhead` bounds a batch, so a reader that copies first and then finds
 * `head + writeAhead - position ≤ capacity` knows that what it copied was not being rewritten.
 *
 * Room: with `gating`, `every` readers hold the writer back at their lag budget. Where the publisher is patient for
 * ever (`strict`) the budget is the whole ring and such readers may read in place; where it may pass over a slow one,
 * the budget is capacity - writeAhead and the passed reader finds out by the same check as everybody else.
 */
import { highWord, invariant, joinUnsigned, lowWord, SluiceError } from '../core/index.js';
import {
  type ControlGeometry,
  type ControlViews,
  Header,
  HeaderDouble,
  Page,
} from '../layout/index.js';
import { ReaderRoster, type RosterEntry } from './reader-roster.js';

export interface RingReaderTerms {
  readonly page: Int32Array;
  /** Most units this reader may be behind before the writer must wait; 0: it never holds the writer back. */
  readonly budget: number;
}

export type RingReaderEntry = RingReaderTerms & RosterEntry;

/** What a message says beside its payload. Reused by the caller: a writer keeps nothing of it. */
export interface MessageHeader {
  /** Application's type, 0..255. The rest travels in the bytes layout only. */
  type: number;
  key: boolean;
  ptsNs: number;
  /** With `extended`: lineage id, decode and capture time of an encoded packet. */
  extended: boolean;
  idLow: number;
  idHigh: number;
  dtsNs: number;
  captureTimeNs: number;
}

/** Where a reader begins. */
export interface RingStart {
  readonly position: number;
  /** Sequence of the message there. */
  readonly sequence: number;
}

/** Where a ring stands when it is lent. */
export interface RingStanding {
  readonly head: number;
  /** Messages and bytes published so far. */
  readonly published: number;
  readonly bytes: number;
}

// The engine takes constants of the same file as numbers; those of another one it loads each time.
const NEWEST_START = Header.newestStart;
const PUBLISHED = HeaderDouble.published;
const BYTES = HeaderDouble.bytes;

/** One in this many batches carries a time stamp, from which readers sample their latency. */
const SAMPLE_EVERY = 64;

export interface RingWriterOptions {
  /** Position of the first unit; tests start just below a carry. */
  readonly start?: number;
  /** CLOCK_MONOTONIC in ns. */
  readonly now: () => number;
  /** Throws for a message that no amount of waiting would make room for. */
  readonly refuse?: (byteLength: number, maxMessageBytes: number) => never;
}

function refuseTooLarge(byteLength: number, maxMessageBytes: number): never {
  throw new SluiceError(
    'MESSAGE_TOO_LARGE',
    `a message of ${byteLength} bytes does not fit: the ring takes up to ${maxMessageBytes} bytes a message`,
    { details: { byteLength, maxMessageBytes } },
  );
}

export abstract class RingWriter {
  /**
   * Position behind the last announced unit. Positions and sequences start as NaN in the classes of this layer: then
   * V8 keeps them as doubles in place. A field that was undefined, or a small integer, before it passes 2^31 costs
   * an object a store.
   */
  head = Number.NaN;
  readonly roster = new ReaderRoster<RingReaderEntry>();
  readonly capacity: number;
  readonly writeAhead: number;
  protected readonly mask: number;
  protected readonly words: Int32Array;
  protected readonly doubles: Float64Array;
  protected readonly bytes: Uint8Array;
  /** Word index of position 0. */
  protected readonly base: number;
  protected readonly now: () => number;
  private readonly refusal: (byteLength: number, maxMessageBytes: number) => never;
  /** High word of the head; kept because a division a message is dear. */
  private high: number;
  /** Units that may surely be written before cursors must be read again. */
  private room = 0;
  private untilSample = 0;
  /** Messages and bytes published; also in the control block, where only others read them. */
  private published = Number.NaN;
  private publishedBytes = Number.NaN;
  /** Units that a borrower may still announce; negative: the ring is not lent. */
  private lentUnits = -1;
  /** Low word of where the newest message starts, while the word in the control block is the borrower's. */
  protected lentNewestStart = 0;
  /** Somebody looked for room while the ring was lent: its turn comes when the ring is back. */
  wanted = false;

  constructor(control: ControlViews, geometry: ControlGeometry, options: RingWriterOptions) {
    this.words = control.words;
    this.doubles = control.doubles;
    this.bytes = control.bytes;
    this.capacity = geometry.slots;
    this.mask = geometry.slots - 1;
    this.writeAhead = geometry.writeAhead;
    this.base = geometry.recordsOffset / 4;
    this.now = options.now;
    this.published = this.publishedBytes = 0;
    this.refusal = options.refuse ?? refuseTooLarge;
    this.head = options.start ?? 0;
    this.high = highWord(this.head);
    this.words[Header.highA] = this.high;
    this.words[Header.highB] = this.high;
    this.words[Header.newestStart] = lowWord(this.head);
    // No time stamp yet: a position just behind every reader's.
    this.words[Header.samplePosition] = lowWord(this.head) - 1;
    Atomics.store(this.words, Header.head, lowWord(this.head) | 0);
  }

  /** Largest message in bytes. */
  abstract readonly maxMessageBytes: number;

  /** Most units that a payload may need: what to pass to {@link passOver}. */
  abstract unitsFor(byteLength: number): number;

  /**
   * Writes one message. False: no room; nothing was written. Throws `SluiceError` MESSAGE_TOO_LARGE for one of more
   * than {@link maxMessageBytes}: no amount of waiting would make room for it.
   */
  abstract tryWrite(payload: Uint8Array, header: MessageHeader): boolean;

  /**
   * Writes as many of the messages as there is room for, announced in as few steps as the write-ahead bound allows.
   * Returns how many were written. Throws as {@link tryWrite} before anything was written.
   */
  tryWriteBatch(payloads: readonly Uint8Array[], header: MessageHeader): number {
    const maxBytes = this.maxMessageBytes;
    for (let i = 0; i < payloads.length; i++) {
      const byteLength = (payloads[i] as Uint8Array).length;
      if (byteLength > maxBytes) this.refuse(byteLength);
    }
    let written = 0;
    while (written < payloads.length) {
      const step = this.writeStep(payloads, written, header);
      if (step === 0) break;
      written += step;
    }
    return written;
  }

  protected refuse(byteLength: number): never {
    return this.refusal(byteLength, this.maxMessageBytes);
  }

  /** Writes and announces messages from index `from` on, as many as one step holds; returns how many. */
  protected abstract writeStep(
    payloads: readonly Uint8Array[],
    from: number,
    header: MessageHeader,
  ): number;

  /**
   * The oldest whole message in the reach of readers whose sequence is at least `sequence`, else the next one to come.
   * Only the writer may ask: it knows that nothing is being overwritten meanwhile.
   */
  abstract startAt(sequence: number): RingStart;

  /** The newest message, else the next one to come. */
  abstract startAtNewest(): RingStart;

  /** The next message to come. */
  abstract startAtHead(): RingStart;

  /** Adds a reader at `position`; must be called before the reader can see the channel. */
  addReader(terms: RingReaderTerms, position: number): RingReaderEntry {
    const cursor = lowWord(position) | 0;
    const entry: RingReaderEntry = { ...terms, lastCursor: cursor, passedOver: false };
    terms.page[Page.joinLow] = cursor;
    terms.page[Page.joinHigh] = highWord(position);
    Atomics.store(terms.page, Page.cursor, cursor);
    this.roster.add(entry);
    this.room = 0;
    return entry;
  }

  removeReader(entry: RingReaderEntry): void {
    this.roster.remove(entry);
    this.room = 0;
  }

  /** Whether `units` more can be written now. Reads cursors only when the known room does not suffice. */
  hasRoom(units: number): boolean {
    if (units <= this.room) return true;
    this.room = this.lentUnits < 0 ? this.measureRoom(units) : this.noRoomWhileLent();
    return units <= this.room;
  }

  private noRoomWhileLent(): number {
    this.wanted = true;
    return 0;
  }

  private measureRoom(units: number): number {
    const head = lowWord(this.head) | 0;
    let room = this.capacity;
    const entries = this.roster.entries;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as RingReaderEntry;
      if (entry.budget === 0) continue;
      const left = entry.budget - this.roster.lag(entry, head);
      if (entry.passedOver) {
        if (left < units) {
          // Look again after one write-ahead at the latest: who has caught up must not be overrun for a whole lap.
          room = Math.min(room, this.writeAhead);
          continue;
        }
        entry.passedOver = false;
      }
      if (left < room) room = left;
    }
    return room;
  }

  /** High word of a sequence that follows the head by at most one ring, from its low word. */
  protected highOf(sequence: number): number {
    return sequence >>> 0 > this.head >>> 0 ? this.high : this.high + 1;
  }

  /** Stops waiting for the readers that leave no room for `units`; returns how many were passed over. */
  passOver(units: number): number {
    const head = lowWord(this.head) | 0;
    let passed = 0;
    for (const entry of this.roster.entries) {
      if (entry.budget === 0 || entry.passedOver) continue;
      if (entry.budget - this.roster.lag(entry, head) >= units) continue;
      entry.passedOver = true;
      passed++;
    }
    this.room = 0;
    return passed;
  }

  /**
   * Announces `units` written since the head; the last message among them starts `last` units behind it. Arguments
   * here and in `put` are distances: a position beyond 2^31 would be put into memory of its own for every call.
   */
  protected announce(units: number, last: number, messages: number, byteLength: number): void {
    invariant(units <= this.writeAhead, 'a batch stays within the write-ahead bound');
    const words = this.words;
    const doubles = this.doubles;
    const newestStart = (this.head + last) | 0;
    const head = this.head + units;
    const low = head | 0;
    this.head = head;
    this.room -= units;
    const carried = low >>> 0 < units;
    if (carried) words[Header.highA] = highWord(head);
    Atomics.store(words, Header.head, low);
    // On arm64 the plain stores of the next step could overtake this store; they cannot pass a load of it (test/model).
    Atomics.load(words, Header.head);
    // Released like the head, so that on arm64 a reader that sees the new highB sees the new head as well.
    if (carried) Atomics.store(words, Header.highB, highWord(head));
    if (carried) this.high = highWord(head);
    words[NEWEST_START] = newestStart;
    doubles[PUBLISHED] = this.published += messages;
    doubles[BYTES] = this.publishedBytes += byteLength;
    if (this.untilSample-- <= 0) this.sample(newestStart);
  }

  /**
   * Time stamp of the newest message. Meanwhile the position is that of the next message, which no reader can have yet:
   * a reader never pairs an old position with a new time.
   */
  private sample(newestStart: number): void {
    this.untilSample = SAMPLE_EVERY;
    const timeNs = this.now();
    this.words[Header.samplePosition] = this.head | 0;
    this.doubles[HeaderDouble.sampleTimeNs] = timeNs;
    this.doubles[HeaderDouble.lastPublishNs] = timeNs;
    this.words[Header.samplePosition] = newestStart;
  }

  /** A reader was asleep, so the next message deserves a time stamp: slow streams are all sampled. */
  sampleNext(): void {
    this.untilSample = 0;
  }

  get lent(): boolean {
    return this.lentUnits >= 0;
  }

  /**
   * Hands the ring to another writer of this process (a GPU) until {@link takeBack}: meanwhile nothing finds room here.
   * Returns where it goes on: the head, and the messages and bytes published.
   */
  lend(): RingStanding {
    invariant(this.lentUnits < 0, 'a ring is lent to one at a time');
    this.lentUnits = this.room = 0;
    this.lentNewestStart = this.words[NEWEST_START] as number;
    this.wanted = false;
    return { head: this.head, published: this.published, bytes: this.publishedBytes };
  }

  /**
   * The borrower wants to announce up to `units` more in one step. False: not now. What is reserved stays within
   * capacity - writeAhead of the head: then a reader that joins at the head or at the newest message finds it intact.
   */
  reserve(units: number): boolean {
    invariant(this.lentUnits >= 0 && units <= this.writeAhead, 'a step stays within write-ahead');
    const wanted = this.lentUnits + units;
    if (wanted > this.capacity - this.writeAhead || this.measureRoom(wanted) < wanted) return false;
    this.lentUnits = wanted;
    return true;
  }

  /** The borrower announced a step of `reserved` units: the head is `head` now, the newest message starts there. */
  confirm(reserved: number, head: number, newestStart: number): void {
    invariant(reserved <= this.lentUnits, 'only what was reserved is announced');
    this.lentUnits -= reserved;
    this.head = head;
    this.high = highWord(head);
    this.lentNewestStart = newestStart;
    // The last time stamp must not meet a position of the next lap: as far from all readers as can be.
    this.words[Header.samplePosition] = lowWord(head + 2 ** 31);
  }

  /** Units reserved by the borrower and not yet confirmed. */
  get reservedUnits(): number {
    return Math.max(0, this.lentUnits);
  }

  /**
   * The borrower writes no more; the ring goes on where the control block stands. What was reserved and never announced
   * counts for nothing: a borrower that died may have left any bytes behind the head.
   */
  takeBack(): void {
    const { words, doubles } = this;
    const low = Atomics.load(this.words, Header.head);
    // They differ only when it died while the low word carried: behind highA, or behind the head as well.
    const carried = low >>> 0 < this.writeAhead;
    this.high = (words[carried ? Header.highA : Header.highB] as number) >>> 0;
    words[Header.highA] = words[Header.highB] = this.high;
    this.head = joinUnsigned(low, this.high);
    this.published = doubles[PUBLISHED] as number;
    this.publishedBytes = doubles[BYTES] as number;
    this.lentUnits = -1;
    this.room = 0;
    this.wanted = false;
  }
}
