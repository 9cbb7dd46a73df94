/**
 * The life of a subscriber's connection: find the publisher, say HELLO, follow epochs, notice the end, come back.
 *
 * Sessions form a short line: the first is the one being read; behind it wait a new epoch or a new publisher's first
 * one. A session leaves the line when a look at it found nothing and it is superseded or its publisher is gone: so
 * everything that was published before a change is still read. ACK is sent when a session comes to the front, hence
 * at most one epoch waits behind it; after two publishers' ends the oldest waiting one makes room.
 */
import { isSluiceError, SluiceError } from '../../core/index.js';
import { FrameType, type Epoch, type StartPosition, type Welcome } from '../../layout/handshake.js';
import type { Connection, ConnectionEnd } from '../transport/connection.js';
import { waitForChannelChange } from '../directory/discovery.js';
import type { CloseReason, Status } from '../endpoint.js';
import { EventFeed } from '../event-feed.js';
import { EventLoopTurn } from '../event-loop-turn.js';
import type { Manifest } from '../directory/manifest.js';
import { closeAll } from '../transport/outgoing-queue.js';
import { resolveRuntimeDirectory, type RuntimeDirectory } from '../directory/runtime-directory.js';
import { WaitList } from '../wait-list.js';
import { type LinkSession, protocolFailure, type SessionTerms } from './link-session.js';
import { announcedManifest, greet } from './greeting.js';
import { type LinkWishes, termsOf } from './link-terms.js';
import type { ReadingPlace } from './reading-place.js';

/** Reconnecting: from the first to the longest pause; each is shortened by up to half at random. */
const FIRST_RETRY_MS = 10;
const LONGEST_RETRY_MS = 1000;
/** A connection that ends sooner than this was no use. */
const SHORT_LIFE_MS = 100;
const MAX_SESSIONS = 2;

/** Codes after which another attempt can succeed without anybody changing an option. */
const TRANSIENT = [
  'CHANNEL_NOT_FOUND',
  'NO_ANSWER',
  'TOO_MANY_FILES',
  'TOO_MANY_SUBSCRIBERS',
  'LEASES_EXHAUSTED',
];

export interface LinkOptions<S extends LinkSession> extends LinkWishes {
  /** Maps one epoch. Takes over the descriptors, also when it throws. */
  makeSession(terms: SessionTerms, descriptors: readonly number[]): S;
}

export class ChannelLink<S extends LinkSession> {
  readonly channel: string;
  readonly closed: Promise<CloseReason>;
  /** Notified whenever a look may find something new, or the end. */
  readonly ready = new WaitList();
  readonly turn = new EventLoopTurn();
  /** Called with `ready`, for whoever merges several links. */
  onReady: (() => void) | undefined;
  /** Messages: sequence of the last one that was read. */
  lastSequence: () => number = () => 0;
  reconnects = 0;
  readonly #link: LinkOptions<S>;
  readonly #directory: RuntimeDirectory;
  readonly #delivery: 'latest' | 'every';
  readonly #feed = new EventFeed<Status>();
  readonly #abort = new AbortController();
  #sessions: S[] = [];
  /** Sessions that left the line with frames still held. */
  #retired: S[] = [];
  /** Of an epoch that waits in line: its ACK goes out when it comes to the front. */
  readonly #unacknowledged = new Set<S>();
  /** All whose memory is still used, in line or not: each must hear of its publisher's end. */
  readonly #living = new Set<S>();
  /** The end that comes once what was published before it is read. */
  #final: CloseReason | undefined;
  #connectedAtMs = 0;
  /** Connections in a row that did not last. */
  #shortLives = 0;
  #manifest: Manifest | undefined;
  #lost: (Status & { type: 'lost' }) | undefined;
  #end: CloseReason | undefined;
  #resolveClosed!: (reason: CloseReason) => void;

