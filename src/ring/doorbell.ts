/**
 * When may one side go to sleep? The same question at both ends, answered once.
 *
 * Order: arm, look once more, sleep. The flag stays up until a WAKE was read, so at most one WAKE is outstanding.
 * The other side stores what it has to offer, then exchanges the flag to 0: one of the two sees the other.
 */
import { Page } from '../layout/index.js';

/** The sleeping half of a doorbell: keeps whether the flag is up. */
export class Doorbell {
  private raised = false;

  /** `raise` puts the flag up in shared memory. */
  constructor(private readonly raise: () => void) {}

  /**
   * Called after a look found nothing. True: the flag was down and is up now, so look again before sleeping.
   * False: the flag was already up during the last look, so sleep until {@link woken}.
   */
  mustLookAgain(): boolean {
    if (this.raised) return false;
    this.raised = true;
    this.raise();
    return true;
  }

  /** A WAKE was read, or something else (a page discarded, the end of the socket) calls for a fresh start. */
  woken(): void {
    this.raised = false;
  }
}

/** The doorbell of a subscriber that waits for the publisher. */
export function readerDoorbell(page: Int32Array): Doorbell {
  return new Doorbell(() => {
    Atomics.store(page, Page.armed, 1);
  });
}

/**
 * Called by a subscriber after each step that can free something: a release, a failed claim, a cursor.
 * True: the publisher waits and must get a WAKE.
 */
export function publisherWaits(page: Int32Array): boolean {
  if (Atomics.load(page, Page.publisherArmed) === 0) return false;
  return Atomics.exchange(page, Page.publisherArmed, 0) !== 0;
}
