/** What a GPU producer needs of the message publisher that it writes for, and nobody else may have. */
import type { MessageFormat } from '../../format/index.js';
import type { Doorbell, RosterEntry } from '../../ring/index.js';
import type { ChannelOwner } from './channel-owner.js';
import type { MessageStream } from './message-stream.js';

export interface RingAccess {
  readonly owner: ChannelOwner<MessageStream<MessageFormat>>;
  readonly whenFull: 'drop' | 'wait' | 'overwrite';
  readonly patienceMs: number;
  /** Of the publisher that waits for room. */
  readonly doorbell: Doorbell;
  /** Wakes a reader that was asleep. */
  readonly wake: (entry: RosterEntry) => void;
  readonly countPassedOver: (readers: number) => void;
  readonly countDrops: (messages: number) => void;
  /** The producer of this ring: one at a time, since batches of several would have no order. */
  producer: { close(): Promise<void> } | undefined;
}

const accesses = new WeakMap<object, RingAccess>();

/** Called by the publisher for itself. */
export function grantRingAccess(publisher: object, access: RingAccess): void {
  accesses.set(publisher, access);
}

/** Undefined for what is no message publisher. */
export function ringAccessOf(publisher: unknown): RingAccess | undefined {
  return typeof publisher === 'object' && publisher !== null ? accesses.get(publisher) : undefined;
}
