/** Writes messages into a slots ring (`layout/message-slot.ts`): the layout that GPU kernels can write as well. */
import { distance32, highWord, lowWord } from '../core/index.js';
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
import { type MessageHeader, type RingStart, RingWriter } from './ring-writer.js';

// The compiler of the engine takes constants of this file as numbers; those of another one it loads each time.
const SLOT_WORDS = RING_SLOT_WORDS;
const PAYLOAD_BYTES = SLOT_PAYLOAD_BYTES;
const PAYLOAD_OFFSET_BYTES = SLOT_PAYLOAD_OFFSET_BYTES;
const SEQUENCE_HIGH = MessageSlot.sequenceHigh;
const LENGTH = MessageSlot.length;
const KIND = MessageSlot.kind;

/** As `slotsOfMessage`, without a call for what most messages are. */
function slotsOf(byteLength: number): number {
  return byteLength <= PAYLOAD_BYTES ? 1 : slotsOfMessage(byteLength);
}

export class SlotsWriter extends RingWriter {
  readonly maxMessageBytes = this.writeAhead * PAYLOAD_BYTES;

  unitsFor(byteLength: number): number {
    return slotsOfMessage(byteLength);
  }

  tryWrite(payload: Uint8Array, header: MessageHeader): boolean {
    const byteLength = payload.length;
    if (byteLength > this.maxMessageBytes) this.refuse(byteLength);
    const units = slotsOf(byteLength);
    if (!this.hasRoom(units)) return false;
    this.put(0, payload, units, header.type);
    this.announce(units, 0, 1, byteLength);
    return true;
  }

  protected writeStep(
    payloads: readonly Uint8Array[],
    from: number,
    header: MessageHeader,
  ): number {
    let units = 0;
    let bytes = 0;
    let last = 0;
    let index = from;
    for (; index < payloads.length; index++) {
      const payload = payloads[index] as Uint8Array;
      const byteLength = payload.length;
      const needed = slotsOf(byteLength);
      if (units + needed > this.writeAhead || !this.hasRoom(units + needed)) break;
      last = units;
      this.put(units, payload, needed, header.type);
      units += needed;
      bytes += byteLength;
    }
    if (index > from) this.announce(units, last, index - from, bytes);
    return index - from;
  }

  /** `ahead`: slots from the head to where the message starts. */
  private put(ahead: number, payload: Uint8Array, units: number, kind: number): void {
    if (units > 1) {
      this.putLong(ahead, payload, units, kind);
      return;
    }
    const low = ((this.head | 0) + ahead) | 0;
    const at = this.base + (low & this.mask) * SLOT_WORDS;
    // The payload first: the header lies in its first line, which the copy then has at hand.
    this.bytes.set(payload, at * 4 + PAYLOAD_OFFSET_BYTES);
    this.header(at, (low + 1) | 0, payload.length, kind);
  }

  private putLong(ahead: number, payload: Uint8Array, units: number, kind: number): void {
    const slot = (this.head + ahead) & this.mask;
    if (slot + units <= this.capacity) {
      const at = this.payloadOffset(slot);
      this.bytes.set(payload, at);
      this.spread(at, payload.length);
    } else {
      this.putAcrossTheEnd(slot, payload);
    }
    this.headers(ahead, payload.length, kind);
  }

  private payloadOffset(slot: number): number {
    return this.base * 4 + slot * RING_SLOT_BYTES + SLOT_PAYLOAD_OFFSET_BYTES;
  }

  /**
   * Moves the pieces of a payload that lies at `at` in one run to their slots, the last one first: each stands at or
   * behind its place in the run. One copy more than `subarray` a piece, but nothing is allocated.
   */
  private spread(at: number, byteLength: number): void {
    const last = slotsOfMessage(byteLength) - 1;
    for (let i = last; i > 0; i--) {
      const from = at + i * SLOT_PAYLOAD_BYTES;
      const end = i === last ? at + byteLength : from + SLOT_PAYLOAD_BYTES;
      this.bytes.copyWithin(at + i * RING_SLOT_BYTES, from, end);
    }
  }

  /** Rare enough, once a lap, to allocate a view a piece. */
  private putAcrossTheEnd(slot: number, payload: Uint8Array): void {
    for (let from = 0; from < payload.length; from += SLOT_PAYLOAD_BYTES, slot++) {
      const piece = payload.subarray(from, from + SLOT_PAYLOAD_BYTES);
      this.bytes.set(piece, this.payloadOffset(slot & this.mask));
    }
  }

  /** Of all slots of a long message. */
  private headers(ahead: number, byteLength: number, kind: number): void {
    let low = (this.head + ahead) | 0;
    let slotKind = kind;
    for (let rest = byteLength; rest > 0; rest -= PAYLOAD_BYTES) {
      const at = this.base + (low & this.mask) * SLOT_WORDS;
      low = (low + 1) | 0;
      this.header(at, low, rest, slotKind);
      slotKind = kind | MessageKind.continuation;
    }
  }

  /** `at`: word index of the slot. `sequence`: its low word. */
  private header(at: number, sequence: number, length: number, kind: number): void {
    const words = this.words;
    words[at] = sequence;
    words[at + SEQUENCE_HIGH] = this.highOf(sequence);
    words[at + LENGTH] = length;
    words[at + KIND] = kind;
  }

  startAt(sequence: number): RingStart {
    const end = this.head + this.reservedUnits;
    const oldest = Math.max(0, end + this.writeAhead - this.capacity, sequence - 1);
    let position = Math.min(oldest, this.head);
    while (position < this.head && !this.startsMessage(position)) position++;
    return { position, sequence: position + 1 };
  }

  startAtNewest(): RingStart {
    const newestStart = this.lent ? this.lentNewestStart : this.words[Header.newestStart];
    const back = distance32(lowWord(this.head), newestStart as number);
    // What a borrower has under way may run over the newest message: the next one to come is as new.
    if (back + this.reservedUnits > this.capacity - this.writeAhead) return this.startAtHead();
    return { position: this.head - back, sequence: this.head - back + 1 };
  }

  startAtHead(): RingStart {
    return { position: this.head, sequence: this.head + 1 };
  }

  private startsMessage(position: number): boolean {
    const at = this.base + (lowWord(position) & this.mask) * RING_SLOT_WORDS;
    // Both words: the low one alone is 0 in a slot never written, and at every carry.
    const written =
      this.words[at + MessageSlot.sequenceLow] === (lowWord(position + 1) | 0) &&
      this.words[at + MessageSlot.sequenceHigh] === highWord(position + 1);
    return (
      written && ((this.words[at + MessageSlot.kind] as number) & MessageKind.continuation) === 0
    );
  }
}
