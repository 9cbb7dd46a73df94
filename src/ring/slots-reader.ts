/** Reads messages from a slots ring (`layout/message-slot.ts`). */
import {
  Header,
  MessageKind,
  MessageSlot,
  RING_SLOT_BYTES,
  RING_SLOT_WORDS,
  SLOT_PAYLOAD_BYTES,
  SLOT_PAYLOAD_OFFSET_BYTES,
  slotsOfMessage,
} from '../layout/index.js';
import { copyRun, privateWords } from './copy-run.js';
import { type MessageVisitor, RingReader } from './ring-reader.js';

// The engine takes constants of this file as numbers; those of another one it loads each time.
const SLOT_WORDS = RING_SLOT_WORDS;
const PAYLOAD_BYTES = SLOT_PAYLOAD_BYTES;
const PAYLOAD_OFFSET_BYTES = SLOT_PAYLOAD_OFFSET_BYTES;
const LENGTH = MessageSlot.length;
const KIND = MessageSlot.kind;
const TYPE_MASK = MessageKind.typeMask;

/** Slots copied and checked at once: large enough to amortise the check, small enough to stay in the L1 cache. */
const CHUNK_SLOTS = 128;
/** Slots visited in place before the cursor moves: a writer that waits for room is not kept for a whole ring. */
const IN_PLACE_SLOTS = 1024;

export class SlotsReader extends RingReader {
  /** Slots as they stood in the ring, copied and checked. */
  private chunk = privateWords(CHUNK_SLOTS * RING_SLOT_BYTES);
  /** Slots of the chunk that are not yet delivered: [next, filled). */
  private next = 0;
  private filled = 0;
  /** Position of slot 0 of the chunk. */
  private chunkPosition = Number.NaN;

  get buffered(): number {
    return this.filled - this.next;
  }

  /** Positions are sequences: what an overrun loses is counted with it. */
  get hasUncounted(): boolean {
    return false;
  }

  finish(): void {
    // Nothing is left to be counted.
  }

  drain(visit: MessageVisitor, max: number): number {
    if (this.options.delivery === 'latest') return max > 0 ? this.newest(visit) : 0;
    const end = this.position + this.capacity;
    this.knownHead = -1;
    let visited = 0;
    while (visited < max && !this.corrupt) {
      if (this.next === this.filled) {
        // One look at the head a call is enough: each takes its cache line away from a writer that is at work.
        if (this.position >= end || this.position === this.knownHead) break;
        if (this.options.pinned && max - visited > 1) {
          const inPlace = this.visitInPlace(visit, max - visited);
          if (inPlace > 0) {
            visited += inPlace;
            continue;
          }
        }
        if (!this.fill()) break;
      }
      visited += this.visitChunk(visit, max - visited);
    }
    return visited;
  }

  /** Copies the next run of slots; false when there is none that can be trusted. */
  private fill(): boolean {
    const available = this.available();
    if (available === 0) return false;
    const units = this.runLength(available);
    if (units === 0) return false;
    this.copy(units);
    if (!this.copyHolds()) return false;
    this.take(units);
    return true;
  }

  /** The copy of the next `units` slots is good: deliver from it. */
  private take(units: number): void {
    this.sampleLatency(units);
    this.chunkPosition = this.position;
    this.next = 0;
    this.filled = units;
    this.advance(units);
  }

  /** Whole messages only: how many slots to copy. A long message at the front makes the chunk grow to its size. */
  private runLength(available: number): number {
    if (available <= CHUNK_SLOTS) return this.grow(available);
    const first = this.slotsAt(0);
    if (first > available) return this.refuse();
    let units = first;
    while (units < CHUNK_SLOTS) {
      const more = this.slotsAt(units);
      if (more > available - units) return this.refuse();
      if (units + more > CHUNK_SLOTS) break;
      units += more;
    }
    return this.grow(units);
  }

  /**
   * Slots of the message `ahead` of the position. Sizes may be torn here when the writer passed by; `copyHolds`
   * decides. They are bounded by the write-ahead.
   */
  private slotsAt(ahead: number): number {
    const slot = (this.position + ahead) & this.mask;
    const at = this.base + slot * RING_SLOT_WORDS + MessageSlot.length;
    const units = slotsOfMessage((this.words[at] as number) >>> 0);
    return units <= this.writeAhead ? units : 1;
  }

  private refuse(): number {
    // Either torn by an overrun, which the next look at the head finds, or a publisher that writes nonsense.
    if (this.copyHolds()) this.corrupt = true;
    return 0;
  }

  private grow(units: number): number {
    const bytes = units * RING_SLOT_BYTES;
    if (bytes > this.chunk.bytes.length) this.chunk = privateWords(bytes);
    return units;
  }

