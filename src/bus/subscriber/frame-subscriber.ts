/** The reading end of a frame channel. */
import { SluiceError } from '../../core/index.js';
import type { FormatPattern, FrameFormat } from '../../format/index.js';
import { monotonicNs } from '../../ffi/index.js';
import { MAX_POOL_SLOTS } from '../../layout/index.js';
import { Claim, countMembers } from '../../ring/index.js';
import {
  closedError,
  type CloseReason,
  type Endpoint,
  type Status,
  type SubscriberStats,
  type WaitOptions,
} from '../endpoint.js';
import type { Manifest } from '../directory/manifest.js';
import { ChannelLink } from './channel-link.js';
import { readMetadata } from './frame-metadata.js';
import type { FrameLease } from './frame-lease.js';
import { FrameSession } from './frame-session.js';
import { protocolFailure } from './link-session.js';
import { checkSubscriberOptions, type SubscriberOptions } from './options.js';
import { receiveAll, receiveNext, receiveNextSync, type SyncWaitOptions } from './receive-loop.js';
import { Frame } from './received-frame.js';
import { SubscriberCounters } from './subscriber-counters.js';

/** Frames passed over in one look for want of the key flag: all that a pool can hold, so that none is left unseen. */
const MAX_PASSED = MAX_POOL_SLOTS;

/**
 * `for await` owns its frame: it is released at the next turn, at `break` and at a throw; `retain()` keeps it.
 * `receive()` and `tryReceive()` hand the frame to the caller, who releases it (`using`).
 */
