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

export class SlotsWriter extends RingWriter {
  get maxMessageBytes(): number {
    return this.writeAhead * SLOT_PAYLOAD_BYTES;
  }

  unitsFor(byteLength: number): number {
    return slotsOfMessage(byteLength);
  }

  tryWrite(payload: Uint8Array, header: MessageHeader): boolean {
    const units = slotsOfMessage(payload.byteLength);
    if (!this.hasRoom(units)) return false;
    this.put(this.head, payload, units, header.type);
    this.announce(units, this.head, 1, payload.byteLength);
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
      const needed = slotsOfMessage(payload.byteLength);
      if (units + needed > this.writeAhead || !this.hasRoom(units + needed)) break;
      last = units;
      this.put(this.head + units, payload, needed, header.type);
      units += needed;
      bytes += payload.byteLength;
    }
    if (index > from) this.announce(units, this.head + last, index - from, bytes);
    return index - from;
  }

  private put(position: number, payload: Uint8Array, units: number, kind: number): void {
    const low = lowWord(position);
    if (units === 1) {
      const slot = low & (this.capacity - 1);
      this.header(slot, position, payload.byteLength, kind);
      this.bytes.set(payload, this.base * 4 + slot * RING_SLOT_BYTES + SLOT_PAYLOAD_OFFSET_BYTES);
      return;
    }
    for (let i = 0; i < units; i++) {
      const slot = (low + i) & (this.capacity - 1);
      const from = i * SLOT_PAYLOAD_BYTES;
      const piece = payload.subarray(from, from + SLOT_PAYLOAD_BYTES);
      this.header(
        slot,
        position + i,
        payload.byteLength - from,
        i === 0 ? kind : kind | MessageKind.continuation,
      );
      this.bytes.set(piece, this.base * 4 + slot * RING_SLOT_BYTES + SLOT_PAYLOAD_OFFSET_BYTES);
    }
  }

  private header(slot: number, position: number, length: number, kind: number): void {
    const words = this.words;
    const at = this.base + slot * RING_SLOT_WORDS;
    words[at + MessageSlot.sequenceLow] = lowWord(position + 1);
    words[at + MessageSlot.sequenceHigh] = highWord(position + 1);
    words[at + MessageSlot.length] = length;
    words[at + MessageSlot.kind] = kind;
  }

  startAt(sequence: number): RingStart {
    const oldest = Math.max(0, this.head + this.writeAhead - this.capacity, sequence - 1);
    let position = Math.min(oldest, this.head);
    while (position < this.head && !this.startsMessage(position)) position++;
    return { position, sequence: position + 1 };
  }

  startAtNewest(): RingStart {
    const back = distance32(lowWord(this.head), this.words[Header.newestStart] as number);
    return { position: this.head - back, sequence: this.head - back + 1 };
  }

  startAtHead(): RingStart {
    return { position: this.head, sequence: this.head + 1 };
  }

  private startsMessage(position: number): boolean {
    const at = this.base + (lowWord(position) & (this.capacity - 1)) * RING_SLOT_WORDS;
    const written = this.words[at + MessageSlot.sequenceLow] === (lowWord(position + 1) | 0);
    return (
      written && ((this.words[at + MessageSlot.kind] as number) & MessageKind.continuation) === 0
    );
  }
}
