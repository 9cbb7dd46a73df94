/** How many slots a pool has, and what its readers can be promised of them. */
import { SluiceError } from '../../core/index.js';
import type { Hello } from '../../layout/handshake.js';
import { MAX_LEASES } from '../../layout/index.js';
import type { Grant } from './channel-owner.js';

/** Frames up to this many bytes get many slots by default; larger ones cost real memory. */
const SMALL_FRAME_BYTES = 64 * 1024;
const LARGE_FRAME_BYTES = 16 * 1024 * 1024;

/** Slots of a pool whose user names no number. */
export function defaultSlots(slotBytes: number): number {
  if (slotBytes <= SMALL_FRAME_BYTES) return 64;
  return slotBytes <= LARGE_FRAME_BYTES ? 16 : 8;
}

/**
 * slots ≥ Σ leases + max(1, largest maxLag) + 1 means that a frame can always be published (`spec/protocol.md`;
 * `test/model` shows that one slot fewer drops).
 */
export function slotsNeeded(grants: readonly Grant[]): number {
  const leased = grants.reduce((sum, grant) => sum + grant.leases, 0);
  return leased + grants.reduce((max, grant) => Math.max(max, grant.maxLag), 1) + 1;
}

/**
 * What `hello` can be promised beside `readers`: its leases first, then its lag.
 * Throws `LEASES_EXHAUSTED` when not even one frame is left.
 */
export function grantFrames(
  channel: string,
  slots: number,
  hello: Hello,
  readers: readonly Grant[],
): Grant {
  const leased = readers.reduce((sum, grant) => sum + grant.leases, 0);
  const largestLag = readers.reduce((max, grant) => Math.max(max, grant.maxLag), 1);
  const left = slots - 1 - leased - largestLag;
  const wantedLag = hello.delivery === 'every' ? Math.max(1, hello.maxLag) : 0;
  const leases = Math.max(0, Math.min(hello.leases, left, MAX_LEASES));
  const maxLag = Math.min(wantedLag, largestLag + (left - leases));
  if (leases >= 1 && (wantedLag === 0 || maxLag >= 1)) return { leases, maxLag };
  const needed = leased + hello.leases + Math.max(largestLag, wantedLag) + 1;
  throw new SluiceError(
    'LEASES_EXHAUSTED',
    `${channel} has ${slots} slots: ${leased} are granted to ${readers.length} subscribers, ` +
      `${largestLag} promised by lag, 1 is the publisher's; this subscriber needs ${needed} in all`,
    {
      details: { slots, leased, largestLag, neededSlots: needed },
      remedy: `Open the publisher with slots: ${needed} or more.`,
    },
  );
}
