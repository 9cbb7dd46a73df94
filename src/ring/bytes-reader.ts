/** Reads records from a bytes ring (`layout/message-record.ts`). */
import { distance32, joinUnsigned, lowWord } from '../core/index.js';
import {
  type ControlGeometry,
  type ControlViews,
  EXTENDED_HEADER_BYTES,
  Header,
  MessageKind,
  MessageRecord,
  RECORD_HEADER_BYTES,
  RING_UNIT_BYTES,
  unitsOfRecord,
} from '../layout/index.js';
import { type MessageVisitor, RingReader, type RingReaderOptions } from './ring-reader.js';

const UNIT_WORDS = RING_UNIT_BYTES / 4;
/** Units copied and checked at once, unless one record is longer. */
const CHUNK_UNITS = 512;

export class BytesReader extends RingReader {
  private chunk = new Uint8Array(CHUNK_UNITS * RING_UNIT_BYTES);
  private chunkWords = new Int32Array(this.chunk.buffer);
  private next = 0;
  private filled = 0;
  /** Sequence expected next: what is missing before the one that comes was lost. */
  private nextSequence = Number.NaN;
  private readonly maxLagMessages: number;

  constructor(
    control: ControlViews,
    page: Int32Array,
    geometry: ControlGeometry,
    options: RingReaderOptions,
  ) {
    // The budget of this reader is counted in messages, so the units that the base class compares stay unbounded.
    super(control, page, geometry, { ...options, maxLag: geometry.slots });
    this.maxLagMessages = options.maxLag;
    this.nextSequence = options.sequence;
  }

  drain(visit: MessageVisitor, max: number): number {
    let visited = 0;
    while (visited < max) {
      if (this.next === this.filled && !this.fill()) break;
      visited += this.visitChunk(visit, this.options.delivery === 'latest' ? 1 : max - visited);
      if (this.options.delivery === 'latest') {
        this.next = this.filled = 0;
        if (visited > 0) break;
      }
    }
    this.received += visited;
    return visited;
  }

  private fill(): boolean {
    for (let attempt = 0; attempt < 4; attempt++) {
      this.skipToNewest();
      const available = this.available();
      if (available === 0) return false;
      const units = this.runLength(available);
      if (units === 0) return false;
      this.copy(units);
      if (!this.copyHolds()) continue;
      this.sampleLatency(this.position, units);
      this.next = 0;
      this.filled = units;
      this.advance(units);
      return true;
    }
    return false;
  }

  /** `latest`, and `every` beyond its budget of messages: go on at the newest message. */
  private skipToNewest(): void {
    const ahead = this.lag;
    if (ahead === 0 || ahead > 0x7fffffff) return;
    if (this.options.delivery === 'every') {
      const behind = distance32(
        (this.words[Header.newestSequence] as number) + 1,
        lowWord(this.nextSequence),
      );
      if (behind <= this.maxLagMessages || behind > 0x7fffffff) return;
    }
    const back = distance32(
      lowWord(this.position + ahead),
      this.words[Header.newestStart] as number,
    );
    if (back > 0 && back < ahead) this.advance(ahead - back);
  }

  /** Units from the position that are whole records and lie contiguously. */
  private runLength(available: number): number {
    const toEnd = this.capacity - (lowWord(this.position) & this.mask);
    const limit = Math.min(available, toEnd);
    if (limit <= CHUNK_UNITS && this.options.delivery === 'every') return limit;
    let units = 0;
    while (units < limit) {
      const more = this.unitsAt(units);
      if (more === 0 || more > limit - units) {
        // Torn by an overrun, which the next look finds, or a publisher that writes nonsense.
        if (this.copyHolds()) this.corrupt = true;
        return 0;
      }
      if (units > 0 && units + more > CHUNK_UNITS) break;
      units += more;
      if (this.options.delivery === 'latest' && !this.isPadding(units - more)) break;
    }
    this.grow(units);
    return units;
  }

  private wordAt(ahead: number): number {
    return this.base + ((lowWord(this.position) + ahead) & this.mask) * UNIT_WORDS;
  }

  private isPadding(ahead: number): boolean {
    return (
      ((this.words[this.wordAt(ahead) + MessageRecord.kind] as number) & MessageKind.padding) !== 0
    );
  }

  private unitsAt(ahead: number): number {
    const at = this.wordAt(ahead);
    return unitsOf(
      (this.words[at + MessageRecord.length] as number) >>> 0,
      this.words[at + MessageRecord.kind] as number,
      this.writeAhead,
    );
  }

  private grow(units: number): void {
    const bytes = units * RING_UNIT_BYTES;
    if (bytes <= this.chunk.byteLength) return;
    this.chunk = new Uint8Array(bytes);
    this.chunkWords = new Int32Array(this.chunk.buffer);
  }

  private copy(units: number): void {
    const from = this.wordAt(0) * 4;
    this.chunk.set(this.bytes.subarray(from, from + units * RING_UNIT_BYTES), 0);
  }

  private visitChunk(visit: MessageVisitor, max: number): number {
    const words = this.chunkWords;
    let visited = 0;
    while (visited < max && this.next < this.filled) {
      const at = this.next * UNIT_WORDS;
      const length = (words[at + MessageRecord.length] as number) >>> 0;
      const kind = words[at + MessageRecord.kind] as number;
      const units = unitsOf(length, kind, this.writeAhead);
      if (units === 0 || units > this.filled - this.next) {
        this.corrupt = true;
        this.next = this.filled;
        return visited;
      }
      const headerOffset = this.next * RING_UNIT_BYTES;
      this.next += units; // before the visit: a visitor that throws must not meet the same message for ever
      if ((kind & MessageKind.padding) !== 0) continue;
      const sequence = joinUnsigned(
        words[at + MessageRecord.sequenceLow] as number,
        words[at + MessageRecord.sequenceHigh] as number,
      );
      this.account(sequence);
      if (!this.isMember(sequence)) continue;
      visited++;
      const header =
        (kind & MessageKind.extended) !== 0 ? EXTENDED_HEADER_BYTES : RECORD_HEADER_BYTES;
      visit(
        this.chunk,
        headerOffset + header,
        length,
        kind & MessageKind.typeMask,
        sequence,
        headerOffset,
      );
    }
    return visited;
  }

  private account(sequence: number): void {
    const missed = sequence - this.nextSequence;
    if (missed > 0) {
      const members = Math.ceil(missed / this.options.share.count);
      if (this.options.delivery === 'latest') this.skipped += members;
      else this.lost += members;
    }
    this.nextSequence = sequence + 1;
  }

  protected overrun(): void {
    // What an overrun loses is counted when the next record shows its sequence.
  }
}

/** Units of a record or padding by its own header; 0 when no writer makes such a one. */
function unitsOf(length: number, kind: number, writeAhead: number): number {
  if ((kind & MessageKind.padding) !== 0) {
    const units = length / RING_UNIT_BYTES;
    return Number.isInteger(units) && units >= 1 && units <= writeAhead ? units : 0;
  }
  const units = unitsOfRecord(length, (kind & MessageKind.extended) !== 0);
  return units <= writeAhead ? units : 0;
}
