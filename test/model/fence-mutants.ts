/** Planted faults of the fences, in the code and in the order in which its owner calls it. Each must be found. */
import { CARRY, oneStream, twoStreams } from './fence-instances.js';
import type { FencePlan } from './fence-plan.js';
import { fence, latest } from './instances.js';
import type { Mutant } from './mutant.js';
import type { Plant } from './plant.js';

const WRITER = 'fence-writer';
const READER = 'fence-reader';
const POOL_WRITER = 'pool-writer';
const POOL_READER = 'pool-reader';
const PUBLISHER = { crashes: ['publisher'] } as const;
const DEATH = { crashes: [0] } as const;
const late = { ...latest, late: true } as const;
const closes = { ...latest, closes: true } as const;
const plant = (plan: FencePlan, planted: Plant): FencePlan => ({ ...plan, plant: planted });

const FENCE = 'queue.writeFence(slot, sequence);';
const MIRRORS = 'const readers = this.readers;\n        for';
const OWN_FENCE = 'if (!this.fenceReached(slot) || this.isPromised(slot))';
const HIGH_HALF = 'Atomics.load(this.control, record + Slot.fenceHigh) === highWord(sequence)';
const POISON_LOW = 'const POISON_LOW = -1;';

export const fenceMutants: readonly Mutant[] = [
  {
    rule: "a slot's fence comes after its mirrors",
    changes: [
      { file: WRITER, find: FENCE, replace: '' },
      { file: WRITER, find: MIRRORS, replace: `${FENCE} ${MIRRORS}` },
    ],
    on: fence('M two streams', twoStreams(3, 4)),
    breaks: /R0's GPU hangs/,
  },
  {
    rule: "a slot's fence comes after its mirrors: pages are unregistered by it",
    changes: [
      { file: WRITER, find: FENCE, replace: '' },
      { file: WRITER, find: MIRRORS, replace: `${FENCE} ${MIRRORS}` },
    ],
    on: fence('M closes', oneStream(2, 2, { readers: [closes], unregisters: true })),
    breaks: /GPU fault/,
  },
  {
    rule: 'a mirror a slot',
    changes: [
      { file: READER, find: '(Page.mirror + slot * MIRROR_WORDS) * 4', replace: 'Page.mirror * 4' },
    ],
    on: fence('M two streams', twoStreams(3, 3)),
    breaks: /torn/,
  },
  {
    rule: 'a slot is taken after its own fence',
    changes: [{ file: POOL_WRITER, find: OWN_FENCE, replace: 'if (this.isPromised(slot))' }],
    on: fence('M two streams', twoStreams(3, 4)),
    breaks: /torn/,
  },
  {
    rule: 'no job names a reader that is gone',
    changes: [{ file: WRITER, find: 'this.readers.splice(index, 1);', replace: '{}' }],
    on: fence('M closes', oneStream(2, 3, { readers: [closes], unregisters: true })),
    breaks: /GPU fault/,
  },
  {
    rule: 'a page is unregistered after the jobs that name it',
    changes: [],
    on: fence(
      'M closes',
      plant(oneStream(2, 2, { readers: [closes], unregisters: true }), 'unregistered at once'),
    ),
    breaks: /GPU fault/,
  },
  {
    rule: 'a page is unregistered after the jobs of both streams',
    changes: [
      {
        file: POOL_WRITER,
        find: '<= sequence && !this.fenceReached(slot)',
        replace: '=== sequence && !this.fenceReached(slot)',
      },
    ],
    on: fence('M closes', twoStreams(3, 3, { readers: [closes], unregisters: true })),
    breaks: /GPU fault/,
  },
  {
    rule: 'a joiner queues no wait for what was enqueued before it joined',
    changes: [{ file: READER, find: 'sequence >= this.mirroredFrom && ', replace: '' }],
    on: fence('M joins late', oneStream(2, 2, { readers: [late] })),
    breaks: /R0's GPU hangs/,
  },
  {
    rule: 'the frame at which a reader joined is not mirrored',
    changes: [{ file: READER, find: '>= this.mirroredFrom', replace: '>= this.mirroredFrom - 1' }],
    on: fence('M joins late', oneStream(2, 2, { readers: [late] })),
    breaks: /R0's GPU hangs/,
  },
  {
    rule: 'nobody joins between the enqueueing and the announcement of a frame',
    changes: [],
    on: fence(
      'M joins late',
      plant(oneStream(2, 2, { readers: [late] }), 'a join within a publish'),
    ),
    breaks: /R0's GPU hangs/,
  },
  {
    rule: 'a CPU starts no mirror',
    changes: [],
    on: fence(
      'M joins late',
      plant(oneStream(2, 2, { readers: [late] }), 'mirrors started by the CPU'),
    ),
    breaks: /torn/,
  },
  {
    rule: 'a frame is announced after it was enqueued',
    changes: [],
    on: fence(
      'M refused',
      plant(oneStream(2, 2, { refusal: 'whole' }), 'announced before enqueued'),
    ),
    breaks: /R0's GPU hangs/,
  },
  {
    rule: 'a slot whose work was taken in part stays on loan',
    changes: [],
    on: fence(
      'M refused',
      plant(twoStreams(2, 3, { refusal: 'in the middle' }), 'given back although enqueued'),
    ),
    breaks: /torn/,
  },
  {
    rule: 'a reader looks at its fence before it says ready',
    changes: [
      { file: READER, find: 'if (this.reached(slot, sequence))\n', replace: 'if (true)\n' },
    ],
    on: fence('M one stream', oneStream(2, 2)),
    breaks: /torn/,
  },
  {
    rule: 'a fence is reached when both halves are',
    changes: [{ file: READER, find: HIGH_HALF, replace: 'true' }],
    on: fence('M across the carry', oneStream(2, 2, { start: CARRY })),
    breaks: /torn/,
  },
  {
    rule: 'a slot is taken after both halves of its fence',
    changes: [
      {
        file: POOL_WRITER,
        find: 'this.words[record + Slot.fenceHigh] === this.words[record + Slot.sequenceHigh]',
        replace: 'true',
      },
    ],
    on: fence('M across the carry', twoStreams(3, 4, { start: CARRY + 1 })),
    breaks: /torn|hangs/,
  },
  {
    rule: 'a CPU clears no lease that a GPU reads under',
    changes: [],
    on: fence('M one stream', plant(oneStream(2, 3), 'the CPU releases')),
    breaks: /torn/,
  },
  {
    rule: 'a lease word is taken again after the GPU cleared it',
    changes: [
      { file: POOL_READER, find: '&& Atomics.load(this.page, Page.lease + i) === 0', replace: '' },
    ],
    on: fence('M one stream', oneStream(3, 4)),
    breaks: /torn|not its own/,
  },
  {
    rule: 'a queued release leaves the lease word to the GPU',
    changes: [
      {
        file: POOL_READER,
        find: 'releaseQueued(lease) {\n',
        replace: 'releaseQueued(lease) {\nAtomics.store(this.page, Page.lease + lease, 0);\n',
      },
    ],
    on: fence('M one stream', oneStream(2, 3)),
    breaks: /torn|not its own/,
  },
  {
    rule: 'leases of a dead reader count until its process has left the GPU',
    changes: [],
    on: fence('M the reader dies', plant(oneStream(2, 3), 'leases end with the socket'), DEATH),
    breaks: /torn/,
  },
  {
    rule: 'a reader closes after its releases have landed',
    changes: [],
    on: fence('M closes', plant(oneStream(2, 3, { readers: [closes] }), 'closed at once')),
    breaks: /stuck/,
  },
  {
    rule: 'close() hears the end of the publisher',
    changes: [],
    on: fence(
      'M closes',
      plant(oneStream(2, 2, { readers: [closes] }), 'close() is deaf'),
      PUBLISHER,
    ),
    breaks: /R0's GPU hangs/,
  },
  {
    rule: 'no half of the poison lowers what a late store left: else poison again and again',
    changes: [{ file: READER, find: POISON_LOW, replace: 'const POISON_LOW = 0;' }],
    on: fence('M poison once', plant(twoStreams(2, 2), 'poison once'), PUBLISHER),
    breaks: /R0's GPU hangs/,
  },
  {
    rule: 'the poison is beyond every sequence on the circle of 64 bits',
    changes: [{ file: READER, find: 'POISON_HIGH = 0x3fffffff;', replace: 'POISON_HIGH = -1;' }],
    on: fence('M one stream', oneStream(2, 2), PUBLISHER),
    breaks: /no good end/,
  },
  {
    rule: 'every mirror is poisoned',
    changes: [{ file: READER, find: 'slot < this.geometry.slots', replace: 'slot < 1' }],
    on: fence('M one stream', oneStream(2, 2), PUBLISHER),
    breaks: /no good end/,
  },
  {
    rule: 'what is complete is decided before the poison',
    changes: [],
    on: fence('M decided late', plant(oneStream(2, 2), 'decided after the poison'), PUBLISHER),
    breaks: /passes for complete/,
  },
  {
    rule: 'no wait is queued after the poison',
    changes: [{ file: READER, find: ' && !this.hasEnded', replace: '' }],
    on: fence('M one stream', oneStream(2, 2), PUBLISHER),
    breaks: /passes for complete/,
  },
];
