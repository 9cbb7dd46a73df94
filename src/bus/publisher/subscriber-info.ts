/** How a publisher shows a subscriber: its own facts, and the subscriber's word for what only that one can know. */
import { PageStatistic } from '../../layout/index.js';
import type { SubscriberInfo } from '../endpoint.js';
import type { Member, PublishedStream } from './channel-owner.js';

/** Statistics in a reader page are foreign: anything but a plain count reads as 0. */
function foreignCount(doubles: Float64Array, index: number): number {
  const value = doubles[index] ?? 0;
  return value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : 0;
}

export function subscriberInfo(member: Member, stream: PublishedStream): SubscriberInfo {
  const { session, views, grant, place } = member;
  const count = (index: number): number => foreignCount(views.doubles, index);
  return Object.freeze({
    id: session.id,
    label: session.hello.label,
    pid: session.credentials.pid,
    uid: session.credentials.uid,
    delivery: session.hello.delivery,
    maxLag: grant.maxLag,
    leases: grant.leases,
    lag: stream.lagOf(place),
    held: stream.heldBy(place),
    received: count(PageStatistic.received),
    skipped: count(PageStatistic.skipped),
    lost: count(PageStatistic.lost),
    reconnects: count(PageStatistic.reconnects),
    lastSequence: count(PageStatistic.lastSequence),
    bytesInPlace: count(PageStatistic.bytesInPlace),
    bytesCopied: count(PageStatistic.bytesCopied),
    latencyUs: Object.freeze({
      p50: count(PageStatistic.latencyP50Us),
      p99: count(PageStatistic.latencyP99Us),
      max: count(PageStatistic.latencyMaxUs),
    }),
  });
}
