/** Reads messages from a slots ring (`layout/message-slot.ts`). */
import { distance32, lowWord } from '../core/index.js';
import {
  type ControlGeometry,
  type ControlViews,
  Header,
  MessageKind,
  MessageSlot,
  Page,
  RING_SLOT_BYTES,
  RING_SLOT_WORDS,
  SLOT_PAYLOAD_BYTES,
  SLOT_PAYLOAD_OFFSET_BYTES,
  slotsOfMessage,
} from '../layout/index.js';
import { type MessageVisitor, RingReader, type RingReaderOptions } from './ring-reader.js';

/** Slots copied and checked at once: large enough to amortise the check, small enough to stay in the L1 cache. */
const CHUNK_SLOTS = 64;

export class SlotsReader extends RingReader {
  /** Slots as they stood in the ring, copied and checked. */
  private chunk = new Uint8Array(CHUNK_SLOTS * RING_SLOT_BYTES);
  private chunkWords = new Int32Array(this.chunk.buffer);
  /** Slots of the chunk that are not yet delivered: [next, filled). */
  private next = 0;
  private filled = 0;
  /** Position of slot 0 of the chunk. */
  private chunkPosition = 0;
  /** Payload of a message of several slots, put together. */
  private assembled = new Uint8Array(0);

  constructor(
    control: ControlViews,
    page: Int32Array,
    geometry: ControlGeometry,
    options: RingReaderOptions,
  ) {
    super(control, page, geometry, options);
  }