  constructor(link: LinkOptions<S>) {
    this.#link = link;
    this.channel = link.channel;
    this.#delivery = link.options.delivery ?? (link.kind === 'frame' ? 'latest' : 'every');
    this.#directory = resolveRuntimeDirectory(link.options.directory);
    this.#directory.socketPath(link.channel);
    this.closed = new Promise((resolve) => (this.#resolveClosed = resolve));
  }

  /** Connects for the first time. Rejects as the options say, or with the signal's reason. */
  async open(): Promise<void> {
    const { signal, whenMissing = 'wait' } = this.#link.options;
    signal?.throwIfAborted();
    const abort = (): void => this.close({ reason: 'aborted' });
    signal?.addEventListener('abort', abort, { once: true });
    void this.closed.then(() => signal?.removeEventListener('abort', abort));
    try {
      await this.#connect(
        (error) => whenMissing === 'wait' && isSluiceError(error, 'CHANNEL_NOT_FOUND'),
      );
    } catch (error) {
      this.close({ reason: 'failed' });
      signal?.throwIfAborted();
      throw error;
    }
  }

  get end(): CloseReason | undefined {
    return this.#end;
  }

  get manifest(): Manifest {
    if (this.#manifest === undefined)
      throw new SluiceError('CLOSED', `${this.channel} is not connected`);
    return this.#manifest;
  }

  /** The session to look at; undefined while there is none. */
  get session(): S | undefined {
    return this.#sessions[0];
  }

  /** Nothing more comes from the session: there is a later one, or its publisher is gone. */
  get isOver(): boolean {
    return this.#sessions.length > 1 || this.#sessions[0]?.ended === true;
  }

  /**
   * After a look at the session found nothing. True: there is another session now, or the end was reached; look
   * again. False: nothing to do but wait.
   */
  advance(): boolean {
    const current = this.#sessions[0];
    if (current === undefined) return false;
    if (this.#sessions.length > 1) {
      this.#shift();
      return true;
    }
    if (!current.ended || this.#end !== undefined) return false;
    this.#shift();
    if (this.#final !== undefined) this.close(this.#final);
    return true;
  }

  emit(status: Status): void {
    this.#feed.emit(status);
  }

  status(signal?: AbortSignal): AsyncIterable<Status> {
    return this.#feed.follow(() => this.#present(), signal);
  }

  /** Where things stand, as a status. */
  #present(): readonly Status[] {
    if (this.#end !== undefined) return [];
    const connected = this.#sessions.at(-1)?.ended === false && this.#manifest !== undefined;
    if (connected) return [{ type: 'connected', manifest: this.manifest }];
    return this.#lost === undefined ? [] : [this.#lost];
  }

  /**
   * Ends it; idempotent, the first reason stays. When the owner wants it, frames that are held end as well. Any other
   * end leaves them to their holders: whoever is reading one did not ask for it.
   */
  close(reason: CloseReason): void {
    const byOwner = reason.reason === 'closed' || reason.reason === 'aborted';
    if (this.#end === undefined) {
      this.#end = reason;
      this.#abort.abort();
      const sessions = this.#sessions;
      this.#sessions = [];
      for (const session of sessions) this.#retire(session, true);
      this.#feed.end();
      this.#resolveClosed(reason);
      this.#notify();
    }
    if (!byOwner) return;
    for (const session of this.#retired) session.close();
    this.#retired = [];
  }

  /** Resolves when nothing of closed sessions is used any more: what their memory was read by has finished. */
  async settle(): Promise<void> {
    await Promise.all(
      [...this.#living].map((session) => (session.closed ? session.settle() : undefined)),
    );
  }

  #notify(): void {
    this.ready.notify();
    this.onReady?.();
  }

  #retire(session: S, disconnects: boolean): void {
    session.retire(disconnects);
    this.#retired = this.#retired.filter(({ closed }) => !closed);
    if (!session.closed) this.#retired.push(session);
  }

  /** No more will come: the end is now when everything was read, else at the look that finds nothing more. */
  #endWith(reason: CloseReason): void {
    this.#final = reason;
    const unread = this.#sessions.some(({ isThrough }) => !isThrough);
    if (!unread) this.close(reason);
    else this.#notify();
  }

  #shift(): void {
    const old = this.#sessions.shift();
    if (old !== undefined) this.#retire(old, false);
    const next = this.#sessions[0];
    if (next !== undefined && this.#unacknowledged.delete(next)) acknowledge(next);
  }

  async #connect(mayRetry: (error: unknown) => boolean, firstPauseMs = 0): Promise<void> {
    const signal = this.#abort.signal;
    if (firstPauseMs > 0) await new WaitList().wait(signal, firstPauseMs);
    for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS)) {
      signal.throwIfAborted();
      // Watching begins before the attempt, so that a publisher that starts meanwhile is not missed.
      const pause = new AbortController();
      const changed = waitForChannelChange(this.#directory, this.channel, {
        signal: AbortSignal.any([signal, pause.signal]),
      });
      try {
        await this.#connectOnce(signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (!mayRetry(error)) throw error;
        await this.#pause(error, changed, retryMs * (0.5 + Math.random() / 2));
      } finally {
        pause.abort();
      }
    }
  }

  /** Until the channel's files change and a little time has passed: neither blind polling nor a storm. */
  async #pause(error: unknown, changed: Promise<unknown>, retryMs: number): Promise<void> {
    if (isSluiceError(error, 'CHANNEL_NOT_FOUND')) await changed;
    await new WaitList().wait(this.#abort.signal, retryMs);
  }

  async #connectOnce(signal: AbortSignal): Promise<void> {
    const { place, connection, welcome, descriptors } = await greet(this.#directory, this.#link, {
      delivery: this.#delivery,
      start: this.#start(),
      signal,
    });
    let session: S;
    try {
      session = this.#makeSession(connection, place, welcome, descriptors);
    } catch (error) {
      connection.close();
      throw error;
    }
    connection.resume({
      onFrame: (frame, fds) => {
        if (frame.type === FrameType.EPOCH)
          this.#onEpoch(connection, place, welcome, frame.body as Epoch, fds);
        else closeAll(fds);
      },
      onWake: () => this.#onWake(connection),
      onArrival: () => this.#notify(),
      onEnd: (end) => this.#onEnd(connection, end),
    });
    acknowledge(session);
    this.#lost = undefined;
    this.#connectedAtMs = performance.now();
    const former = this.#manifest;
    this.#enqueue(session);
    this.emit({ type: 'connected', manifest: session.manifest });
    if (former === undefined || former.instance === session.manifest.instance) return;
    const missed = welcome.sequence - 1;
    if (this.#delivery === 'every' && missed > 0)
      this.emit({ type: 'gap', from: 1, to: missed, cause: 'restart' });
  }

  /**
   * Where to begin. Who comes back wants what it has not seen: all that a new publisher has sent so far, and from the
   * same one what came after the last message read. What the manifest file says now can be stale; then the ring's own
   * bounds decide, and a repetition is the worst that happens.
   */
  #start(): StartPosition {
    const { options, kind } = this.#link;
    const comesBack =
      this.#manifest !== undefined && kind === 'message' && this.#delivery === 'every';
    if (!comesBack) return options.start ?? 'newest';
    const found = announcedManifest(this.#directory, this.#link);
    return found?.instance === this.#manifest?.instance ? this.lastSequence() + 1 : 'oldest';
  }

  #makeSession(
    connection: Connection<'client'>,
    place: ReadingPlace,
    welcome: Welcome,
    descriptors: readonly number[],
    epoch?: Epoch,
  ): S {
    let terms: SessionTerms;
    try {
      const fail = (error: SluiceError): void => this.close({ reason: 'failed', error });
      terms = termsOf(this.#link, this.#delivery, connection, welcome, epoch, place, fail);
    } catch (error) {
      closeAll(descriptors);
      throw error;
    }
    const session = this.#link.makeSession(terms, descriptors);
    for (const former of this.#living) if (former.isSettled) this.#living.delete(former);
    this.#living.add(session);
    return session;
  }

  #onEpoch(
    connection: Connection<'client'>,
    place: ReadingPlace,
    welcome: Welcome,
    epoch: Epoch,
    descriptors: readonly number[],
  ): void {
    if (this.#end !== undefined) return closeAll(descriptors);
    for (const waiting of this.#unacknowledged) {
      if (waiting.connection !== connection) continue;
      closeAll(descriptors);
      const problem = 'sent a second EPOCH before the ACK of the first';
      return connection.refuse(protocolFailure(waiting.manifest, problem));
    }
    try {
      const session = this.#makeSession(connection, place, welcome, descriptors, epoch);
      this.#unacknowledged.add(session);
      this.#enqueue(session);
      this.emit({ type: 'epoch', epoch: session.manifest.epoch, format: session.manifest.format });
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      if (error.code !== 'FORMAT_MISMATCH') return connection.refuse(error);
      this.#final = { reason: 'format', error };
      void this.#disconnect(connection);
    }
  }

  /**
   * The publisher must not wait for a reader that will never read the new epoch, and the old one needs no connection;
   * but only by it the death of a publisher shows, for which streams that wait for frames under way have to be freed.
   */
  async #disconnect(connection: Connection<'client'>): Promise<void> {
    const sessions = [...this.#living].filter((session) => session.connection === connection);
    await Promise.all(sessions.map((session) => session.untilComplete()));
    connection.close();
  }

  #enqueue(session: S): void {
    if (this.#end !== undefined) {
      session.close();
      session.connection.close();
      return;
    }
    while (this.#sessions.length > MAX_SESSIONS) {
      for (const skipped of this.#sessions.splice(1, 1)) {
        this.#unacknowledged.delete(skipped);
        skipped.close();
      }
    }
    this.#sessions.push(session);
    this.#manifest = session.manifest;
    this.#notify();
  }

  #onWake(connection: Connection<'client'>): void {
    for (const session of this.#sessions) {
      if (session.connection === connection) session.doorbell.woken();
    }
    this.#notify();
  }

  #onEnd(connection: Connection<'client'>, end: ConnectionEnd): void {
    for (const session of this.#living) {
      if (session.connection === connection) session.ended = true;
    }
    if (this.#end !== undefined) return;
    if (this.#final !== undefined) return this.#endWith(this.#final);
    const reason = end.error?.message ?? LOST_REASONS[end.reason];
    const reconnects = this.#link.options.whenLost !== 'end';
    const pauseMs = this.#pauseAfter(end);
    this.#lost = { type: 'lost', reason, retryInMs: reconnects ? pauseMs : Infinity };
    this.emit(this.#lost);
    if (!reconnects) return this.#endWith({ reason: 'ended' });
    this.#notify();
    void this.#reconnect(pauseMs);
  }

  /** A publisher that breaks each connection as soon as it stands is not asked again at once. */
  #pauseAfter(end: ConnectionEnd): number {
    const lastedMs = performance.now() - this.#connectedAtMs;
    if (end.reason !== 'protocol' && lastedMs >= SHORT_LIFE_MS) {
      this.#shortLives = 0;
      return 0;
    }
    this.#shortLives += 1;
    const longestMs = end.reason === 'protocol' ? LONGEST_RETRY_MS : SHORT_LIFE_MS;
    return Math.min(FIRST_RETRY_MS * 2 ** (this.#shortLives - 1), longestMs);
  }

  async #reconnect(pauseMs: number): Promise<void> {
    this.reconnects += 1;
    try {
      await this.#connect(
        (error) => error instanceof SluiceError && TRANSIENT.includes(error.code),
        pauseMs,
      );
    } catch (error) {
      if (this.#end !== undefined) return;
      if (!(error instanceof SluiceError)) throw error;
      this.#endWith({ reason: error.code === 'FORMAT_MISMATCH' ? 'format' : 'failed', error });
    }
  }
}

const LOST_REASONS: Readonly<Record<ConnectionEnd['reason'], string>> = Object.freeze({
  closed: 'this side closed the connection',
  ended: 'the publisher closed the channel or ended',
  exited: "the publisher's process ended",
  protocol: 'the publisher broke the protocol',
  timeout: 'the publisher did not answer in time',
  failed: 'the connection failed',
});

function acknowledge(session: LinkSession): void {
  session.connection.send(FrameType.ACK, { epoch: session.manifest.epoch });
}
