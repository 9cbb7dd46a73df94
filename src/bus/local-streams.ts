/**
 * Publishers of this very thread, for its own subscribers: between the two, events take the place of mirror words. An
 * event costs a stream nothing while it waits, and neither side can die without the other.
 */
import type { Event } from '../gpu/index.js';

/** Events by slot, recorded by each publish. */
export interface SharedEvents {
  readonly bySlot: readonly (Event | undefined)[];
  /** The first sequence that records one. */
  readonly from: number;
}

export interface LocalStream {
  /** From here on the publishes record events for this subscriber. Undefined when it has no place here. */
  shareEvents(subscriber: number): SharedEvents | undefined;
}

const streams = new Map<string, LocalStream>();

const keyOf = (instance: string, epoch: number): string => `${instance} ${epoch}`;

export function addLocalStream(instance: string, epoch: number, stream: LocalStream): void {
  streams.set(keyOf(instance, epoch), stream);
}

export function removeLocalStream(instance: string, epoch: number): void {
  streams.delete(keyOf(instance, epoch));
}

/** The stream behind a manifest when this thread publishes it. */
export function localStream(instance: string, epoch: number): LocalStream | undefined {
  return streams.get(keyOf(instance, epoch));
}
