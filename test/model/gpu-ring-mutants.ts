/** Planted faults of kernels that write a ring, and of their host. Each must be found. */
import { batches, GPU } from './gpu-ring-instances.js';
import { lossy, pinned, ring } from './instances.js';
import type { Mutant } from './mutant.js';

export const gpuRingMutants: readonly Mutant[] = [
  {
    rule: 'a block has its slots in memory before it counts itself',
    changes: [],
    on: ring('M pinned', batches(2, [pinned(4)], { plant: 'no fence before the counter' }), GPU),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'the last block stores the head, not the first',
    changes: [],
    on: ring(
      'M pinned',
      batches(2, [pinned(4)], { plant: 'the first block stores the head' }),
      GPU,
    ),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'the head is in memory before the next kernel writes ahead of it',
    changes: [],
    on: ring('M lossy', batches(3, [lossy], { plant: 'no fence behind the head' }), GPU),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'a batch stays within write-ahead',
    changes: [],
    on: ring('M lossy', batches(0, [lossy], { messages: [1, [1, 1], [1, 1]], writeAhead: 1 }), GPU),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'a kernel is launched into room that no earlier one takes',
    changes: [],
    on: ring('M held', batches(3, [pinned(4)], { plant: 'room is taken twice' }), GPU),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'a lossy reader keeps a write-ahead away from the head',
    changes: [
      {
        file: 'ring-reader',
        find: 'if (ahead >= 0 && ahead + this.writeAhead <= this.capacity)',
        replace: 'if (ahead >= 0 && ahead <= this.capacity)',
      },
    ],
    on: ring('M lossy', batches(3, [lossy]), GPU),
    breaks: /torn|corrupt/,
  },
];
