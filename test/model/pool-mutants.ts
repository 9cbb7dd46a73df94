/** Planted faults of the frame pool, one a rule at least. Each must be found on its instance. */
import { every, latest, pool } from './instances.js';
import type { Mutant } from './mutant.js';
import type { Plant } from './plant.js';
import type { PoolPlan, PoolReaderPlan } from './pool-plan.js';

const drop = (slots: number, frames: number, ...readers: PoolReaderPlan[]): PoolPlan => ({
  slots,
  frames,
  readers,
  policy: 'drop',
});
const wait = (slots: number, frames: number, ...readers: PoolReaderPlan[]): PoolPlan => ({
  ...drop(slots, frames, ...readers),
  policy: 'wait',
});
const lossless = (slots: number, frames: number, ...readers: PoolReaderPlan[]): PoolPlan => ({
  ...drop(slots, frames, ...readers),
  policy: 'lossless',
});
const HALF = { share: { index: 1, count: 2 } } as const;
const plant = (plan: PoolPlan, planted: Plant): PoolPlan => ({ ...plan, plant: planted });
const TSO = { ordering: 'tso' } as const;

const WRITER = 'pool-writer';
const READER = 'pool-reader';
const TAKE_SLOT = 'Atomics.store(this.words, this.recordOf(slot) + Slot.state, SlotState.taken);';
const LEASE = 'Atomics.store(page, Page.lease + lease, slot + 1);';
const HEAD = 'Atomics.store(words, Header.head, low);';
const READABLE = 'Atomics.store(words, record + Slot.state, SlotState.readable);';
const RELEASE = 'Atomics.store(this.page, Page.lease + lease, 0);';
const PROMISE = 'if (!this.fenceReached(slot) || this.isPromised(slot))';

