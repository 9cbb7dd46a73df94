/** What publishers and subscribers have in common: their end, their status, the shapes of their statistics. */
import { SluiceError } from '../core/index.js';
import type { Format } from '../format/index.js';
import type { Manifest } from './directory/manifest.js';

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

/** What a publisher has done since it was opened, over all its epochs. Plain JSON. */
export interface PublisherStats {
  /** Frames or messages. */
  readonly published: number;
  /** Not published for want of a slot or room. */
  readonly dropped: number;
  /** Bytes published; each counts once, however many subscribers read it. */
  readonly bytes: number;
  /** Frames or messages a second, over the last second. */
  readonly ratePerSecond: number;
  readonly subscribers: number;
  /** Slots on loan or leased. Rings: units that the slowest subscriber has still to read. */
  readonly slotsHeld: number;
  /** Slots of the pool or ring; of a ring in the bytes layout units of 64 bytes. */
  readonly slots: number;
  /** How often a subscriber was passed over because it kept the publisher waiting. */
  readonly passedOver: number;
}

/** What a subscriber has seen since it was opened, over all epochs and reconnections. Plain JSON. */
export interface SubscriberStats {
  /** Frames or messages. */
  readonly received: number;
  /** Passed over by choice (`latest`, `keyFramesOnly`). */
  readonly skipped: number;
  /** Wanted (`every`) and missed. */
  readonly lost: number;
  /** How often the publisher went and the subscriber set out to find the next one. */
  readonly reconnects: number;
  /** Units published and not yet received. */
  readonly lag: number;
  /** Frames held at this moment. */
  readonly held: number;
  readonly lastSequence: number;
  readonly lastPtsNs: number;
  /** Bytes of frames handed out in the shared memory itself. */
  readonly bytesInPlace: number;
  /** Bytes copied: messages, and frames by `toHost()` and `copyTo`. */
  readonly bytesCopied: number;
  /** From publish to receive, in µs; messages are sampled. */
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

/** How to wait: every wait of Sluice takes a signal and no timeout (`AbortSignal.timeout(ms)`). */
export interface WaitOptions {
  /** Ends the wait; the promise rejects with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * What publishers and subscribers have in common. Whoever opened an endpoint closes it, by `close()` or `await using`;
 * leaving a loop over it does not. Afterwards its methods throw `CLOSED`.
 */
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
