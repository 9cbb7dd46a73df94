/** The instances of rings that GPUs write. */
import { held, type Instance, lossy, newest, pinned, ring } from './instances.js';
import type { RingPlan, RingReaderPlan } from './ring-plan.js';

/** Stores of a GPU are no stronger ordered than those of an arm64 core. */
export const GPU = { ordering: 'arm', bufferEntries: 4 } as const;

/** Batches of two messages, written by two blocks. */
export const batches = (
  count: number,
  readers: readonly RingReaderPlan[],
  more: Partial<RingPlan> = {},
): RingPlan => ({
  layout: 'slots',
  capacity: 4,
  writeAhead: 2,
  policy: 'wait',
  messages: Array.from({ length: count }, () => [1, 1]),
  readers,
  gpuBlocks: 2,
  ...more,
});

/** Batches of one message, several of them under way: the room beyond write-ahead is for these. */
export const singles = (
  count: number,
  readers: readonly RingReaderPlan[],
  more: Partial<RingPlan> = {},
): RingPlan =>
  batches(0, readers, {
    writeAhead: 1,
    gpuBlocks: 1,
    messages: Array<number>(count).fill(1),
    ...more,
  });

export const gpuRingInstances: readonly Instance[] = [
  ring('G1 lossy', batches(3, [lossy]), GPU),
  ring('G2 pinned', batches(3, [pinned(4)]), GPU),
  ring('G3 held', batches(3, [held(2)]), GPU),
  ring('G4 newest only', batches(2, [newest]), GPU),
  ring('G5 lossy across the carry', batches(2, [lossy], { start: 2 ** 32 - 2 }), GPU),
  ring('G6 several kernels under way, lossy', singles(5, [lossy]), GPU),
  ring('G7 several kernels under way, joins late', singles(4, [held(3, { late: 'oldest' })]), GPU),
  ring('G8 the CPU takes the ring back', singles(4, [pinned(4)], { cpuAfter: 2 }), GPU),
  ring('G9 joins late at the newest', singles(5, [held(3, { late: 'newest' })]), GPU),
];
