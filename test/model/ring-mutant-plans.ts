/** Small plans for the planted faults of the rings. */
import type { RingPlan, RingReaderPlan } from './ring-plan.js';

type Readers = readonly RingReaderPlan[];

export const slots = (count: number, readers: Readers, more: Partial<RingPlan> = {}): RingPlan => ({
  layout: 'slots',
  capacity: 4,
  writeAhead: 1,
  policy: 'drop',
  messages: Array<number>(count).fill(1),
  readers,
  ...more,
});
/** A ring of two slots whose writer waits. */
export const waiting = (count: number, readers: Readers, more: Partial<RingPlan> = {}): RingPlan =>
  slots(count, readers, { policy: 'wait', capacity: 2, ...more });
export const WIDE = { writeAhead: 2, capacity: 4 } as const;
export const BYTES = { layout: 'bytes', writeAhead: 4, capacity: 8 } as const;

/** Words of a message of two slots, of a record of one unit and of one of two units. */
export const LONG = 61;
export const ONE = 2;
export const TWO = 9;

/** Texts of the compiled code. */
export const WRITER = 'ring-writer';
export const READER = 'ring-reader';
export const HEAD = 'Atomics.store(words, Header.head, low);';
export const CURSOR = 'Atomics.store(this.page, Page.cursor, this.position | 0);';
