/** Planted faults of the message rings: orders of stores and loads, doorbells. Each must be found on its instance. */
import { held, lossy, newest, pinned, ring } from './instances.js';
import type { Mutant } from './mutant.js';
import {
  BYTES,
  CURSOR,
  HEAD,
  ONE,
  READER,
  slots,
  waiting,
  WRITER,
  TWO,
} from './ring-mutant-plans.js';

const TSO = { ordering: 'tso' } as const;
const ARM = { ordering: 'arm', bufferEntries: 6 } as const;
const NEWEST_SEQUENCE = 'this.tellNewestSequence();';

export const ringOrderMutants: readonly Mutant[] = [
  {
    rule: 'who was passed over is looked at again after one write-ahead',
    changes: [{ file: WRITER, find: 'room = Math.min(room, this.writeAhead);', replace: '' }],
    on: ring('M passed over', slots(9, [held(3)], { policy: 'pass over' })),
    breaks: /had caught up/,
  },
  {
    rule: 'a cursor rings a waiting publisher',
    changes: [{ file: READER, find: 'if (publisherWaits(this.page))', replace: 'if (false)' }],
    on: ring('M pinned', waiting(4, [pinned(2)])),
    breaks: /stuck/,
  },
  {
    rule: 'an old newestStart does not end a look',
    changes: [
      {
        file: READER,
        find: 'return back > 0 && back < ahead ? ahead - back : 0;',
        replace: 'return ahead - back;',
      },
    ],
    on: ring('M newest', slots(4, [newest])),
    breaks: /./,
  },
  {
    rule: 'newestStart is loaded before the head',
    changes: [
      {
        file: 'slots-reader',
        find: 'const newestStart = this.words[Header.newestStart];',
        replace: '',
      },
      {
        file: 'slots-reader',
        find: 'const skipped = this.aheadOfNewest(newestStart, ahead);',
        replace:
          'const skipped = (ahead - ((this.position + ahead - this.words[Header.newestStart]) >>> 0));',
      },
    ],
    on: ring('M newest', slots(5, [newest])),
    breaks: /./,
  },
  {
    rule: 'newestStart comes after the head',
    changes: [
      {
        file: WRITER,
        find: `${HEAD}`,
        replace: `words[Header.newestStart] = newestStart; ${HEAD}`,
      },
      {
        file: READER,
        find: 'return back > 0 && back < ahead ? ahead - back : 0;',
        replace: 'return ahead - (back | 0);',
      },
    ],
    on: ring('M newest', slots(4, [newest])),
    breaks: /./,
  },
  {
    rule: 'newest only: no way past the newest message',
    changes: [
      {
        file: READER,
        find: "if (this.options.delivery === 'latest')\n            return;",
        replace: '',
      },
    ],
    on: ring(
      'M newest of long records',
      slots(0, [newest], { ...BYTES, start: 5, messages: [TWO, TWO] }),
    ),
    breaks: /entitled/,
  },
  {
    rule: 'newestStart is in memory before the flags are loaded (x86-64)',
    changes: [
      {
        file: 'bytes-writer',
        find: 'Atomics.store(this.words, Header.newestSequence, this.sequence | 0);',
        replace: 'this.words[Header.newestSequence] = this.sequence | 0;',
      },
    ],
    on: ring(
      'M newest of long records',
      slots(0, [newest], { ...BYTES, start: 5, messages: [TWO, TWO] }),
      TSO,
    ),
    breaks: /rests at/,
  },
  {
    rule: 'newestSequence comes after the head',
    changes: [
      {
        file: 'bytes-writer',
        find: `this.announce(padding + units, padding, 1, byteLength);\n        ${NEWEST_SEQUENCE}`,
        replace: `${NEWEST_SEQUENCE} this.announce(padding + units, padding, 1, byteLength);`,
      },
    ],
    on: ring(
      'M own budget',
      slots(0, [{ ...lossy, maxLag: 2 }], { ...BYTES, messages: [TWO, ONE, ONE, ONE] }),
    ),
    breaks: /entitled/,
  },
  {
    rule: 'the high word goes with a head that carries',
    changes: [
      {
        file: WRITER,
        find: 'if (carried)\n            words[Header.highA] = highWord(head);',
        replace: '',
      },
      {
        file: WRITER,
        find: 'if (carried)\n            Atomics.store(words, Header.highB, highWord(head));',
        replace: '',
      },
    ],
    on: ring('M carry', slots(3, [lossy], { start: 2 ** 32 - 2 })),
    breaks: /corrupt/,
  },
  {
    rule: 'a high word is written before the head that carries',
    changes: [
      {
        file: WRITER,
        find: 'if (carried)\n            words[Header.highA] = highWord(head);',
        replace: '',
      },
      {
        file: WRITER,
        find: 'if (carried)\n            Atomics.store(words, Header.highB, highWord(head));',
        replace: 'if (carried) { words[Header.highB] = words[Header.highA] = highWord(head); }',
      },
    ],
    on: ring('M carry', slots(3, [lossy], { start: 2 ** 32 - 2 })),
    breaks: /./,
  },
  {
    rule: 'no position is stamped with the time of another',
    changes: [
      {
        file: WRITER,
        find: 'this.words[Header.samplePosition] = this.head | 0;',
        replace: 'this.words[Header.samplePosition] = newestStart - 1;',
      },
    ],
    on: ring('M time stamps', slots(3, [lossy], { samples: true })),
    breaks: /time stamp/,
  },
  {
    rule: 'the head is an Atomics.store (x86-64)',
    changes: [{ file: WRITER, find: HEAD, replace: 'words[Header.head] = low;' }],
    on: ring('M lossy', slots(3, [lossy]), TSO),
    breaks: /rests at/,
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
    on: ring('M lossy', slots(3, [lossy]), TSO),
    breaks: /rests at/,
  },
  {
    rule: 'the cursor is an Atomics.store where the publisher waits (x86-64)',
    changes: [
      { file: READER, find: CURSOR, replace: 'this.page[Page.cursor] = this.position | 0;' },
    ],
    on: ring('M pinned', waiting(4, [pinned(2)]), TSO),
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
    on: ring('M pinned', waiting(4, [pinned(2)]), TSO),
    breaks: /stuck/,
  },
  {
    rule: 'the head is loaded after it was stored (arm64)',
    changes: [{ file: WRITER, find: '\n        Atomics.load(words, Header.head);', replace: '' }],
    on: ring(
      'M batches',
      slots(0, [lossy], {
        messages: [
          [1, 1, 1],
          [1, 1, 1],
        ],
      }),
      ARM,
    ),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'a store stands between the copy and its check (arm64)',
    changes: [{ file: READER, find: 'Atomics.store(this.page, Page.order, 0);', replace: '' }],
    on: ring('M lossy', slots(6, [lossy]), ARM),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'the head waits for the payload (arm64)',
    changes: [{ file: WRITER, find: HEAD, replace: 'words[Header.head] = low;' }],
    on: ring('M lossy', slots(2, [lossy]), ARM),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'a side looks again after it has armed',
    changes: [{ file: 'doorbell', find: 'return true;', replace: 'return false;' }],
    on: ring('M lossy', slots(3, [lossy])),
    breaks: /rests at/,
  },
  {
    rule: 'a waiting writer looks again after it has armed',
    changes: [
      {
        file: 'reader-roster',
        find: 'Atomics.store(entries[i].page, Page.publisherArmed, 1);',
        replace: '',
      },
    ],
    on: ring('M pinned', waiting(4, [pinned(2)])),
    breaks: /stuck/,
  },
  {
    rule: 'the flag stays up until a WAKE was read',
    changes: [],
    on: ring('M lossy', slots(4, [lossy], { plant: 'a unit lowers the doorbell' })),
    breaks: /second WAKE/,
  },
  {
    rule: 'one more look after the end of the socket',
    changes: [],
    on: ring('M lossy', slots(3, [lossy], { plant: 'no look after the end of the socket' }), {
      crashes: ['publisher'],
    }),
    breaks: /rests at/,
  },
  {
    rule: 'no WAKE is swallowed after the last look',
    changes: [],
    on: ring('M lossy', slots(3, [lossy], { plant: 'wakes drained after the last look' })),
    breaks: /rests at/,
  },
  {
    rule: 'discarding a page wakes the publisher',
    changes: [],
    on: ring('M pinned', waiting(4, [pinned(2)], { plant: 'a discarded page wakes nobody' }), {
      crashes: [0],
    }),
    breaks: /stuck/,
  },
  {
    rule: 'a WAKE lowers the doorbell also when nobody waits for it',
    changes: [],
    on: ring(
      'M pinned',
      waiting(5, [pinned(2)], { plant: 'a WAKE that nobody waits for is forgotten' }),
    ),
    breaks: /stuck/,
  },
];
