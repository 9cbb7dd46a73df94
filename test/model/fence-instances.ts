/** The instances of frames that GPUs write and read. */
import type { FencePlan, FenceReaderPlan } from './fence-plan.js';
import { every, fence, type Instance, latest } from './instances.js';

const PUBLISHER = { crashes: ['publisher'] } as const;
const READER = { crashes: [0] } as const;
const ALL = { crashes: ['publisher', 0] } as const;
const late: FenceReaderPlan = { ...latest, late: true };
const closes: FenceReaderPlan = { ...latest, closes: true };

/** One stream of the publisher's, one reader. */
export const oneStream = (
  slots: number,
  frames: number,
  more: Partial<FencePlan> = {},
): FencePlan => ({ slots, frames, streams: 1, policy: 'drop', readers: [latest], ...more });
export const twoStreams = (
  slots: number,
  frames: number,
  more: Partial<FencePlan> = {},
): FencePlan => oneStream(slots, frames, { streams: 2, ...more });
/** Two frames before low words begin again at 0. */
export const CARRY = 2 ** 32 - 2;

export const fenceInstances: readonly Instance[] = [
  fence('F1 one stream', oneStream(3, 4)),
  fence('F2 one stream, two slots, every death', oneStream(2, 3), ALL),
  fence('F3 two streams', twoStreams(3, 4)),
  fence('F4 two streams, two slots, the publisher dies', twoStreams(2, 3), PUBLISHER),
  fence(
    'F5 two streams, the reader dies, its page is unregistered',
    {
      ...twoStreams(3, 3, { unregisters: true }),
    },
    READER,
  ),
  fence('F6 two streams, joins late', twoStreams(3, 3, { readers: [late] })),
  fence(
    'F7 two streams, joins late, the publisher dies',
    twoStreams(2, 2, { readers: [late] }),
    PUBLISHER,
  ),
  fence(
    'F8 closes, its page is unregistered',
    twoStreams(3, 3, { readers: [closes], unregisters: true }),
  ),
  fence('F9 closes while the publisher dies', oneStream(2, 3, { readers: [closes] }), PUBLISHER),
  fence('F10 two readers, one late', oneStream(3, 2, { readers: [latest, late] })),
  fence('F11 two readers, two streams', twoStreams(2, 2, { readers: [latest, latest] })),
  fence('F12 two leases', oneStream(3, 4, { readers: [{ ...latest, leases: 2 }] })),
  fence(
    'F13 two leases, the publisher dies',
    twoStreams(3, 2, { readers: [{ ...latest, leases: 2 }] }),
    PUBLISHER,
  ),
  fence('F14 every(2), waiting, polled', oneStream(3, 4, { policy: 'wait', readers: [every(2)] })),
  fence('F15 across the carry, joins late', twoStreams(3, 3, { start: CARRY, readers: [late] })),
  fence('F16 across the carry, the publisher dies', twoStreams(2, 2, { start: CARRY }), PUBLISHER),
  fence('F17 frames that the driver refuses', twoStreams(3, 3, { refusal: 'whole' })),
  fence(
    'F18 frames that the driver refuses in the middle',
    twoStreams(3, 3, { refusal: 'in the middle' }),
  ),
  fence('F19 x86-64, every death', oneStream(2, 2), { ordering: 'tso', ...ALL }),
  // A mirror a slot, and a poison of which no half can lower it: the loop around it is a second line of defence.
  fence('F20 poison once', twoStreams(2, 3, { plant: 'poison once' }), PUBLISHER),
];
