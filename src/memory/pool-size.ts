/** The sizes a pool may have, checked in one place for every kind of memory. */
import { assertInteger } from '../core/index.js';
import { MAX_VIEW_BYTES } from '../ffi/index.js';
import type { PoolSize } from './domain.js';

/** A lease word holds slot + 1 in 32 bits; more slots than this is a mistake. */
const MAX_SLOTS = 65536;
const SLOT_ALIGNMENT = 64;

/** slots × slotBytes. Throws `RangeError` for what no pool can have. */
export function poolBytes({ slots, slotBytes }: PoolSize): number {
  assertInteger('slots', slots, 1, MAX_SLOTS);
  assertInteger('slotBytes', slotBytes, SLOT_ALIGNMENT, MAX_VIEW_BYTES);
  if (slotBytes % SLOT_ALIGNMENT !== 0) {
    throw new RangeError(`slotBytes must be a multiple of ${SLOT_ALIGNMENT}, got ${slotBytes}`);
  }
  return slots * slotBytes;
}
