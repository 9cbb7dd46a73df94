/**
 * The instances that are searched: which sizes, readers, policies, deaths and store orders. `holds` instances must be
 * searched to their end without a broken rule; the others are wrong sizes, which must break the named one.
 */
import type { CheckOptions, Report } from './check.js';
import type { RingCode } from './code-under-test.js';
import { checkFences } from './fence-instance.js';
import type { FencePlan } from './fence-plan.js';
import { checkPool } from './pool-instance.js';
import type { PoolPlan, PoolReaderPlan } from './pool-plan.js';
import { checkRing } from './ring-instance.js';
import type { RingPlan, RingReaderPlan } from './ring-plan.js';

export interface Instance {
  readonly name: string;
  /** Text of the rule that must be found broken; none: every rule holds. */
  readonly breaks?: RegExp;
  run(code: RingCode): Report;
}

type Settings = Partial<CheckOptions> & { readonly breaks?: RegExp };

/** Far above any instance here: a search that grows beyond it has lost its bounds. */
const MAX_STATES = 4_000_000;
const MAX_STATES_LARGE = 120_000_000;

const boundsOf = (name: string): number => (name.startsWith('L') ? MAX_STATES_LARGE : MAX_STATES);

export function pool(name: string, plan: PoolPlan, settings: Settings = {}): Instance {
  const { breaks, ...options } = settings;
  const checkOptions = { name, maxStates: boundsOf(name), ...options };
  return {
    name,
    run: (code) => checkPool(code, plan, checkOptions),
    ...(breaks === undefined ? {} : { breaks }),
  };
}

export function ring(name: string, plan: RingPlan, settings: Settings = {}): Instance {
  const { breaks, ...options } = settings;
  const checkOptions = { name, maxStates: boundsOf(name), ...options };
  return {
    name,
    run: (code) => checkRing(code, plan, checkOptions),
    ...(breaks === undefined ? {} : { breaks }),
  };
}

export function fence(name: string, plan: FencePlan, settings: Settings = {}): Instance {
  const { breaks, ...options } = settings;
  const checkOptions = { name, maxStates: boundsOf(name), ...options };
  return {
    name,
    run: (code) => checkFences(code, plan, checkOptions),
    ...(breaks === undefined ? {} : { breaks }),
  };
}

export const latest: PoolReaderPlan = { delivery: 'latest' };
export const every = (maxLag: number, more: Partial<PoolReaderPlan> = {}): PoolReaderPlan => ({
  delivery: 'every',
  maxLag,
  ...more,
});
/** A reader that the writer waits for. */
export const held = (budget: number, more: Partial<RingReaderPlan> = {}): RingReaderPlan => ({
  delivery: 'every',
  budget,
  ...more,
});
export const pinned = (budget: number, more: Partial<RingReaderPlan> = {}): RingReaderPlan => ({
  ...held(budget, more),
  pinned: true,
});
/** A reader that the writer never waits for. */
export const lossy: RingReaderPlan = { delivery: 'every' };
export const newest: RingReaderPlan = { delivery: 'latest' };

const ALL = { crashes: ['publisher', 0] as const };
const ALL2 = { crashes: ['publisher', 0, 1] as const };
const CARRY = 2 ** 32;
const TSO = { ordering: 'tso' } as const;
const ARM = { ordering: 'arm', bufferEntries: 4 } as const;

const drop = (slots: number, frames: number, readers: readonly PoolReaderPlan[]): PoolPlan => ({
  slots,
  frames,
  readers,
  policy: 'drop',
});
const wait = (slots: number, frames: number, readers: readonly PoolReaderPlan[]): PoolPlan => ({
  ...drop(slots, frames, readers),
  policy: 'wait',
});
const small = { layout: 'slots', capacity: 4, writeAhead: 1, policy: 'drop' } as const;
const wide = { ...small, writeAhead: 2 } as const;
const bytes = { layout: 'bytes', capacity: 8, writeAhead: 4, policy: 'drop' } as const;
const messages = (count: number, words = 1): number[] => Array<number>(count).fill(words);
/** Words of a message of two slots, of one unit and of two units. */
const LONG = 61;
const ONE = 2;
const TWO = 9;

