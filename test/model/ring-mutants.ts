/** Planted faults of the message rings: room, copies, sizes, joins. Each must be found on its instance. */
import { Header } from '../../src/layout/index.js';
import { held, lossy, newest, pinned, ring } from './instances.js';
import type { Mutant } from './mutant.js';
import {
  BYTES,
  WIDE,
  CURSOR,
  HEAD,
  LONG,
  ONE,
  READER,
  slots,
  TWO,
  waiting,
  WRITER,
} from './ring-mutant-plans.js';

const ROOM = 'return units <= this.room;';

export const ringMutants: readonly Mutant[] = [
  {
    rule: 'a copy is checked against the write-ahead, not only the head',
    changes: [
      {
        file: READER,
        find: 'ahead + this.writeAhead <= this.capacity',
        replace: 'ahead <= this.capacity',
      },
    ],
    on: ring('M lossy', slots(6, [lossy])),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'a copy is checked after it was made',
    changes: [
      {
        file: READER,
        find: 'if (this.options.pinned)\n            return true;',
        replace: 'return true;',
      },
    ],
    on: ring('M lossy', slots(6, [lossy])),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'the newest message is checked after it was copied',
    changes: [
      {
        file: 'slots-reader',
        find: 'now < 0 || now + this.writeAhead > this.capacity',
        replace: 'now < 0',
      },
    ],
    on: ring('M newest', slots(6, [newest])),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'who is further behind than the writer leaves alone goes on at the head',
    changes: [
      {
        file: READER,
        find: 'if (ahead > this.capacity - this.writeAhead) {',
        replace: 'if (false) {',
      },
      { file: READER, find: 'if (ahead > 0)\n            this.jump(ahead);', replace: '' },
    ],
    on: ring('M lossy', slots(6, [lossy])),
    breaks: /./,
  },
  {
    rule: 'a jump is counted',
    changes: [{ file: READER, find: 'this.overrun(units);', replace: '' }],
    on: ring('M lossy', slots(6, [lossy])),
    breaks: /missed before/,
  },
  {
    rule: 'the own budget is kept, not less',
    changes: [
      {
        file: READER,
        find: 'if (ahead <= this.options.maxLag)',
        replace: 'if (ahead <= this.options.maxLag - 1)',
      },
    ],
    on: ring('M own budget', slots(6, [{ ...lossy, maxLag: 2 }], { capacity: 8 })),
    breaks: /entitled/,
  },
  {
    rule: 'the writer stays behind the cursors',
    changes: [{ file: WRITER, find: ROOM, replace: 'return true;' }],
    on: ring('M pinned', waiting(5, [pinned(2)])),
    breaks: /./,
  },
  {
    rule: 'the writer stays behind the slowest cursor',
    changes: [
      {
        file: WRITER,
        find: 'if (left < room)\n                room = left;',
        replace: 'room = left;',
      },
    ],
    on: ring('M two pinned', waiting(3, [pinned(2), pinned(2)])),
    breaks: /./,
  },
  {
    rule: 'room is used up by what is written',
    changes: [{ file: WRITER, find: 'this.room -= units;', replace: '' }],
    on: ring('M pinned', waiting(5, [pinned(2)])),
    breaks: /./,
  },
  {
    rule: 'room is measured anew when a reader joins',
    changes: [
      {
        file: WRITER,
        find: 'this.roster.add(entry);\n        this.room = 0;',
        replace: 'this.roster.add(entry);',
      },
    ],
    on: ring('M a late one', waiting(8, [pinned(4, { late: 'oldest' })], { capacity: 4 })),
    breaks: /./,
  },
  {
    rule: 'the head comes after the payload',
    changes: [
      { file: WRITER, find: HEAD, replace: '' },
      {
        file: 'slots-writer',
        find: 'this.put(0, payload, units, header.type);',
        replace: `Atomics.store(this.words, ${Header.head}, (this.head + units) | 0); this.put(0, payload, units, header.type);`,
      },
    ],
    on: ring('M pinned', waiting(3, [pinned(2)])),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'the head moves over whole messages',
    changes: [
      {
        file: 'slots-writer',
        find: 'this.announce(units, 0, 1, byteLength);',
        replace: `if (units > 1) Atomics.store(this.words, ${Header.head}, (this.head + 1) | 0); this.announce(units, 0, 1, byteLength);`,
      },
    ],
    on: ring('M long', waiting(0, [pinned(4)], { ...WIDE, messages: [LONG, 1, LONG] })),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'a joiner begins with the head as its cursor',
    changes: [
      { file: WRITER, find: 'const cursor = lowWord(position) | 0;', replace: 'const cursor = 0;' },
    ],
    on: ring('M a late one', waiting(5, [pinned(2, { late: 'head' })])),
    breaks: /stuck/,
  },
  {
    rule: 'who was passed over is waited for again once it has caught up',
    changes: [{ file: WRITER, find: 'entry.passedOver = false;', replace: '' }],
    on: ring('M passed over', slots(9, [held(3)], { policy: 'pass over' })),
    breaks: /had caught up/,
  },
  {
    rule: 'a cursor is stored when messages are done',
    changes: [{ file: READER, find: CURSOR, replace: '' }],
    on: ring('M pinned', waiting(4, [pinned(2)])),
    breaks: /stuck/,
  },
  {
    rule: 'a cursor is stored after the copy, not before',
    changes: [
      {
        file: 'slots-reader',
        find: 'this.copy(units);\n        if (!this.copyHolds())',
        replace:
          'Atomics.store(this.page, Page.cursor, (this.position + units) | 0);\n        this.copy(units);\n        if (!this.copyHolds())',
      },
      { file: 'slots-reader', find: 'import { Header,', replace: 'import { Page, Header,' },
    ],
    on: ring('M pinned', waiting(5, [pinned(2)])),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'messages visited in place are given back after the visits',
    changes: [
      {
        file: 'slots-reader',
        find: 'const low = this.position | 0;',
        replace:
          'const low = this.position | 0; Atomics.store(this.page, 80, (low + available) | 0);',
      },
    ],
    on: ring('M in place', waiting(5, [pinned(2, { max: 3 })])),
    breaks: /torn|corrupt/,
  },
  {
    rule: 'a record does not cross the end of the ring',
    changes: [
      { file: 'bytes-writer', find: 'return rest < units ? rest : 0;', replace: 'return 0;' },
    ],
    on: ring(
      'M padding',
      slots(0, [pinned(8)], { ...BYTES, start: 7, policy: 'wait', messages: [TWO, ONE] }),
    ),
    breaks: /./,
  },
  {
    rule: 'room for a record counts its padding',
    changes: [
      {
        file: 'bytes-writer',
        find: 'if (!this.hasRoom(padding + units))',
        replace: 'if (!this.hasRoom(units))',
      },
    ],
    on: ring(
      'M padding',
      slots(0, [pinned(8)], { ...BYTES, policy: 'wait', messages: [ONE, TWO, TWO, TWO, TWO] }),
    ),
    breaks: /./,
  },
  {
    rule: 'a batch stays within the write-ahead',
    changes: [{ file: 'slots-writer', find: 'units + needed > this.writeAhead ||', replace: '' }],
    on: ring('M batches', slots(0, [lossy], { messages: [[1, 1, 1]] })),
    breaks: /a batch stays within/,
  },
];
