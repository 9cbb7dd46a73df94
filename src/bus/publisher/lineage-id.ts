/** The lineage id of what is published: given by number, or inherited from a frame. */
import type { FrameFormat } from '../../format/index.js';
import type { Frame } from '../subscriber/received-frame.js';

const NO_ID = Object.freeze([0, 0] as const);
const WORD = 0xffffffffn;

/** Its two words, low first; both 0 when there is none. Throws `TypeError` and `RangeError` for what is no id. */
export function idWords(
  attempt: string,
  id: bigint | undefined,
  source: Frame<FrameFormat> | undefined,
): readonly [number, number] {
  if (id === undefined) return source?.idWords ?? NO_ID;
  if (typeof id !== 'bigint')
    throw new TypeError(`${attempt}: id must be a bigint, got ${typeof id}`);
  if (id < 1n || id >> 64n !== 0n) {
    throw new RangeError(`${attempt}: id must be from 1 to 2^64 - 1, got ${id}`);
  }
  return [Number(id & WORD) | 0, Number(id >> 32n) | 0];
}