export class FrameSubscriber<F extends FrameFormat>
  implements Endpoint<SubscriberStats>, AsyncIterable<Frame<F>>
{
  readonly channel: string;
  readonly closed: Promise<CloseReason>;
  readonly #link: ChannelLink<FrameSession>;
  readonly #options: SubscriberOptions<FormatPattern>;
  readonly #counters = new SubscriberCounters();
  /** Counters of the session that were taken over already. */
  #seen = { session: undefined as FrameSession | undefined, skipped: 0, lost: 0 };
  #skippedSinceLast = 0;
  readonly #countCopy = (byteLength: number): void => {
    this.#counters.bytesCopied += byteLength;
  };
  readonly #look = (): Frame<F> | undefined => this.tryReceive();
  readonly #lookOrEnd = (): Frame<F> | undefined =>
    this.#link.end === undefined ? this.tryReceive() : undefined;

  private constructor(link: ChannelLink<FrameSession>, options: SubscriberOptions<FormatPattern>) {
    this.#link = link;
    this.#options = options;
    this.channel = link.channel;
    this.closed = link.closed;
  }

  static async open<F extends FrameFormat>(
    channel: string,
    options: SubscriberOptions<FormatPattern>,
  ): Promise<FrameSubscriber<F>> {
    checkSubscriberOptions(options, 'frame');
    const link = new ChannelLink<FrameSession>({
      channel,
      kind: 'frame',
      options,
      makeSession: (terms, descriptors) => new FrameSession(terms, descriptors),
    });
    await link.open();
    return new FrameSubscriber<F>(link, options);
  }

  get manifest(): Manifest {
    return this.#link.manifest;
  }

  /** @internal */
  get link(): ChannelLink<FrameSession> {
    return this.#link;
  }

  /**
   * The next frame, or undefined when there is none now. The caller releases it.
   * Throws `CLOSED` after `close()`, and `LEASES_EXHAUSTED` while as many frames as were granted are held. A frame
   * that was released behind the work of a stream counts as held by nobody, and still takes its place until the
   * stream is through with it.
   */
  tryReceive(): Frame<F> | undefined {
    const { end } = this.#link;
    if (end !== undefined) {
      if (end.reason === 'closed') throw closedError('tryReceive()', this.channel, end);
      return undefined;
    }
    for (let passed = 0; passed < MAX_PASSED; passed++) {
      const session = this.#link.session;
      if (session === undefined) return undefined;
      if (session.arriving !== undefined) {
        const frame = this.#arrive(session, session.arriving);
        if (frame !== undefined || session.arriving !== undefined) return frame;
        continue;
      }
      const before = session.reader.lastSequence;
      const word = session.reader.tryClaim();
      session.ringPublisher();
      this.#takeCounters(session, before, word);
      // whenBehind: 'end' closed everything, what was just claimed included.
      if (this.#link.end !== undefined) return undefined;
      if (word >= 0) {
        const frame = this.#arrive(session, session.lease(word));
        if (frame !== undefined || session.arriving !== undefined) return frame;
        continue;
      }
      session.awaitsStream = word === Claim.noLease && session.held < session.terms.leases;
      if (session.awaitsStream) return undefined;
      if (word === Claim.noLease) throw this.#noLease(session);
      if (word === Claim.corrupt)
        session.connection.refuse(protocolFailure(session.manifest, 'its sequence ran backwards'));
      if (this.#link.end !== undefined || !this.#link.advance()) return undefined;
    }
    return undefined;
  }

  /** The next frame, as soon as there is one. Rejects with `CLOSED` at the end, or the signal's reason. */
  async receive(options: WaitOptions = {}): Promise<Frame<F>> {
    const frame = await receiveNext(this.#link, this.#look, options);
    if (frame !== undefined) return frame;
    throw closedError('receive()', this.channel, this.#link.end ?? { reason: 'closed' });
  }

  /** As `receive`, blocking the thread: for workers. Undefined after `timeoutMs` and at the end. */
  receiveSync(options: SyncWaitOptions): Frame<F> | undefined {
    return receiveNextSync(this.#link, this.#look, options);
  }

  [Symbol.asyncIterator](): AsyncGenerator<Frame<F>, void, undefined> {
    return receiveAll(
      () => this.#receiveOrEnd(),
      (frame) => {
        if (!frame.released) frame.release();
      },
    );
  }

  stats(): SubscriberStats {
    const session = this.#link.session;
    return this.#counters.snapshot(this.#link.reconnects, session?.lag() ?? 0, session?.held ?? 0);
  }

  status({ signal }: WaitOptions = {}): AsyncIterable<Status> {
    return this.#link.status(signal);
  }

  /** Ends it, and every frame that is still held: their bytes read zeros from then on. */
  async close(): Promise<void> {
    this.#link.close({ reason: 'closed' });
    await this.closed;
    await this.#link.settle();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A loop whose subscriber was closed meanwhile ends; it does not throw. */
  #receiveOrEnd(): Promise<Frame<F> | undefined> {
    return receiveNext(this.#link, this.#lookOrEnd, {});
  }

  /** The frame once it can be delivered; until then it stays `session.arriving`. Undefined also when it is lost. */
  #arrive(session: FrameSession, lease: FrameLease): Frame<F> | undefined {
    const arrival = session.arrivalOf(lease);
    session.arriving = arrival === 'wait' ? lease : undefined;
    if (arrival === 'deliver') return this.#deliver(session, lease);
    if (arrival === 'lost') {
      this.#counters.lost += 1;
      this.#skippedSinceLast += 1;
      lease.release();
    }
    return undefined;
  }

  #deliver(session: FrameSession, lease: FrameLease): Frame<F> | undefined {
    const { control, geometry, terms, page } = session;
    const { slot, sequence } = lease;
    const metadata = readMetadata(
      control,
      geometry,
      slot,
      sequence,
      this.#skippedSinceLast,
      terms.clockOffsetNs,
    );
    const counters = this.#counters;
    if (this.#options.keyFramesOnly === true && !metadata.flags.keyFrame) {
      counters.skipped += 1;
      this.#skippedSinceLast += 1;
      lease.release();
      return undefined;
    }
    this.#skippedSinceLast = 0;
    session.deliver(lease, metadata.byteLength);
    counters.received += 1;
    if (session.copies) counters.bytesCopied += metadata.byteLength;
    else counters.bytesInPlace += metadata.byteLength;
    counters.lastSequence = sequence;
    counters.lastPtsNs = metadata.ptsNs;
    counters.recordLatency((monotonicNs() - metadata.publishTimeNs) / 1000, page.doubles);
    counters.show(page.doubles, this.#link.reconnects);
    return new Frame<F>(session.manifest.format as F, lease, metadata, this.#countCopy);
  }

  /** `before`: sequence of the last frame before the look that claimed `word`, or nothing when negative. */
  #takeCounters(session: FrameSession, before: number, word: number): void {
    if (this.#seen.session !== session) this.#startSession(session);
    const { reader } = session;
    const skipped = reader.skipped - this.#seen.skipped;
    const lost = reader.lost - this.#seen.lost;
    if (skipped === 0 && lost === 0) return;
    this.#seen.skipped = reader.skipped;
    this.#seen.lost = reader.lost;
    this.#counters.skipped += skipped;
    this.#counters.lost += lost;
    this.#skippedSinceLast += skipped + lost;
    if (lost === 0) return;
    const to = word >= 0 ? reader.sequenceOf(word) - 1 : reader.lastSequence;
    this.#link.emit({ type: 'gap', from: before + 1, to, cause: 'behind' });
    if (this.#options.whenBehind === 'end') this.#link.close({ reason: 'behind' });
  }

  /** Frames of the same publisher between the last session's last one and this one's first were missed. */
  #startSession(session: FrameSession): void {
    const former = this.#seen.session;
    this.#seen = { session, skipped: 0, lost: 0 };
    const { delivery, sequence, share } = session.terms;
    if (former?.manifest.instance !== session.manifest.instance || delivery !== 'every') return;
    const last = former.reader.lastSequence;
    const missed = countMembers(share, last, sequence - 1);
    if (missed <= 0) return;
    this.#counters.lost += missed;
    this.#link.emit({ type: 'gap', from: last + 1, to: sequence - 1, cause: 'behind' });
    if (this.#options.whenBehind === 'end') this.#link.close({ reason: 'behind' });
  }

  #noLease(session: FrameSession): SluiceError {
    const { leases } = session.terms;
    return new SluiceError(
      'LEASES_EXHAUSTED',
      `${this.channel}: ${leases} frames are held, which is all that was granted`,
      {
        details: { held: session.held, leases },
        remedy: 'Release a frame before the next one, or subscribe with a larger maxHeld.',
      },
    );
  }
}
