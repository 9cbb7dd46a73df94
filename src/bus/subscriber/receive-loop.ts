/**
 * Waiting for the next unit, the same for frames and messages: look, arm, look again, sleep until a WAKE or the end.
 * `test/model` runs this order step by step.
 */
import type { WaitOptions } from '../endpoint.js';
import { pauseBetweenLooks } from '../fence-poll.js';
import type { ChannelLink } from './channel-link.js';
import type { LinkSession } from './link-session.js';

/** How to wait while blocking the thread. */
export interface SyncWaitOptions {
  /** How long to block the thread at most. */
  readonly timeoutMs: number;
  /** How long to spin before sleeping: lower latency for a busy core. Default 0. */
  readonly spinUs?: number;
}

/** The next unit, or undefined at the subscriber's end. Rejects with the signal's reason. */
export async function receiveNext<S extends LinkSession, U>(
  link: ChannelLink<S>,
  look: () => U | undefined,
  { signal }: WaitOptions,
): Promise<U | undefined> {
  if (link.turn.isOver) await link.turn.pass();
  let silentSinceMs = -1;
  for (;;) {
    signal?.throwIfAborted();
    const unit = look();
    if (unit !== undefined) return unit;
    if (link.end !== undefined) return undefined;
    if (link.session?.isSilent === true) {
      if (silentSinceMs < 0) silentSinceMs = performance.now();
      await pauseBetweenLooks(silentSinceMs);
      continue;
    }
    silentSinceMs = -1;
    if (link.session?.doorbell.mustLookAgain() === true) continue;
    link.turn.waited();
    await link.ready.wait(signal);
  }
}

/** How long a blocking wait for a publisher that is lost takes at most. */
const LOST_PAUSE_MS = 10;
/** How long a blocking wait for the work of a GPU sleeps between two looks. */
const SILENT_PAUSE_MS = 0.1;
/** A word that never changes: waiting for it is sleeping. */
const nobody = new Int32Array(new SharedArrayBuffer(4));

/** As `receiveNext`, blocking the thread. Undefined at the end and after `timeoutMs`. Reconnecting needs the event loop. */
export function receiveNextSync<S extends LinkSession, U>(
  link: ChannelLink<S>,
  look: () => U | undefined,
  { timeoutMs, spinUs = 0 }: SyncWaitOptions,
): U | undefined {
  const deadlineMs = performance.now() + timeoutMs;
  const spinUntilMs = performance.now() + Math.min(spinUs / 1000, timeoutMs);
  for (;;) {
    const unit = look();
    if (unit !== undefined || link.end !== undefined) return unit;
    const nowMs = performance.now();
    if (nowMs < spinUntilMs) continue;
    const session = link.session;
    if (nowMs >= deadlineMs) return undefined;
    if (session === undefined || session.ended) {
      // Reconnecting needs the event loop, so the caller gets its turn; a caller that only loops must not spin.
      Atomics.wait(nobody, 0, 0, Math.min(LOST_PAUSE_MS, deadlineMs - nowMs));
      return undefined;
    }
    if (session.isSilent === true) {
      Atomics.wait(nobody, 0, 0, Math.min(SILENT_PAUSE_MS, deadlineMs - nowMs));
      continue;
    }
    if (session.doorbell.mustLookAgain()) continue;
    session.connection.receiveSync(deadlineMs - nowMs);
  }
}

/** Units of `receiveNext` as an async loop that owns each: it lets go at the next turn, at break and at throw. */
export async function* receiveAll<U>(
  receive: () => Promise<U | undefined>,
  releaseLast: (unit: U) => void,
): AsyncGenerator<U, void, undefined> {
  for (;;) {
    const unit = await receive();
    if (unit === undefined) return;
    try {
      yield unit;
    } finally {
      releaseLast(unit);
    }
  }
}
