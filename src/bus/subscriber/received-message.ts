/** A message as a subscriber gets it: copied out of the ring and decoded. */
import { joinSigned } from '../../core/index.js';
import { decodeMessage, type MessageFormat, type Payload } from '../../format/index.js';
import {
  EXTENDED_HEADER_BYTES,
  MessageKind,
  MessageRecord,
  RECORD_HEADER_BYTES,
} from '../../layout/index.js';
import type { SessionTerms } from './link-session.js';

/** One message, copied out of the ring and decoded: it belongs to its receiver and needs no release. */
export interface Message<F extends MessageFormat> {
  readonly channel: string;
  /** From 1: counts messages, in the slots layout slots. Starts anew with another publisher. */
  readonly sequence: number;
  /** When it was published: CLOCK_MONOTONIC, ns. NaN in the slots layout, which carries no times. */
  readonly timeNs: number;
  /** The application's type, 0 to 255. */
  readonly type: number;
  /** Encoded bytes. */
  readonly byteLength: number;
  /** A string for text, the parsed value for JSON, a Uint8Array of its own for bytes and packets. */
  readonly value: Payload<F>;
  /** Bytes layout: presentation time in ns, and what the publisher said of the frame it belongs to. */
  readonly packet?: MessagePacket;
}

/** What a message of the bytes layout says of the frame or access unit it belongs to. */
export interface MessagePacket {
  /** Presentation time, ns; 0 when the publisher gave none. */
  readonly ptsNs: number;
  readonly keyFrame: boolean;
  /** Lineage id of the frame; 0n when the publisher named none. */
  readonly id: bigint;
  /** Decode time, ns; the presentation time when the publisher gave none. */
  readonly dtsNs: number;
  /** CLOCK_MONOTONIC, ns; 0 when unknown. */
  readonly captureTimeNs: number;
}

/**
 * `view` is memory of this process at a time when nobody writes it. Bytes are copied out of it, text and JSON decoded
 * from it. Throws `INVALID_MESSAGE` for what the format cannot be.
 */
export function readMessage<F extends MessageFormat>(
  { manifest, clockOffsetNs }: SessionTerms,
  format: F,
  view: Uint8Array,
  offset: number,
  byteLength: number,
  type: number,
  sequence: number,
  headerOffset: number,
): Message<F> {
  const bytes = view.subarray(offset, offset + byteLength);
  const copies = format.kind === 'bytes' || format.kind === 'packet';
  const value = decodeMessage(format, copies ? bytes.slice() : bytes);
  const base = { channel: manifest.channel, sequence, type, byteLength, value };
  if (headerOffset < 0) return { ...base, timeNs: Number.NaN };
  const extended = offset - headerOffset === EXTENDED_HEADER_BYTES;
  const header = new DataView(
    view.buffer,
    view.byteOffset + headerOffset,
    extended ? EXTENDED_HEADER_BYTES : RECORD_HEADER_BYTES,
  );
  const word = (index: number): number => header.getInt32(index * 4, true);
  const time = (index: number): number => joinSigned(word(index), word(index + 1));
  const captureNs = extended ? time(MessageRecord.captureLow) : 0;
  return {
    ...base,
    timeNs: time(MessageRecord.timeLow) - clockOffsetNs,
    packet: {
      ptsNs: time(MessageRecord.ptsLow),
      keyFrame: (word(MessageRecord.kind) & MessageKind.key) !== 0,
      id: extended ? header.getBigUint64(MessageRecord.idLow * 4, true) : 0n,
      dtsNs: extended ? time(MessageRecord.dtsLow) : time(MessageRecord.ptsLow),
      captureTimeNs: captureNs === 0 ? 0 : captureNs - clockOffsetNs,
    },
  };
}
