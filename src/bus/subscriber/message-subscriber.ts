/** The reading end of a message channel. */
import {
  bytes,
  type BytesFormat,
  type FormatPattern,
  type MessageFormat,
} from '../../format/index.js';
import type { MessageVisitor } from '../../ring/index.js';
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
import { protocolFailure } from './link-session.js';
import { MessageSession } from './message-session.js';
import { checkSubscriberOptions, type SubscriberOptions } from './options.js';
import { receiveAll, receiveNext, receiveNextSync, type SyncWaitOptions } from './receive-loop.js';
import { readMessage, type Message } from './received-message.js';
import { SubscriberCounters } from './subscriber-counters.js';

/** What one look visits at most when the caller names no bound: others have their turn. */
const MAX_DRAINED = 65_536;
const ENCODED = bytes();

/**
 * Messages in order: `for await`, `receive()`, `tryReceive()` decode them one by one; `drain()` visits the bytes of
 * many without allocating.
 */
export class MessageSubscriber<F extends MessageFormat>
  implements Endpoint<SubscriberStats>, AsyncIterable<Message<F>>
{
  readonly channel: string;
  readonly closed: Promise<CloseReason>;
  readonly #link: ChannelLink<MessageSession>;
  readonly #options: SubscriberOptions<FormatPattern>;
  readonly #counters = new SubscriberCounters();
  /** What was taken over from the session: its counters, and the sequence of its last message. */
  #seen = { session: undefined as MessageSession | undefined, skipped: 0, lost: 0, last: 0 };
  #message: Message<F> | undefined;
  #visit: MessageVisitor = () => undefined;
  readonly #look = (): Message<F> | undefined => this.tryReceive();
  #isEncoded = false;
  readonly #lookEncoded = (): Message<F> | undefined => {
    this.#isEncoded = true;
    try {
      return this.tryReceive();
    } finally {
      this.#isEncoded = false;
    }
  };

  private constructor(
    link: ChannelLink<MessageSession>,
    options: SubscriberOptions<FormatPattern>,
  ) {
    this.#link = link;
    this.#options = options;
    this.channel = link.channel;
    link.lastSequence = () => this.#counters.lastSequence;
    this.closed = link.closed;
  }

  static async open<F extends MessageFormat>(
    channel: string,
    options: SubscriberOptions<FormatPattern>,
  ): Promise<MessageSubscriber<F>> {
    checkSubscriberOptions(options, 'message');
    const link = new ChannelLink<MessageSession>({
      channel,
      kind: 'message',
      options,
      makeSession: (terms, descriptors) => new MessageSession(terms, descriptors),
    });
    await link.open();
    return new MessageSubscriber<F>(link, options);
  }

  get manifest(): Manifest {
    return this.#link.manifest;
  }

  /** @internal */
  get link(): ChannelLink<MessageSession> {
    return this.#link;
  }

  /**
   * The next message, decoded, or undefined when there is none now.
   * Throws `CLOSED` after `close()`, `INVALID_MESSAGE` for bytes that are not of the format: that message is passed.
   */
  tryReceive(): Message<F> | undefined {
    this.drain(this.#take, 1);
    const message = this.#message;
    this.#message = undefined;
    return message;
  }

  /** The next message, as soon as there is one. Rejects with `CLOSED` at the end, or the signal's reason. */
  async receive(options: WaitOptions = {}): Promise<Message<F>> {
    const message = await receiveNext(this.#link, this.#look, options);
    if (message !== undefined) return message;
    throw closedError('receive()', this.channel, this.#link.end ?? { reason: 'closed' });
  }

  /** @internal As `receive`, the value as the bytes that were published: for who passes it on and reads none of it. */
  async receiveEncoded(options: WaitOptions = {}): Promise<Message<BytesFormat>> {
    const message = await receiveNext(this.#link, this.#lookEncoded, options);
    if (message !== undefined) return message as Message<MessageFormat> as Message<BytesFormat>;
    throw closedError('receive()', this.channel, this.#link.end ?? { reason: 'closed' });
  }

  /** As `receive`, blocking the thread: for workers. Undefined after `timeoutMs` and at the end. */
  receiveSync(options: SyncWaitOptions): Message<F> | undefined {
    return receiveNextSync(this.#link, this.#look, options);
  }

  /**
   * Visits what is there, at most `max` messages, and returns how many. Allocates nothing a message. `view` holds the
   * message at [offset, offset + byteLength) and is valid inside the call only.
   */
  drain(visit: MessageVisitor, max = MAX_DRAINED): number {
    const { end } = this.#link;
    if (end !== undefined) {
      if (end.reason === 'closed') throw closedError('drain()', this.channel, end);
      return 0;
    }
    for (;;) {
      const session = this.#link.session;
      if (session === undefined) return 0;
      const visited = this.#drainSession(session, visit, max);
      if (visited > 0 || this.#link.end !== undefined) return visited;
      if (this.#link.isOver) {
        session.reader.finish();
        this.#takeCounters(session);
      }
      if (this.#link.end !== undefined || !this.#link.advance()) return visited;
      if (this.#link.end !== undefined) return 0;
    }
  }

  /** Resolves when `drain` may find something, or at the end. */
  async waitForMessages({ signal }: WaitOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    if (this.#link.turn.isOver) await this.#link.turn.pass();
    if (this.#link.end !== undefined || this.#mayFindMore()) return;
    const session = this.#link.session;
    if (session?.doorbell.mustLookAgain() === true && this.#mayFindMore()) return;
    // One more look goes on to what comes after it.
    if (session?.ended === true) return;
    this.#link.turn.waited();
    await this.#link.ready.wait(signal);
  }

  /** Blocks the thread until `drain` may find something: for workers. False after `timeoutMs`. */
  waitSync({ timeoutMs, spinUs = 0 }: SyncWaitOptions): boolean {
    const look = (): true | undefined => (this.#mayFindMore() ? true : undefined);
    return receiveNextSync(this.#link, look, { timeoutMs, spinUs }) === true;
  }

  [Symbol.asyncIterator](): AsyncGenerator<Message<F>, void, undefined> {
    const look = (): Message<F> | undefined =>
      this.#link.end === undefined ? this.tryReceive() : undefined;
    return receiveAll(
      () => receiveNext(this.#link, look, {}),
      () => undefined,
    );
  }

  stats(): SubscriberStats {
    return this.#counters.snapshot(this.#link.reconnects, this.#link.session?.lag() ?? 0, 0);
  }

  #mayFindMore(): boolean {
    return this.#link.session?.drained === false;
  }

  status({ signal }: WaitOptions = {}): AsyncIterable<Status> {
    return this.#link.status(signal);
  }

  /** Ends it. Idempotent. */
  async close(): Promise<void> {
    this.#link.close({ reason: 'closed' });
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  readonly #take: MessageVisitor = (view, offset, byteLength, type, sequence, headerOffset) => {
    const session = this.#link.session as MessageSession;
    this.#counters.bytesCopied += byteLength;
    const { format: asked } = this.#options;
    const format = (asked?.kind === 'json' ? asked : session.manifest.format) as F;
    const message = readMessage(
      session.terms,
      this.#isEncoded ? (ENCODED as MessageFormat as F) : format,
      view,
      offset,
      byteLength,
      type,
      sequence,
      headerOffset,
    );
    this.#counters.lastPtsNs = message.packet?.ptsNs ?? 0;
    this.#message = message;
  };

  #drainSession(session: MessageSession, visit: MessageVisitor, max: number): number {
    const { reader, page } = session;
    if (this.#seen.session !== session) {
      this.#seen = { session, skipped: 0, lost: 0, last: session.terms.sequence - 1 };
    }
    const before = reader.received;
    this.#visit = visit;
    try {
      // Nothing can be missing for a pinned reader, so nothing stands between it and the caller's visitor.
      return reader.drain(reader.pinned ? visit : this.#visitCounted, max);
    } finally {
      if (reader.received > before) {
        this.#counters.received += reader.received - before;
        this.#counters.lastSequence = this.#seen.last = reader.lastSequence;
      }
      session.ringPublisher();
      if (reader.latencySampleUs >= 0) {
        this.#counters.recordLatency(reader.latencySampleUs, page.doubles);
        reader.latencySampleUs = -1;
      }
      if (reader.corrupt) {
        reader.corrupt = false;
        session.connection.refuse(
          protocolFailure(session.manifest, 'its ring holds a message that cannot be'),
        );
      }
      this.#takeCounters(session);
      this.#counters.show(page.doubles, this.#link.reconnects);
    }
  }

  /** Stands before the caller's visitor: sees where messages are missing. */
  readonly #visitCounted: MessageVisitor = (
    view,
    offset,
    byteLength,
    type,
    sequence,
    headerOffset,
  ) => {
    const seen = this.#seen;
    const lost = (seen.session as MessageSession).reader.lost;
    if (lost !== seen.lost) this.#onLost(lost, sequence - 1);
    seen.last = sequence;
    this.#visit(view, offset, byteLength, type, sequence, headerOffset);
  };

  #takeCounters(session: MessageSession): void {
    const { reader } = session;
    const seen = this.#seen;
    this.#counters.skipped += reader.skipped - seen.skipped;
    seen.skipped = reader.skipped;
    // Lost, and nothing has come after it yet: in the slots layout positions are sequences.
    if (reader.lost !== seen.lost) {
      const { layout } = session.manifest;
      const to = layout === 'slots' ? reader.position : seen.last + reader.lost - seen.lost;
      this.#onLost(reader.lost, to);
    }
  }

  /** `lost`: of this session in all; `to`: sequence of the last one that is missing. */
  #onLost(lost: number, to: number): void {
    const seen = this.#seen;
    this.#counters.lost += lost - seen.lost;
    seen.lost = lost;
    this.#link.emit({ type: 'gap', from: seen.last + 1, to, cause: 'behind' });
    seen.last = to;
    if (this.#options.whenBehind !== 'end') return;
    // In the middle of a look: what comes after the gap is nobody's any more.
    this.#visit = ignore;
    this.#link.close({ reason: 'behind' });
  }
}

function ignore(): void {}
