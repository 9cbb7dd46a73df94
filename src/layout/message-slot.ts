/**
 * One slot of a slots ring: 256 bytes, so that a GPU thread block can write it with full-width stores.
 *
 * ```text
 *  0 sequence u64   position + 1 of this very slot
 *  8 length u32     first slot: bytes of the whole message; continuation: bytes that remain from here on
 * 12 kind u32       low 8 bits: the application's type · bit 31: continuation
 * 16 payload u8[240]
 * ```
 *
 * A message over 240 bytes takes consecutive slots (modulo the ring) and becomes visible as a whole.
 */
export const RING_SLOT_BYTES = 256;
export const RING_SLOT_WORDS = RING_SLOT_BYTES / 4;
export const SLOT_PAYLOAD_OFFSET_BYTES = 16;
export const SLOT_PAYLOAD_BYTES = RING_SLOT_BYTES - SLOT_PAYLOAD_OFFSET_BYTES;

export const MessageSlot = Object.freeze({ sequenceLow: 0, sequenceHigh: 1, length: 2, kind: 3 });

/** Slots that a message of `byteLength` bytes takes; an empty message takes one. */
export function slotsOfMessage(byteLength: number): number {
  return byteLength <= SLOT_PAYLOAD_BYTES ? 1 : Math.ceil(byteLength / SLOT_PAYLOAD_BYTES);
}
