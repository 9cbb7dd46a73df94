/** Planted faults of kernels that write a ring, and of their host. Each must be found. */
import { batches, GPU, singles } from './gpu-ring-instances.js';
import { held, lossy, pinned, ring } from './instances.js';
import type { Mutant } from './mutant.js';

const WRITER = 'ring-writer';

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
    on: ring('M lossy', singles(5, [lossy], { plant: 'no fence behind the head' }), GPU),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'a batch stays within write-ahead',
    changes: [{ file: WRITER, find: '&& units <= this.writeAhead, ', replace: ', ' }],
    on: ring('M lossy', batches(0, [lossy], { messages: [1, [1, 1], [1, 1]], writeAhead: 1 }), GPU),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'a kernel is launched into room that no earlier one takes',
    changes: [
      {
        file: WRITER,
        find: 'const wanted = this.lentUnits + units;',
        replace: 'const wanted = units;',
      },
    ],
    on: ring('M pinned', singles(5, [pinned(4)]), GPU),
    breaks: /only what was reserved/,
  },
  {
    rule: 'room is kept until its kernel is through',
    changes: [{ file: WRITER, find: 'this.measureRoom(wanted) < wanted', replace: 'false' }],
    on: ring('M pinned', singles(5, [pinned(4)]), GPU),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'a joiner begins behind what is under way',
    changes: [{ file: WRITER, find: 'wanted > this.capacity - this.writeAhead || ', replace: '' }],
    on: ring('M joins late', singles(6, [held(3, { late: 'head' })]), GPU),
    breaks: /torn|corrupt|entitled/,
  },
  {
    rule: 'the head comes back from the control block',
    changes: [
      {
        file: WRITER,
        find: 'this.head = joinUnsigned(low, this.high);',
        replace: 'this.head += 1;',
      },
    ],
    on: ring('M the CPU takes the ring back', singles(3, [pinned(4)], { cpuAfter: 1 }), GPU),
    breaks: /torn|corrupt|came twice|counted/,
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
