/** Instances for `main.js --large`: minutes and gigabytes each. */
import { batches, GPU, singles } from './gpu-ring-instances.js';
import { oneStream, twoStreams } from './fence-instances.js';
import { largeGuardInstances } from './guard-instances.js';
import {
  every,
  fence,
  held,
  type Instance,
  latest,
  lossy,
  newest,
  pinned,
  pool,
  ring,
} from './instances.js';

const MESSAGES_4 = [1, 1, 1, 1];
const ALL = { crashes: ['publisher', 0, 1] } as const;
const ALL1 = { crashes: ['publisher', 0] } as const;
const slots = { layout: 'slots', capacity: 4, writeAhead: 1, policy: 'wait' } as const;
const LONG = 61;
const ONE = 2;
const TWO = 9;

export const largeInstances: readonly Instance[] = [
  pool(
    'L1 latest and every(2), three slots, every death',
    {
      slots: 3,
      frames: 4,
      readers: [latest, every(2)],
      policy: 'drop',
    },
    ALL,
  ),
  pool('L2 latest and every(2), three slots, waiting', {
    slots: 3,
    frames: 4,
    readers: [latest, every(2)],
    policy: 'wait',
  }),
  pool('L3 two latest, two slots, four frames', {
    slots: 2,
    frames: 4,
    readers: [latest, latest],
    policy: 'wait',
  }),
  pool(
    'L4 latest and a late every(1), lossless',
    {
      slots: 3,
      frames: 3,
      readers: [latest, every(1, { late: true })],
      policy: 'lossless',
    },
    { crashes: [0] },
  ),
  pool(
    'L5 latest and every(1), waiting, x86-64',
    {
      slots: 2,
      frames: 3,
      readers: [latest, every(1)],
      policy: 'wait',
    },
    { ordering: 'tso' },
  ),
  pool('L6 large enough for latest and every(1): never drops', {
    slots: 4,
    frames: 4,
    readers: [latest, every(1)],
    policy: 'drop',
    neverDrops: true,
  }),
  ring('L7 one held, one lossy', {
    ...slots,
    capacity: 2,
    messages: MESSAGES_4,
    readers: [pinned(2), lossy],
  }),
  ring(
    'L8 one held, one newest only, every death',
    {
      ...slots,
      capacity: 4,
      messages: [1, 1, 1],
      readers: [pinned(4), newest],
    },
    ALL,
  ),
  ring('L9 two passed over and held again', {
    ...slots,
    capacity: 2,
    policy: 'pass over',
    messages: [1, 1, 1],
    readers: [held(1), held(1)],
  }),
  ring('L10 long messages and batches, lossy, many laps', {
    ...slots,
    writeAhead: 2,
    policy: 'drop',
    messages: [1, LONG, [1, 1], LONG, 1, [1, 1], LONG, 1],
    readers: [lossy],
  }),
  ring('L11 bytes, lossy, own budget of two messages', {
    layout: 'bytes',
    capacity: 8,
    writeAhead: 4,
    policy: 'drop',
    messages: [ONE, ONE, TWO, ONE, TWO, ONE, TWO],
    readers: [{ ...lossy, maxLag: 2 }],
  }),
  fence('L12 one stream, four frames, every death', oneStream(3, 4), ALL1),
  fence(
    'L13 two streams, joins late, every death, pages are unregistered',
    twoStreams(3, 3, { readers: [{ ...latest, late: true }], unregisters: true }),
    ALL1,
  ),
  fence(
    'L14 two readers, two streams, one reader dies',
    twoStreams(2, 2, { readers: [latest, latest] }),
    { crashes: [0] },
  ),
  fence('L23 two readers, the publisher dies', oneStream(2, 1, { readers: [latest, latest] }), {
    crashes: ['publisher'],
  }),
  fence(
    'L15 two readers, one late, one closes, two streams',
    twoStreams(3, 3, {
      readers: [
        { ...latest, closes: true },
        { ...latest, late: true },
      ],
      unregisters: true,
    }),
  ),
  fence(
    'L16 two leases, two streams, the publisher dies',
    twoStreams(3, 3, { readers: [{ ...latest, leases: 2 }] }),
    { crashes: ['publisher'] },
  ),
  ring('L17 a GPU writes, lossy, many laps', batches(5, [lossy]), GPU),
  ring('L18 a GPU writes, one pinned, one lossy', batches(2, [pinned(4), lossy]), GPU),
  ring('L19 several kernels under way, pinned', singles(6, [pinned(4)]), GPU),
  ring(
    'L20 several kernels under way, joins late at the head',
    singles(5, [held(3, { late: 'head' })]),
    GPU,
  ),
  ring(
    'L21 several kernels under way, joins late, pinned',
    singles(5, [pinned(4, { late: 'newest' })]),
    GPU,
  ),
  fence('L22 two streams, two slots, every death', twoStreams(2, 3), ALL1),
  ...largeGuardInstances,
];