export const poolMutants: readonly Mutant[] = [
  {
    rule: 'a slot is zeroed before it is taken',
    changes: [{ file: WRITER, find: TAKE_SLOT, replace: '' }],
    on: pool('M latest', drop(2, 4, latest)),
    breaks: /torn/,
  },
  {
    rule: 'the leases are scanned after the slot was zeroed',
    changes: [{ file: WRITER, find: 'if (this.isLeased(slot))\n', replace: 'if (false)\n' }],
    on: pool('M latest', drop(2, 4, latest)),
    breaks: /torn/,
  },
  {
    rule: 'all granted leases are scanned',
    changes: [{ file: WRITER, find: 'word < leases;', replace: 'word < 1;' }],
    on: pool('M two leases', drop(3, 5, { ...latest, leases: 2 })),
    breaks: /torn/,
  },
  {
    rule: 'leases are scanned after the zero, not before',
    changes: [
      {
        file: WRITER,
        find: TAKE_SLOT,
        replace: `const early = this.isLeased(slot); ${TAKE_SLOT}`,
      },
      { file: WRITER, find: 'if (this.isLeased(slot))\n', replace: 'if (early)\n' },
    ],
    on: pool('M latest', drop(2, 4, latest)),
    breaks: /torn/,
  },
  {
    rule: 'a reader looks again after its lease',
    changes: [
      {
        file: READER,
        find: 'Atomics.load(words, record + Slot.state) === SlotState.readable &&',
        replace: '',
      },
    ],
    on: pool('M latest', drop(2, 4, latest)),
    breaks: /torn/,
  },
  {
    rule: 'a reader compares the sequence after its lease',
    changes: [{ file: READER, find: 'words[record + Slot.sequenceLow] === low', replace: 'true' }],
    on: pool('M latest', drop(2, 4, latest)),
    breaks: /torn/,
  },
  {
    rule: 'the newest slot is never taken',
    changes: [{ file: WRITER, find: 'slot === this.newestSlot ||', replace: '' }],
    on: pool('M latest', drop(2, 4, latest)),
    breaks: /the newest frame was passed over/,
  },
  {
    rule: 'a promised slot is never taken',
    changes: [{ file: WRITER, find: PROMISE, replace: 'if (!this.fenceReached(slot))' }],
    on: pool('M every', drop(3, 5, every(2))),
    breaks: /entitled/,
  },
  {
    rule: 'cursors are read before the slot is zeroed',
    changes: [
      { file: WRITER, find: PROMISE, replace: 'if (!this.fenceReached(slot))' },
      {
        file: WRITER,
        find: TAKE_SLOT,
        replace: `${TAKE_SLOT}
          if (this.isPromised(slot)) {
            Atomics.store(this.words, this.recordOf(slot) + Slot.state, SlotState.readable);
            continue;
          }`,
      },
    ],
    on: pool('M every', drop(3, 5, every(2))),
    breaks: /entitled/,
  },
  {
    rule: 'the promise reaches as far as the budget',
    changes: [{ file: WRITER, find: 'age >= entry.maxLag', replace: 'age + 1 >= entry.maxLag' }],
    on: pool('M every', drop(3, 6, every(2))),
    breaks: /entitled/,
  },
  {
    rule: 'a reader beyond its budget jumps',
    changes: [
      {
        file: READER,
        find: 'const jumpTo = newest - maxLag;',
        replace: 'const jumpTo = this.lastSequence + 1;',
      },
    ],
    on: pool('M every', { ...drop(4, 7, every(2)), neverDrops: true }),
    breaks: /a drop although/,
  },
  {
    rule: 'a jump is counted',
    changes: [
      {
        file: READER,
        find: 'this.lost += countMembers(this.options.share, this.lastSequence, jumpTo);',
        replace: '',
      },
    ],
    on: pool('M every', drop(3, 6, every(1))),
    breaks: /frames passed/,
  },
  {
    rule: 'the payload lies there before the slot is readable',
    changes: [
      { file: WRITER, find: READABLE, replace: '' },
      {
        file: WRITER,
        find: 'this.onLoan[slot] = 1;',
        replace: `this.onLoan[slot] = 1;
          this.words[this.recordOf(slot) + Slot.sequenceLow] = (this.published + 1) | 0;
          Atomics.store(this.words, this.recordOf(slot) + Slot.state, SlotState.readable);
          this.words[this.indexBase + ((this.published + 1) & this.indexMask)] = slot;
          Atomics.store(this.words, Header.head, (this.published + 1) | 0);`,
      },
    ],
    on: pool('M latest', drop(2, 3, latest)),
    breaks: /torn/,
  },
  {
    rule: 'the head comes after the slot is readable',
    changes: [
      { file: WRITER, find: HEAD, replace: '' },
      { file: WRITER, find: READABLE, replace: `${HEAD} ${READABLE}` },
    ],
    on: pool('M latest', drop(2, 3, latest)),
    breaks: /the newest frame was passed over/,
  },
  {
    rule: 'the index comes before the head',
    changes: [
      { file: WRITER, find: 'words[this.indexBase + (low & this.indexMask)] = slot;', replace: '' },
      {
        file: WRITER,
        find: HEAD,
        replace: `${HEAD} words[this.indexBase + (low & this.indexMask)] = slot;`,
      },
    ],
    on: pool('M latest', drop(2, 3, latest)),
    breaks: /the newest frame was passed over/,
  },
  {
    rule: 'a slot is taken only when its own fence is reached',
    changes: [{ file: WRITER, find: PROMISE, replace: 'if (this.isPromised(slot))' }],
    on: pool('M deferred', { ...drop(2, 4, latest), deferred: true }),
    breaks: /a pending slot was taken|torn/,
  },
  {
    rule: 'the fence comes after the data',
    changes: [
      {
        file: WRITER,
        find: 'if (deferred)\n',
        replace: 'if (deferred) this.pending[slot] = 1; if (false)\n',
      },
    ],
    on: pool('M deferred', { ...drop(2, 3, latest), deferred: true }),
    breaks: /torn/,
  },
  {
    rule: 'a lease word is taken only when it is free',
    changes: [
      {
        file: READER,
        find: 'this.slotPlusOne[i] === 0 && Atomics.load(this.page, Page.lease + i) === 0',
        replace: 'true',
      },
    ],
    on: pool('M two leases', drop(3, 5, { ...latest, leases: 2 })),
    breaks: /while it is in use/,
  },
  {
    rule: 'the zero is an Atomics.store (x86-64)',
    changes: [
      {
        file: WRITER,
        find: TAKE_SLOT,
        replace: 'this.words[this.recordOf(slot) + Slot.state] = SlotState.taken;',
      },
    ],
    on: pool('M latest', drop(2, 4, latest), TSO),
    breaks: /torn/,
  },
  {
    rule: 'the lease is an Atomics.store (x86-64)',
    changes: [{ file: READER, find: LEASE, replace: 'page[Page.lease + lease] = slot + 1;' }],
    on: pool('M latest', drop(2, 4, latest), TSO),
    breaks: /torn/,
  },
  {
    rule: 'the armed flag is an Atomics.store (x86-64)',
    changes: [
      {
        file: 'doorbell',
        find: 'Atomics.store(page, Page.armed, 1);',
        replace: 'page[Page.armed] = 1;',
      },
    ],
    on: pool('M latest', drop(2, 3, latest), TSO),
    breaks: /rests at/,
  },
  {
    rule: 'the head is an Atomics.store (x86-64)',
    changes: [{ file: WRITER, find: HEAD, replace: 'words[Header.head] = low;' }],
    on: pool('M latest', drop(2, 3, latest), TSO),
    breaks: /rests at/,
  },
  {
    rule: 'the release is an Atomics.store where the publisher waits (x86-64)',
    changes: [{ file: READER, find: RELEASE, replace: 'this.page[Page.lease + lease] = 0;' }],
    on: pool('M two leases', wait(2, 4, { ...latest, leases: 2 }), TSO),
    breaks: /stuck/,
  },
  {
    rule: 'the cursor is an Atomics.store where the publisher waits (x86-64)',
    changes: [
      {
        file: READER,
        find: 'Atomics.store(this.page, Page.cursor, low);',
        replace: 'this.page[Page.cursor] = low;',
      },
    ],
    on: pool('M lossless', lossless(3, 4, every(1, HALF)), TSO),
    breaks: /stuck/,
  },
  {
    rule: "the publisher's flag is an Atomics.store (x86-64)",
    changes: [
      {
        file: 'reader-roster',
        find: 'Atomics.store(entries[i].page, Page.publisherArmed, 1);',
        replace: 'entries[i].page[Page.publisherArmed] = 1;',
      },
    ],
    on: pool('M lossless', lossless(3, 4, every(1)), TSO),
    breaks: /stuck/,
  },
  {
    rule: 'a side looks again after it has armed',
    changes: [{ file: 'doorbell', find: 'return true;', replace: 'return false;' }],
    on: pool('M latest', drop(2, 3, latest)),
    breaks: /rests at/,
  },
  {
    rule: 'the flag stays up until a WAKE was read',
    changes: [],
    on: pool('M latest', plant(drop(2, 4, latest), 'a unit lowers the doorbell')),
    breaks: /second WAKE/,
  },
  {
    rule: 'the bell takes the flag down',
    changes: [
      {
        file: 'reader-roster',
        find: 'Atomics.exchange(entry.page, Page.armed, 0)',
        replace: 'Atomics.load(entry.page, Page.armed)',
      },
    ],
    on: pool('M latest', drop(2, 4, latest)),
    breaks: /second WAKE/,
  },
  {
    rule: 'every reader that is armed is rung',
    changes: [
      {
        file: 'reader-roster',
        find: 'if (Atomics.load(entry.page, Page.armed) === 0)\n                continue;',
        replace: 'if (Atomics.load(entry.page, Page.armed) === 0)\n                break;',
      },
    ],
    on: pool('M two latest', drop(2, 1, latest, latest)),
    breaks: /rests at/,
  },
  {
    rule: 'a release rings a waiting publisher',
    changes: [
      {
        file: READER,
        find: `${RELEASE}
        if (publisherWaits(this.page))`,
        replace: `${RELEASE}
        if (false)`,
      },
    ],
    on: pool('M two leases', wait(2, 4, { ...latest, leases: 2 })),
    breaks: /stuck/,
  },
  {
    rule: 'a failed claim rings a waiting publisher',
    changes: [{ file: READER, find: 'if (publisherWaits(page))', replace: 'if (false)' }],
    on: pool('M latest of a share', wait(2, 4, { ...latest, ...HALF })),
    breaks: /stuck/,
  },
  {
    rule: 'a cursor rings a waiting publisher',
    changes: [
      {
        file: READER,
        find: `Atomics.store(this.page, Page.cursor, low);
        if (publisherWaits(this.page))`,
        replace: `Atomics.store(this.page, Page.cursor, low);
        if (false)`,
      },
    ],
    on: pool('M every of a share', lossless(3, 4, every(1, HALF))),
    breaks: /stuck/,
  },
  {
    rule: 'a lossless publisher waits for room of every reader',
    changes: [{ file: WRITER, find: 'if (this.lossless &&', replace: 'if (false &&' }],
    on: pool('M lossless', lossless(4, 6, every(2))),
    breaks: /entitled/,
  },
  {
    rule: 'a joiner begins with the head as its cursor',
    changes: [
      {
        file: WRITER,
        find: 'const cursor = lowWord(joinSequence) | 0;',
        replace: 'const cursor = 0;',
      },
    ],
    on: pool('M a late one', lossless(3, 5, every(1, { late: true }))),
    breaks: /stuck/,
  },
  {
    rule: 'a cursor that runs backwards is not believed',
    changes: [
      {
        file: READER,
        find: 'const low = lowWord(sequence) | 0;',
        replace: 'const low = (lowWord(sequence) + 1) | 0;',
      },
    ],
    on: pool('M every', drop(3, 5, every(2))),
    breaks: /entitled/,
  },
  {
    rule: 'only a dead reader is forgotten',
    changes: [],
    on: pool('M a socket that ends early', drop(2, 4, latest), { shuts: [0] }),
    breaks: /torn/,
  },
  {
    rule: 'one more look after the end of the socket',
    changes: [],
    on: pool('M latest', plant(drop(2, 3, latest), 'no look after the end of the socket'), {
      crashes: ['publisher'],
    }),
    breaks: /rests at/,
  },
  {
    rule: 'no WAKE is swallowed after the last look',
    changes: [],
    on: pool('M latest', plant(drop(2, 3, latest), 'wakes drained after the last look')),
    breaks: /rests at/,
  },
  {
    rule: 'discarding a page wakes the publisher',
    changes: [],
    on: pool('M latest', plant(wait(2, 3, latest), 'a discarded page wakes nobody'), {
      crashes: [0],
    }),
    breaks: /stuck/,
  },
  {
    rule: 'what asks for a WAKE gets one',
    changes: [],
    on: pool('M latest', plant(wait(2, 4, latest), 'a reader rings nobody')),
    breaks: /stuck/,
  },
  {
    rule: 'a WAKE lowers the doorbell also when nobody waits for it',
    changes: [],
    on: pool('M every', plant(wait(3, 6, every(2)), 'a WAKE that nobody waits for is forgotten')),
    breaks: /stuck/,
  },
  {
    rule: 'a join makes the publisher arm again',
    changes: [],
    on: pool(
      'M a late one',
      plant(
        lossless(2, 4, { ...latest, share: { index: 1, count: 3 } }, every(1, { late: true })),
        'a join leaves the doorbell as it is',
      ),
    ),
    breaks: /stuck/,
  },
];