export const poolInstances: readonly Instance[] = [
  pool('P1 latest, two slots, every death', drop(2, 5, [latest]), ALL),
  pool('P2 two latest, two slots', { ...drop(2, 3, [latest, latest]), payloadWords: 2 }),
  pool('P3 latest and every(1), two slots, every death', drop(2, 3, [latest, every(1)]), ALL2),
  pool('P4 every(2), three slots, waiting, every death', wait(3, 6, [every(2)]), ALL),
  pool('P5 latest, two slots, waiting, every death', wait(2, 4, [latest]), ALL),
  pool('P6 latest and every(1), two slots, waiting', wait(2, 3, [latest, every(1)])),
  pool('P7 two latest, two slots, waiting, one dies', wait(2, 3, [latest, latest]), {
    crashes: [0],
  }),
  pool(
    'P8 every(2), three slots, lossless',
    { ...wait(3, 5, [every(2)]), policy: 'lossless' },
    ALL,
  ),
  pool('P9 every(2), three slots, passed over', {
    ...wait(3, 6, [every(2)]),
    policy: 'pass over',
  }),
  pool('P10 latest across the carry', { ...drop(3, 6, [latest]), start: CARRY - 3 }, ALL),
  pool('P11 every(2) across the carry', { ...wait(3, 6, [every(2)]), start: CARRY - 3 }, ALL),
  pool('P12 a late every(2), loans given back', {
    ...wait(3, 4, [every(2, { late: true })]),
    givesBack: true,
  }),
  pool('P13 a late latest beside every(1), waiting', {
    ...wait(2, 2, [every(1), { ...latest, late: true }]),
  }),
  pool('P14 two leases', drop(3, 5, [{ ...latest, leases: 2 }]), ALL),
  pool('P15 two leases, every(2), waiting', wait(4, 6, [every(2, { leases: 2 })])),
  pool('P16 every(2) of a share', drop(3, 5, [every(2, { share: { index: 1, count: 2 } })])),
  pool('P17 latest of a share', drop(2, 5, [{ ...latest, share: { index: 0, count: 2 } }])),
  pool('P18 large enough for every(2): never drops', {
    ...drop(4, 7, [every(2)]),
    neverDrops: true,
  }),
  pool('P19 large enough for two leases: never drops', {
    ...drop(4, 6, [{ ...latest, leases: 2 }]),
    neverDrops: true,
  }),
  pool(
    'P20 one slot fewer for every(2)',
    { ...drop(3, 7, [every(2)]), neverDrops: true },
    { breaks: /a drop although/ },
  ),
  pool(
    'P21 one slot fewer for two leases',
    { ...drop(3, 6, [{ ...latest, leases: 2 }]), neverDrops: true },
    { breaks: /a drop although/ },
  ),
  pool('P22 latest, x86-64', drop(2, 4, [latest]), { ...TSO, ...ALL }),
  pool('P23 every(2), waiting, x86-64', wait(3, 5, [every(2)]), { ...TSO, ...ALL }),
  pool('P24 latest and every(1), x86-64', drop(2, 3, [latest, every(1)]), TSO),
  pool('P25 latest, arm64', drop(2, 4, [latest]), ARM),
  pool('P26 every(2), waiting, arm64', wait(3, 5, [every(2)]), ARM),
  pool('P27 a socket that ends while its frame is read', drop(2, 4, [latest]), {
    shuts: [0],
    breaks: /torn/,
  }),
  pool(
    'P28 deferred latest, two slots, waiting, every death',
    { ...wait(2, 4, [latest]), deferred: true },
    ALL,
  ),
  pool(
    'P29 deferred every(2), three slots, x86-64',
    { ...drop(3, 4, [every(2)]), deferred: true },
    TSO,
  ),
  pool(
    'P30 every(2), waiting, the doorbell lowered when served',
    {
      ...wait(3, 6, [every(2)]),
      lowers: 'when served',
    },
    ALL,
  ),
  pool('P31 a late every(1), lossless, the doorbell lowered when served', {
    ...drop(2, 4, [{ ...latest, share: { index: 1, count: 3 } }, every(1, { late: true })]),
    policy: 'lossless',
    lowers: 'when served',
  }),
];

