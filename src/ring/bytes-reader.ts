/** Reads records from a bytes ring (`layout/message-record.ts`). */
import { distance32, joinUnsigned } from '../core/index.js';
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
import { copyRun, privateWords } from './copy-run.js';
import { type MessageVisitor, RingReader, type RingReaderOptions } from './ring-reader.js';

const UNIT_WORDS = RING_UNIT_BYTES / 4;
/** Units copied and checked at once, unless one record is longer. */
const CHUNK_UNITS = 512;

export class BytesReader extends RingReader {
  /** Whole records as they stood in the ring, copied and checked. */
  private chunk = privateWords(CHUNK_UNITS * RING_UNIT_BYTES);
  /** Units of the chunk that are not yet delivered: [next, filled). */
  private next = 0;
  private filled = 0;
  /** Sequence expected next: what is missing before the one that comes was lost. */
  private nextSequence = Number.NaN;
  /** Went on at the head and has not seen a sequence since. */
  private overran = false;
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

  get buffered(): number {
    return this.filled - this.next;
  }

  get hasUncounted(): boolean {
    return this.overran;
  }

  drain(visit: MessageVisitor, max: number): number {
    const latest = this.options.delivery === 'latest';
    const end = this.position + this.capacity;
    this.knownHead = -1;
    let visited = 0;
    while (visited < max && !this.corrupt) {
      if (this.next === this.filled) {
        // As in the slots ring: one look at the head a call, which finds all that was there when the call began.
        if (this.position >= end || this.position === this.knownHead || !this.fill()) break;
      }
      visited += this.visitChunk(visit, latest ? 1 : max - visited);
      if (latest) {
        this.next = this.filled = 0;
        if (visited > 0) break;
      }
    }
    return visited;
  }

  private fill(): boolean {
    for (let attempt = 0; attempt < 4; attempt++) {
      this.skipToNewest();
      const available = this.available();
      const units = available === 0 ? 0 : this.runLength(available);
      if (units === 0) {
        // `latest` may have loaded the start of the newest message before that was stored: it looks again.
        if (this.options.delivery === 'every' || this.corrupt || this.lag === 0) return false;
        continue;
      }
      this.copy(units);
      if (!this.copyHolds()) continue;
      this.sampleLatency(units);
      this.next = 0;
      this.filled = units;
      this.advance(units);
      return true;
    }
    return false;
  }

  /** `latest`, and `every` beyond its budget of messages: go on at the newest message. */
  private skipToNewest(): void {
    // A message takes a unit or more: most looks end here, without the words that the writer stores with each message.
    if (this.options.delivery === 'every' && this.ahead() <= this.maxLagMessages) return;
    const newestStart = this.words[Header.newestStart] as number;
    const ahead = this.ahead();
    if (ahead <= 0) return;
    if (this.options.delivery === 'every') {
      if (this.overran) return;
      const newest = this.words[Header.newestSequence] as number;
      const behind = distance32(newest + 1, this.nextSequence | 0);
      if (behind <= this.maxLagMessages || behind > 0x7fffffff) return;
    }
    const skipped = this.aheadOfNewest(newestStart, ahead);
    if (skipped > 0) this.advance(skipped);
  }

  /** Units from the position that are whole records and lie contiguously. */
  private runLength(available: number): number {
    const toEnd = this.capacity - (this.position & this.mask);
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
    return this.base + ((this.position + ahead) & this.mask) * UNIT_WORDS;
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
    if (bytes > this.chunk.bytes.length) this.chunk = privateWords(bytes);
  }

  private copy(units: number): void {
    copyRun(this.control, this.wordAt(0), units * UNIT_WORDS, this.chunk, 0);
  }

  private visitChunk(visit: MessageVisitor, max: number): number {
    const words = this.chunk.words;
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
      if (!this.follows(sequence)) return visited;
      if (!this.isMember(sequence)) continue;
      visited++;
      this.received++;
      this.lastSequence = sequence;
      const header =
        (kind & MessageKind.extended) !== 0 ? EXTENDED_HEADER_BYTES : RECORD_HEADER_BYTES;
      visit(
        this.chunk.bytes,
        headerOffset + header,
        length,
        kind & MessageKind.typeMask,
        sequence,
        headerOffset,
      );
    }
    return visited;
  }

  /** Counts what is missing before `sequence`. False: it runs backwards, which no publisher does. */
  private follows(sequence: number): boolean {
    if (sequence < this.nextSequence || sequence > Number.MAX_SAFE_INTEGER) {
      this.corrupt = true;
      return false;
    }
    if (sequence > this.nextSequence) {
      const missed = this.members(this.nextSequence, sequence);
      if (this.options.delivery === 'latest') this.skipped += missed;
      else this.lost += missed;
    }
    this.nextSequence = sequence + 1;
    this.overran = false;
    return true;
  }

  finish(): void {
    if (!this.overran || this.lag !== 0) return;
    const newest = this.words[Header.newestSequence] as number;
    const missing = distance32(newest + 1, this.nextSequence | 0);
    this.overran = false;
    if (missing > 0x7fffffff) return; // No publisher's: the newest would be older than what came before.
    const to = this.nextSequence + missing;
    this.lost += this.members(this.nextSequence, to);
    this.nextSequence = to;
  }

  protected overrun(): void {
    // What an overrun loses is counted when the next record shows its sequence, or at the end. Until then nobody knows how many
    // messages wait: those lost must not count as being behind once more.
    this.overran = true;
  }
}

/** Units of a record or padding by its own header; 0 when no writer makes such a one. */
function unitsOf(length: number, kind: number, writeAhead: number): number {
  if (length > writeAhead * RING_UNIT_BYTES) return 0;
  if ((kind & MessageKind.padding) !== 0) {
    return length % RING_UNIT_BYTES === 0 ? length / RING_UNIT_BYTES : 0;
  }
  const units = unitsOfRecord(length, (kind & MessageKind.extended) !== 0);
  return units <= writeAhead ? units : 0;
}