  private copy(units: number): void {
    const { control, chunk, base } = this;
    const start = this.position & this.mask;
    const words = units * RING_SLOT_WORDS;
    const first = Math.min(words, (this.capacity - start) * RING_SLOT_WORDS);
    copyRun(control, base + start * RING_SLOT_WORDS, first, chunk, 0);
    if (first < words) copyRun(control, base, words - first, chunk, first);
  }

  /** Delivers from the chunk. A slot that is not what its place says is a publisher's fault: the run ends there. */
  private visitChunk(visit: MessageVisitor, max: number): number {
    const words = this.chunk.words;
    let visited = 0;
    while (visited < max && this.next < this.filled) {
      const slot = this.next;
      const at = slot * RING_SLOT_WORDS;
      const length = (words[at + MessageSlot.length] as number) >>> 0;
      const kind = words[at + MessageSlot.kind] as number;
      const units = slotsOfMessage(length);
      const sequence = this.chunkPosition + slot + 1;
      const sound =
        units <= this.filled - slot &&
        words[at + MessageSlot.sequenceLow] === (sequence | 0) &&
        (kind & MessageKind.continuation) === 0;
      if (!sound) {
        this.corrupt = true;
        this.next = this.filled;
        return visited;
      }
      this.next = slot + units; // before the visit: a visitor that throws must not meet the same message for ever
      if (!this.isMember(sequence)) continue;
      visited++;
      this.received++;
      this.lastSequence = sequence;
      const offset = slot * RING_SLOT_BYTES + SLOT_PAYLOAD_OFFSET_BYTES;
      if (units > 1) this.join(offset, length);
      visit(this.chunk.bytes, offset, length, kind & MessageKind.typeMask, sequence, -1);
    }
    return visited;
  }

  /** Pushes the pieces of a message of several slots together, over the headers between them. */
  private join(offset: number, length: number): void {
    const chunk = this.chunk.bytes;
    let from = offset + RING_SLOT_BYTES;
    for (let done = SLOT_PAYLOAD_BYTES; done < length; done += SLOT_PAYLOAD_BYTES) {
      chunk.copyWithin(offset + done, from, from + SLOT_PAYLOAD_BYTES);
      from += RING_SLOT_BYTES;
    }
  }

  /**
   * Visits single-slot messages where they lie; stops at the first long one. The cursor moves once, afterwards: the
   * writer never passes a pinned reader, so nothing visited here is rewritten before.
   */
  private visitInPlace(visit: MessageVisitor, max: number): number {
    const { words, bytes, base, mask } = this;
    const { index, count } = this.options.share;
    const available = Math.min(this.available(), max, IN_PLACE_SLOTS);
    if (available > 0) this.sampleLatency(available);
    const low = this.position | 0;
    const start = this.position;
    let done = 0;
    let visited = 0;
    let last = this.lastSequence;
    try {
      while (done < available) {
        const at = base + ((low + done) & mask) * SLOT_WORDS;
        const length = (words[at + LENGTH] as number) >>> 0;
        const kind = words[at + KIND] as number;
        if (length > PAYLOAD_BYTES || kind < 0) break;
        if (words[at] !== ((low + done + 1) | 0)) break;
        done++;
        const sequence = start + done;
        if (count !== 1 && sequence % count !== index) continue;
        visited++;
        last = sequence;
        visit(bytes, at * 4 + PAYLOAD_OFFSET_BYTES, length, kind & TYPE_MASK, sequence, -1);
      }
    } finally {
      this.received += visited;
      this.lastSequence = last;
      if (done > 0) this.advance(done);
    }
    return visited;
  }

  /** `latest`: the newest message only; what lies between is skipped. */
  private newest(visit: MessageVisitor): number {
    for (let attempt = 0; attempt < 4; attempt++) {
      const newestStart = this.words[Header.newestStart] as number;
      const ahead = this.ahead();
      if (ahead <= 0) return 0;
      const skipped = this.aheadOfNewest(newestStart, ahead);
      this.skipped += this.members(this.position + 1, this.position + skipped + 1);
      this.position += skipped;
      const units = this.grow(this.slotsAt(0));
      this.copy(units);
      const now = this.aheadAfterCopy();
      if (now < 0 || now + this.writeAhead > this.capacity) continue;
      this.take(units);
      const visited = this.visitChunk(visit, 1);
      this.next = this.filled = 0;
      if (visited > 0 || this.corrupt) return visited;
    }
    return 0;
  }

  protected overrun(units: number): void {
    this.lost += this.members(this.position + 1, this.position + units + 1);
  }
}