export const ringInstances: readonly Instance[] = [
  ring('R1 lossy, every death', { ...small, messages: messages(6, 2), readers: [lossy] }, ALL),
  ring('R2 newest only, every death', { ...small, messages: messages(5), readers: [newest] }, ALL),
  ring(
    'R3 pinned, waiting, every death',
    { ...small, policy: 'wait', messages: messages(6), readers: [pinned(4)] },
    ALL,
  ),
  ring(
    'R4 long messages and batches, pinned',
    { ...wide, policy: 'wait', messages: [1, LONG, [1, 1], LONG, 1], readers: [pinned(4)] },
    ALL,
  ),
  ring('R5 long messages and batches, lossy', {
    ...wide,
    messages: [1, LONG, [1, 1], LONG],
    readers: [lossy],
  }),
  ring('R6 long messages and batches, newest only', {
    ...wide,
    messages: [LONG, [1, 1], LONG],
    readers: [newest],
  }),
  ring('R7 in place, several at once', {
    ...wide,
    policy: 'wait',
    messages: [1, [1, 1], LONG, 1, [1, 1]],
    readers: [pinned(4, { max: 3 })],
  }),
  ring('R8 one held, one lossy', {
    ...small,
    policy: 'wait',
    capacity: 2,
    messages: messages(3),
    readers: [pinned(2), lossy],
  }),
  ring(
    'R9 two held, waiting, one dies',
    {
      ...small,
      capacity: 2,
      policy: 'wait',
      messages: messages(3),
      readers: [pinned(2), pinned(2)],
    },
    { crashes: [0] },
  ),
  ring('R10 held, dropping', { ...small, messages: messages(6), readers: [held(3)] }, ALL),
  ring('R11 passed over and held again', {
    ...small,
    policy: 'pass over',
    messages: messages(7),
    readers: [held(3)],
  }),
  ring('R12 passed over, long messages and batches', {
    ...wide,
    capacity: 8,
    policy: 'pass over',
    messages: [LONG, [1, 1], 1, LONG, LONG],
    readers: [held(4)],
  }),
  ring('R13 own budget of two slots', {
    ...small,
    capacity: 8,
    messages: messages(6),
    readers: [{ ...lossy, maxLag: 2 }],
  }),
  ring('R14 joins late at the head, waiting', {
    ...small,
    capacity: 2,
    policy: 'wait',
    messages: messages(5),
    readers: [pinned(2, { late: 'head' })],
  }),
  ring('R15 joins late at the newest', {
    ...wide,
    policy: 'wait',
    messages: [1, LONG, [1, 1], LONG],
    readers: [held(2, { late: 'newest' })],
  }),
  ring('R16 joins late at the oldest', {
    ...wide,
    policy: 'wait',
    messages: [1, LONG, [1, 1], LONG],
    readers: [held(2, { late: 'oldest' })],
  }),
  ring('R17 lossy across the carry', {
    ...small,
    start: CARRY - 2,
    messages: messages(6),
    readers: [lossy],
  }),
  ring('R18 pinned across the carry', {
    ...wide,
    start: CARRY - 3,
    policy: 'wait',
    messages: [1, LONG, [1, 1], LONG],
    readers: [pinned(4)],
  }),
  ring('R19 newest only across the carry', {
    ...small,
    start: CARRY - 2,
    messages: messages(4),
    readers: [newest],
  }),
  ring('R20 time stamps', { ...small, samples: true, messages: messages(4), readers: [lossy] }),
  ring(
    'R21 a budget within reach of the writer: passed over too late',
    {
      ...small,
      policy: 'wait',
      messages: messages(6),
      readers: [held(4)],
    },
    { breaks: /although it was entitled/ },
  ),
  ring(
    'R22 lossy, copied backwards',
    { ...small, messages: messages(6, 2), readers: [lossy] },
    {
      copyOrder: 'backward',
    },
  ),
  ring('R23 lossy, x86-64', { ...small, messages: [[1, 1, 1], 1, 1], readers: [lossy] }, TSO),
  ring(
    'R24 pinned, waiting, x86-64',
    { ...small, capacity: 2, policy: 'wait', messages: messages(5), readers: [pinned(2)] },
    { ...TSO, ...ALL },
  ),
  ring('R25 newest only, x86-64', { ...small, messages: messages(5), readers: [newest] }, TSO),
  ring(
    'R26 lossy, batches, arm64',
    {
      ...small,
      messages: [
        [1, 1, 1],
        [1, 1, 1],
      ],
      readers: [lossy],
    },
    { ...ARM, bufferEntries: 6 },
  ),
  ring(
    'R27 pinned, waiting, arm64',
    { ...small, capacity: 2, policy: 'wait', messages: messages(4), readers: [pinned(2)] },
    ARM,
  ),
  ring(
    'R28 bytes, pinned, padding at the wrap, every death',
    {
      ...bytes,
      policy: 'wait',
      messages: [ONE, TWO, ONE, ONE, TWO, TWO, ONE],
      readers: [pinned(8)],
    },
    ALL,
  ),
  ring('R29 bytes, lossy, padding at the wrap', {
    ...bytes,
    start: 5,
    messages: [TWO, TWO, ONE, TWO],
    readers: [lossy],
  }),
  ring('R30 bytes, newest only', {
    ...bytes,
    start: 6,
    messages: [ONE, TWO, ONE, ONE],
    readers: [newest],
  }),
  ring('R31 bytes, own budget of two messages', {
    ...bytes,
    messages: messages(4, ONE),
    readers: [{ ...lossy, maxLag: 2 }],
  }),
  ring('R32 bytes, batches, passed over', {
    ...bytes,
    policy: 'pass over',
    messages: [[ONE, ONE], [TWO, ONE], TWO, TWO],
    readers: [held(4)],
  }),
  ring('R33 bytes, joins late at the oldest', {
    ...bytes,
    policy: 'wait',
    messages: [ONE, TWO, ONE, TWO],
    readers: [held(4, { late: 'oldest' })],
  }),
  ring(
    'R34 bytes, pinned, x86-64',
    {
      ...bytes,
      policy: 'wait',
      start: 5,
      messages: [TWO, TWO, ONE, TWO, ONE],
      readers: [pinned(4)],
    },
    TSO,
  ),
  ring(
    'R35 pinned, waiting, the doorbell lowered when served',
    {
      ...small,
      capacity: 2,
      policy: 'wait',
      messages: messages(5),
      readers: [pinned(2)],
      lowers: 'when served',
    },
    ALL,
  ),
  ring(
    'R36 bytes, newest only, long records',
    {
      ...bytes,
      start: 5,
      messages: [TWO, TWO, TWO],
      readers: [newest],
    },
    { crashes: ['publisher'] },
  ),
  ring(
    'R37 bytes, newest only, long records, x86-64',
    {
      ...bytes,
      start: 5,
      messages: [TWO, TWO],
      readers: [newest],
    },
    TSO,
  ),
  ring(
    'R38 bytes, newest only, long records, arm64',
    {
      ...bytes,
      start: 5,
      messages: [TWO, TWO],
      readers: [newest],
    },
    ARM,
  ),
];
