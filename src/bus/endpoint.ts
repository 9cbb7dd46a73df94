/** What publishers and subscribers have in common: their end, their status, the shapes of their statistics. */
import { SluiceError } from '../core/index.js';
import type { Format } from '../format/index.js';
import type { Manifest } from './manifest.js';

/** Why an endpoint ended. `closed` promises of endpoints resolve to it and never reject. */
export interface CloseReason {
  /** closed: by its owner · aborted: by its signal · ended: the publisher went · format · behind: `whenBehind: 'end'`. */
  readonly reason: 'closed' | 'aborted' | 'ended' | 'format' | 'behind' | 'failed';
  readonly error?: SluiceError;
}

/** What happens to an endpoint while it lives. */
export type Status =
  | { readonly type: 'connected'; readonly manifest: Manifest }
  | { readonly type: 'epoch'; readonly epoch: number; readonly format: Format }
  | {
      readonly type: 'gap';
      /** First and last sequence that were missed. */
      readonly from: number;
      readonly to: number;
      readonly cause: 'behind' | 'restart';
    }
  | { readonly type: 'lost'; readonly reason: string; readonly retryInMs: number };

export interface PublisherStats {
  readonly published: number;
  /** Not published for want of a slot or room. */
  readonly dropped: number;
  readonly bytes: number;
  readonly ratePerSecond: number;
  readonly subscribers: number;
  /** Slots on loan or leased. Rings: units that the slowest subscriber has still to read. */
  readonly slotsHeld: number;
  readonly slots: number;
  /** How often a subscriber was passed over because it kept the publisher waiting. */
  readonly passedOver: number;
}

export interface SubscriberStats {
  readonly received: number;
  /** Passed over by choice (`latest`, `keyFramesOnly`). */
  readonly skipped: number;
  /** Wanted (`every`) and missed. */
  readonly lost: number;
  readonly reconnects: number;
  /** Units published and not yet received. */
  readonly lag: number;
  /** Frames held at this moment. */
  readonly held: number;
  readonly lastSequence: number;
  readonly lastPtsNs: number;
  readonly bytesInPlace: number;
  readonly bytesCopied: number;
  /** From publish to receive. */
  readonly latencyUs: { readonly p50: number; readonly p99: number; readonly max: number };
}

/** A subscriber as its publisher sees it; counters are the subscriber's own word. */
export interface SubscriberInfo extends Omit<SubscriberStats, 'lastPtsNs'> {
  readonly id: number;
  readonly label: string;
  /** 0 when the process is in another pid namespace. */
  readonly pid: number;
  readonly uid: number;
  readonly delivery: 'latest' | 'every';
  readonly maxLag: number;
  readonly leases: number;
}

export interface WaitOptions {
  /** Ends the wait; the promise rejects with its reason. */
  readonly signal?: AbortSignal;
}

export interface Endpoint<S> extends AsyncDisposable {
  readonly channel: string;
  /** The announcement of the current epoch. */
  readonly manifest: Manifest;
  /** Resolves when this endpoint has ended; never rejects. */
  readonly closed: Promise<CloseReason>;
  /** A frozen snapshot, plain JSON. */
  stats(): S;
  /** What happens from now on, the present state first. Ends with the endpoint or the signal. */
  status(options?: WaitOptions): AsyncIterable<Status>;
  /** Ends it. Idempotent; a second call joins the first. */
  close(): Promise<void>;
}

export function closedError(what: string, channel: string, end: CloseReason): SluiceError {
  return new SluiceError('CLOSED', `${what} of ${channel}: it has ended (${end.reason})`, {
    details: { channel, reason: end.reason },
    cause: end.error,
  });
}
