/**
 * The publisher's list of reader pages, and the two things it reads from them: cursors and doorbell flags.
 *
 * A page is foreign memory. A cursor may only move forward and never beyond the head; anything else is ignored, so
 * a lying reader can delay or lose its own delivery and nothing more.
 */
import { distance32 } from '../core/index.js';
import { Page } from '../layout/index.js';

export interface RosterEntry {
  readonly page: Int32Array;
  /** Low word of the last believable cursor. */
  lastCursor: number;
  /** Passed over for slowness; it holds the publisher back again once it has caught up. */
  passedOver: boolean;
}

export class ReaderRoster<E extends RosterEntry> {
  readonly entries: E[] = [];

  add(entry: E): void {
    this.entries.push(entry);
  }

  remove(entry: E): void {
    const index = this.entries.indexOf(entry);
    if (index >= 0) this.entries.splice(index, 1);
  }

  /** Units between a reader's cursor and `head` (a low word): what it still has to read. */
  lag(entry: E, head: number): number {
    const cursor = Atomics.load(entry.page, Page.cursor);
    const lag = distance32(head, cursor);
    if (lag <= distance32(head, entry.lastCursor)) {
      entry.lastCursor = cursor;
      return lag;
    }
    return distance32(head, entry.lastCursor);
  }

  /**
   * After a publish: wakes every reader that armed its doorbell. The head (or `published`) was stored with
   * `Atomics`, so either this load sees the flag or that reader's look after arming sees the head.
   */
  ring(wake: (entry: E) => void): void {
    const entries = this.entries;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as E;
      if (Atomics.load(entry.page, Page.armed) === 0) continue;
      if (Atomics.exchange(entry.page, Page.armed, 0) !== 0) wake(entry);
    }
  }

  /** Before waiting for room: asks every reader to ring when it lets go. A full look must follow. */
  arm(): void {
    const entries = this.entries;
    for (let i = 0; i < entries.length; i++) {
      Atomics.store((entries[i] as E).page, Page.publisherArmed, 1);
    }
  }
}