  drain(visit: MessageVisitor, max: number): number {
    if (this.options.delivery === 'latest') return max > 0 ? this.newest(visit) : 0;
    let visited = 0;
    while (visited < max) {
      if (this.next === this.filled) {
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
    this.received += visited;
    return visited;
  }

  /** Copies the next run of slots; false when there is none that can be trusted. */
  private fill(): boolean {
    const available = this.available();
    if (available === 0) return false;
    const units = this.runLength(available);
    if (units === 0) return false;
    this.copy(this.position, units);
    if (!this.copyHolds()) return false;
    this.sampleLatency(this.position, units);
    this.chunkPosition = this.position;
    this.next = 0;
    this.filled = units;
    this.advance(units);
    return true;
  }

  /** Whole messages only: how many slots to copy. A long message at the front makes the chunk grow to its size. */
  private runLength(available: number): number {
    if (available <= CHUNK_SLOTS) return this.grow(available);
    const first = this.slotsAt(this.position);
    if (first > available) return this.refuse();
    let units = first;
    while (units < CHUNK_SLOTS) {
      const more = this.slotsAt(this.position + units);
      if (more > available - units) return this.refuse();
      if (units + more > CHUNK_SLOTS) break;
      units += more;
    }
    return this.grow(units);
  }

  /** Sizes may be torn here when the writer passed by; `copyHolds` decides. They are bounded by the write-ahead. */
  private slotsAt(position: number): number {
    const at = this.base + (lowWord(position) & this.mask) * RING_SLOT_WORDS + MessageSlot.length;
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
    if (bytes > this.chunk.byteLength) {
      this.chunk = new Uint8Array(bytes);
      this.chunkWords = new Int32Array(this.chunk.buffer);
    }
    return units;
  }

  private copy(position: number, units: number): void {
    const start = lowWord(position) & this.mask;
    const first = Math.min(units, this.capacity - start);
    const from = this.base * 4 + start * RING_SLOT_BYTES;
    this.chunk.set(this.bytes.subarray(from, from + first * RING_SLOT_BYTES), 0);
    if (first === units) return;
    const rest = this.base * 4;
    this.chunk.set(
      this.bytes.subarray(rest, rest + (units - first) * RING_SLOT_BYTES),
      first * RING_SLOT_BYTES,
    );
  }

  /** Delivers from the chunk. A slot that is not what its place says is a publisher's fault: the run ends there. */
  private visitChunk(visit: MessageVisitor, max: number): number {
    const words = this.chunkWords;
    let visited = 0;
    while (visited < max && this.next < this.filled) {
      const at = this.next * RING_SLOT_WORDS;
      const length = (words[at + MessageSlot.length] as number) >>> 0;
      const kind = words[at + MessageSlot.kind] as number;
      const units = slotsOfMessage(length);
      const sequence = this.chunkPosition + this.next + 1;
      const sound =
        units <= this.filled - this.next &&
        words[at] === (lowWord(sequence) | 0) &&
        (kind & MessageKind.continuation) === 0;
      if (!sound) {
        this.corrupt = true;
        this.next = this.filled;
        return visited;
      }
      const slot = this.next;
      this.next += units; // before the visit: a visitor that throws must not meet the same message for ever
      if (!this.isMember(sequence)) continue;
      visited++;
      if (units === 1) {
        const offset = slot * RING_SLOT_BYTES + SLOT_PAYLOAD_OFFSET_BYTES;
        visit(this.chunk, offset, length, kind & MessageKind.typeMask, sequence, -1);
      } else {
        this.assemble(slot, length);
        visit(this.assembled, 0, length, kind & MessageKind.typeMask, sequence, -1);
      }
    }
    return visited;
  }

  private assemble(slot: number, length: number): void {
    if (this.assembled.byteLength < length) this.assembled = new Uint8Array(length);
    for (let done = 0; done < length; done += SLOT_PAYLOAD_BYTES, slot++) {
      const from = slot * RING_SLOT_BYTES + SLOT_PAYLOAD_OFFSET_BYTES;
      const bytes = Math.min(SLOT_PAYLOAD_BYTES, length - done);
      this.assembled.set(this.chunk.subarray(from, from + bytes), done);
    }
  }

  /**
   * Visits single-slot messages where they lie; stops at the first long one. The cursor moves once, afterwards: the
   * writer never passes a pinned reader, so nothing visited here is rewritten before.
   */
  private visitInPlace(visit: MessageVisitor, max: number): number {
    const { words, bytes, base, mask } = this;
    const available = Math.min(this.available(), max);
    if (available > 0) this.sampleLatency(this.position, available);
    const low = lowWord(this.position);
    let done = 0;
    let visited = 0;
    for (; done < available; done++) {
      const slot = (low + done) & mask;
      const at = base + slot * RING_SLOT_WORDS;
      const length = (words[at + MessageSlot.length] as number) >>> 0;
      const kind = words[at + MessageSlot.kind] as number;
      const expected = (low + done + 1) | 0;
      if (length > SLOT_PAYLOAD_BYTES || words[at] !== expected || kind < 0) break;
      const sequence = this.position + done + 1;
      if (!this.isMember(sequence)) continue;
      const offset = base * 4 + slot * RING_SLOT_BYTES + SLOT_PAYLOAD_OFFSET_BYTES;
      visit(bytes, offset, length, kind & MessageKind.typeMask, sequence, -1);
      visited++;
    }
    if (done > 0) this.advance(done);
    return visited;
  }

  /** `latest`: the newest message only; what lies between is skipped. */
  private newest(visit: MessageVisitor): number {
    for (let attempt = 0; attempt < 4; attempt++) {
      const ahead = this.lag;
      if (ahead === 0) return 0;
      if (ahead > 0x7fffffff) {
        this.corrupt = true;
        return 0;
      }
      // newestStart is stored after the head and may still name a message already delivered: then the next one in
      // order is taken, so that a look never ends empty-handed while something is there (a lost wake-up otherwise).
      const back = distance32(
        lowWord(this.position + ahead),
        this.words[Header.newestStart] as number,
      );
      const start = Math.max(this.position, this.position + ahead - back);
      const skipped = start - this.position;
      const units = this.slotsAt(start);
      this.grow(units);
      this.copy(start, units);
      this.position = start;
      this.skipped += skipped;
      Atomics.store(this.page, Page.order, 0);
      if (this.lag + this.writeAhead > this.capacity) continue;
      this.chunkPosition = start;
      this.next = 0;
      this.filled = units;
      this.sampleLatency(start, units);
      this.advance(units);
      const visited = this.visitChunk(visit, 1);
      this.next = this.filled = 0;
      this.received += visited;
      if (visited > 0) return visited;
    }
    return 0;
  }

  protected overrun(units: number): void {
    this.lost += Math.ceil(units / this.options.share.count);
  }
}
