/** Writes records of any size into a bytes ring (`layout/message-record.ts`): packets, JSON, large text. */
import { distance32, highWord, lowWord } from '../core/index.js';
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
import {
  type MessageHeader,
  type RingStart,
  RingWriter,
  type RingWriterOptions,
} from './ring-writer.js';

const UNIT_WORDS = RING_UNIT_BYTES / 4;

export class BytesWriter extends RingWriter {
  /** Sequence of the last message; 0 before the first. */
  sequence = 0;
  /** Position of the oldest record that is still whole. */
  private tail = Number.NaN;
  private timeLow = 0;
  private timeHigh = 0;

  constructor(control: ControlViews, geometry: ControlGeometry, options: RingWriterOptions) {
    super(control, geometry, options);
    this.tail = this.head;
  }

  get maxMessageBytes(): number {
    return (this.writeAhead / 2) * RING_UNIT_BYTES - EXTENDED_HEADER_BYTES;
  }

  /** Padding at the wrap included. */
  unitsFor(byteLength: number): number {
    return this.padding(unitsOfRecord(byteLength, true)) + unitsOfRecord(byteLength, true);
  }

  tryWrite(payload: Uint8Array, header: MessageHeader): boolean {
    const byteLength = payload.length;
    const units = unitsOfRecord(byteLength, header.extended);
    if (byteLength > this.maxMessageBytes) this.refuse(byteLength);
    const padding = this.padding(units);
    if (!this.hasRoom(padding + units)) return false;
    this.forget(padding + units);
    this.stamp();
    if (padding > 0) this.pad(0, padding);
    this.put(padding, payload, header);
    this.announce(padding + units, padding, 1, byteLength);
    this.tellNewestSequence();
    return true;
  }

  protected writeStep(
    payloads: readonly Uint8Array[],
    from: number,
    header: MessageHeader,
  ): number {
    this.stamp();
    let units = 0;
    let bytes = 0;
    let last = 0;
    let index = from;
    for (; index < payloads.length; index++) {
      const payload = payloads[index] as Uint8Array;
      const byteLength = payload.length;
      const needed = unitsOfRecord(byteLength, header.extended);
      const padding = this.padding(needed, units);
      const all = units + padding + needed;
      if (all > this.writeAhead || !this.hasRoom(all)) break;
      this.forget(all);
      if (padding > 0) this.pad(units, padding);
      last = units + padding;
      this.put(last, payload, header);
      units = all;
      bytes += byteLength;
    }
    if (index > from) {
      this.announce(units, last, index - from, bytes);
      this.tellNewestSequence();
    }
    return index - from;
  }

  /**
   * With `Atomics`: `newestStart` must be in memory before the doorbell flags are loaded. A `latest` reader that is far
   * behind cannot go on without it, so it sleeps, and nobody would ring (test/model).
   */
  private tellNewestSequence(): void {
    Atomics.store(this.words, Header.newestSequence, this.sequence | 0);
  }

  /** Units from `head + after` to the end of the ring when a record of `units` would cross it, else 0. */
  private padding(units: number, after = 0): number {
    const rest = this.capacity - ((this.head + after) & (this.capacity - 1));
    return rest < units ? rest : 0;
  }

  /** Takes the publish time of the records that follow. */
  private stamp(): void {
    const timeNs = this.now();
    this.timeLow = timeNs | 0;
    this.timeHigh = highWord(timeNs);
  }

  private pad(ahead: number, units: number): void {
    const at = this.wordOf((this.head + ahead) | 0);
    this.words[at + MessageRecord.length] = units * RING_UNIT_BYTES;
    this.words[at + MessageRecord.kind] = MessageKind.padding;
  }

  /** `ahead`: units from the head to where the record starts. */
  private put(ahead: number, payload: Uint8Array, header: MessageHeader): void {
    const words = this.words;
    const at = this.wordOf((this.head + ahead) | 0);
    this.sequence += 1;
    words[at + MessageRecord.sequenceLow] = lowWord(this.sequence);
    words[at + MessageRecord.sequenceHigh] = highWord(this.sequence);
    words[at + MessageRecord.length] = payload.length;
    words[at + MessageRecord.kind] =
      header.type |
      (header.key ? MessageKind.key : 0) |
      (header.extended ? MessageKind.extended : 0);
    words[at + MessageRecord.timeLow] = this.timeLow;
    words[at + MessageRecord.timeHigh] = this.timeHigh;
    words[at + MessageRecord.ptsLow] = lowWord(header.ptsNs);
    words[at + MessageRecord.ptsHigh] = highWord(header.ptsNs);
    let offset = RECORD_HEADER_BYTES;
    if (header.extended) {
      words[at + MessageRecord.idLow] = header.idLow;
      words[at + MessageRecord.idHigh] = header.idHigh;
      words[at + MessageRecord.dtsLow] = lowWord(header.dtsNs);
      words[at + MessageRecord.dtsHigh] = highWord(header.dtsNs);
      words[at + MessageRecord.captureLow] = lowWord(header.captureTimeNs);
      words[at + MessageRecord.captureHigh] = highWord(header.captureTimeNs);
      offset = EXTENDED_HEADER_BYTES;
    }
    this.bytes.set(payload, at * 4 + offset);
  }

  /** `low`: low word of a position. */
  private wordOf(low: number): number {
    return this.base + (low & (this.capacity - 1)) * UNIT_WORDS;
  }

  /** Moves the tail over records that the next `units` from the head will overwrite. Sizes are this writer's own. */
  private forget(units: number): void {
    const keepFrom = this.head + units - this.capacity;
    while (this.tail < keepFrom) this.tail += this.unitsAt(this.wordOf(this.tail | 0));
  }

  private unitsAt(at: number): number {
    const length = this.words[at + MessageRecord.length] as number;
    const kind = this.words[at + MessageRecord.kind] as number;
    if ((kind & MessageKind.padding) !== 0) return length / RING_UNIT_BYTES;
    return unitsOfRecord(length, (kind & MessageKind.extended) !== 0);
  }

  startAt(sequence: number): RingStart {
    const reach = this.head + this.writeAhead - this.capacity;
    let position = this.tail;
    while (position < this.head) {
      const at = this.wordOf(position | 0);
      const start = { position, sequence: this.sequenceAt(at) };
      if (!this.isPadding(at) && position >= reach && start.sequence >= sequence) return start;
      position += this.unitsAt(at);
    }
    return this.startAtHead();
  }

  startAtNewest(): RingStart {
    if (this.sequence === 0) return this.startAtHead();
    const back = distance32(lowWord(this.head), this.words[Header.newestStart] as number);
    return { position: this.head - back, sequence: this.sequence };
  }

  startAtHead(): RingStart {
    return { position: this.head, sequence: this.sequence + 1 };
  }

  private sequenceAt(at: number): number {
    const low = this.words[at + MessageRecord.sequenceLow] as number;
    return this.sequence - distance32(lowWord(this.sequence), low);
  }

  private isPadding(at: number): boolean {
    const kind = this.words[at + MessageRecord.kind] as number;
    return (kind & MessageKind.padding) !== 0;
  }
}
