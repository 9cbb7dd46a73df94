/**
 * Content that shows when it is torn: the same number all over a frame or message, a checksum of it at both ends, and
 * the number once more in the metadata.
 */
import {
  bytes,
  type BytesFormat,
  type Frame,
  type LoanedFrame,
  type Message,
  tensor,
  type TensorFormat,
} from '../../src/index.js';

export type Stamped = TensorFormat<'data'>;

/** 16 KiB a frame: a copy that is overtaken by a writer has time to be. */
const FRAME_WORDS = 4096;
const STRIDE_WORDS = 64;

export const STAMPED: Stamped = tensor('u32', [FRAME_WORDS]);
export const STAMPED_BYTES: BytesFormat = bytes();

function checksum(value: number): number {
  return Math.imul(value ^ 0x5bd1e995, 0x9e3779b1) >>> 0;
}

/** Fills a loan with `value` and publishes it. */
export function publishStamped(loan: LoanedFrame<Stamped>, value: number): number {
  const words = loan.tensors.data.data as Uint32Array;
  words[1] = checksum(value);
  for (let at = 0; at < FRAME_WORDS; at += STRIDE_WORDS) words[at] = value;
  words[FRAME_WORDS - 1] = checksum(value);
  return loan.publish({ ptsNs: value });
}

/** The number in a frame. Throws when any word of it, or the metadata, is of another frame. */
export function readStamp(frame: Frame<Stamped>): number {
  const words = frame.tensors.data.data as Uint32Array;
  const value = frame.ptsNs;
  const sum = checksum(value);
  let wrong = words[1] !== sum || words[FRAME_WORDS - 1] !== sum ? 1 : 0;
  for (let at = 0; at < FRAME_WORDS; at += STRIDE_WORDS) if (words[at] !== value) wrong += 1;
  if (wrong > 0) throw new Error(`torn frame ${frame.sequence}: ${wrong} words are not ${value}`);
  return value;
}

/** A message of 16 to about 3000 bytes. */
export function stampedMessage(value: number): Uint8Array {
  const words = new Uint32Array(4 + ((value * 37) % 750));
  words.fill(value);
  words[1] = checksum(value);
  words[words.length - 1] = checksum(value);
  return new Uint8Array(words.buffer);
}

/** The number in a message. Throws when it is not one of {@link stampedMessage}, whole. */
export function readStampedMessage(message: Message<BytesFormat>): number {
  const content = message.value as Uint8Array;
  const words = new Uint32Array(content.slice().buffer);
  const value = words[0] ?? -1;
  const expected = stampedMessage(value);
  if (Buffer.compare(content, expected) === 0) return value;
  throw new Error(`torn message ${message.sequence}: ${words.length} words, the first is ${value}`);
}
