/** The publishing end of a message channel. */
import { assertInteger } from '../../core/index.js';
import {
  encodeMessage,
  type FrameFormat,
  type MessageFormat,
  type Payload,
} from '../../format/index.js';
import { HeaderDouble } from '../../layout/index.js';
import { Doorbell, type MessageHeader, type RosterEntry } from '../../ring/index.js';
import {
  closedError,
  type CloseReason,
  type Endpoint,
  type PublisherStats,
  type Status,
  type SubscriberInfo,
  type WaitOptions,
} from '../endpoint.js';
import { EventLoopTurn } from '../event-loop-turn.js';
import type { Manifest } from '../directory/manifest.js';
import type { Frame } from '../subscriber/received-frame.js';
import { ChannelOwner } from './channel-owner.js';
import { demandOf, type Demand } from './demand.js';
import { idWords } from './lineage-id.js';
import { MessageStream } from './message-stream.js';
import { checkPublisherOptions, DEFAULT_PATIENCE_MS, type PublisherOptions } from './options.js';
import { grantRingAccess, type RingAccess } from './ring-access.js';

/** What travels with a message. Times and the frame need the bytes layout, which is the default. */
export interface SendOptions {
  /** The application's type, 0 to 255. Default 0. */
  readonly type?: number;
  /** Bytes layout: the frame that this message is about; its id, pts and capture time travel along. */
  readonly frame?: Frame<FrameFormat>;
  /** Bytes layout: the lineage id, as that of the frame it belongs to. Default: that of `frame`. */
  readonly id?: bigint;
  /** Bytes layout: when it was captured, CLOCK_MONOTONIC in ns. Default: that of `frame`. */
  readonly captureTimeNs?: number;
  /** Bytes layout: presentation time in ns. */
  readonly ptsNs?: number;
  /** Bytes layout: decode time in ns. */
  readonly dtsNs?: number;
  /** Bytes layout: a decoder can start here. */
  readonly keyFrame?: boolean;
}

const NO_OPTIONS: SendOptions = Object.freeze({});

/** What a message sent without options says. */
const PLAIN_HEADER: MessageHeader = {
  type: 0,
  key: false,
  ptsNs: 0,
  extended: false,
  idLow: 0,
  idHigh: 0,
  dtsNs: 0,
  captureTimeNs: 0,
};

/**
 * Sends messages into a ring that all subscribers read. A message costs one copy in, whatever the number of readers;
 * no system call unless a reader sleeps.
 */
export class MessagePublisher<F extends MessageFormat> implements Endpoint<PublisherStats> {
  readonly channel: string;
  readonly closed: Promise<CloseReason>;
  readonly #owner: ChannelOwner<MessageStream<F>>;
  readonly #stream: MessageStream<F>;
  readonly #whenFull: 'drop' | 'wait' | 'overwrite';
  readonly #patienceMs: number;
  readonly #doorbell: Doorbell;
  readonly #turn = new EventLoopTurn();
  readonly #header: MessageHeader = { ...PLAIN_HEADER };
  #passedOver = 0;
  /** Since when every attempt has found no room; negative: the last one found some. */
  #fullSinceMs = -1;
  /** Units that the last message without room needs. */
  #wantedUnits = 1;
  #final: PublisherStats | undefined;
  readonly #access: RingAccess;

  private constructor(owner: ChannelOwner<MessageStream<F>>, options: PublisherOptions<F>) {
    this.#owner = owner;
    this.#stream = owner.stream;
    this.#whenFull = options.whenFull ?? 'wait';
    this.#patienceMs = options.patienceMs ?? DEFAULT_PATIENCE_MS;
    this.channel = owner.channel;
    this.closed = owner.closed;
    this.#doorbell = new Doorbell(() => this.#stream.writer.roster.arm());
    owner.describe = () => this.stats();
    owner.onFreed = () => this.#doorbell.woken();
    owner.onClosing = () => (this.#final ??= this.stats());
    owner.countPublished(() => this.#stream.views.doubles[HeaderDouble.published] ?? 0);
    this.#access = {
      owner,
      whenFull: this.#whenFull,
      patienceMs: this.#patienceMs,
      doorbell: this.#doorbell,
      wake: this.#wake,
      countPassedOver: (count) => (this.#passedOver += count),
      countDrops: (count) => this.#countDrops(count),
      producer: undefined,
    };
    grantRingAccess(this, this.#access);
  }

  static async open<F extends MessageFormat>(
    channel: string,
    options: PublisherOptions<F>,
  ): Promise<MessagePublisher<F>> {
    checkPublisherOptions(options, 'message');
    const owner = await ChannelOwner.open(
      channel,
      options,
      (identity) => new MessageStream<F>(identity, options),
    );
    return new MessagePublisher(owner, options);
  }

  get manifest(): Manifest {
    return this.#stream.manifest;
  }

  get format(): F {
    return this.#stream.format;
  }

  get subscribers(): readonly SubscriberInfo[] {
    return this.#owner.infos();
  }

  /** Largest encoded message in bytes. */
  get maxMessageBytes(): number {
    return this.#stream.writer.maxMessageBytes;
  }

  /**
   * Sends without waiting. False: no room, nothing was sent (by `whenFull: 'drop'` it counts as dropped).
   * A subscriber that leaves no room for longer than `patienceMs` is passed over and finds a gap. There is no room
   * either while a {@link GpuProducer} has batches under way; `send` waits for their end.
   * Throws `CLOSED`, `MESSAGE_TOO_LARGE`, `INVALID_MESSAGE`, `TypeError` for a value that the format cannot hold.
   */
  trySend(value: Payload<F> | Uint8Array, options: SendOptions = NO_OPTIONS): boolean {
    if (this.#owner.end !== undefined) this.#assertOpen('trySend()');
    // Steps that most calls skip are methods of their own: the engine puts this much into its caller.
    const payload = value instanceof Uint8Array ? value : this.#encode(value);
    if (this.#write(payload, options)) return true;
    if (this.#outOfPatience() && this.#passOver(payload) && this.#write(payload, options))
      return true;
    if (this.#whenFull === 'drop') this.#countDrops(1);
    return false;
  }

  /**
   * Sends, waiting for room when there is none. With `whenFull: 'drop'` it does not wait: the message is dropped.
   * Rejects as `trySend` throws, and with the signal's reason.
   */
  async send(
    value: Payload<F> | Uint8Array,
    options: SendOptions & WaitOptions = NO_OPTIONS,
  ): Promise<void> {
    this.#assertOpen('send()');
    const payload = this.#encode(value);
    if (this.#turn.isOver) await this.#turn.pass();
    for (;;) {
      options.signal?.throwIfAborted();
      this.#assertOpen('send()');
      if (this.#write(payload, options)) return;
      if (this.#stream.writer.lent) {
        await this.#untilReturned(options);
        continue;
      }
      if (this.#whenFull === 'drop') {
        this.#countDrops(1);
        return;
      }
      if (this.#doorbell.mustLookAgain()) continue;
      this.#turn.waited();
      await this.#waitUntilFreed(this.#fullSinceMs, options);
      this.#doorbell.woken();
      if (this.#outOfPatience()) this.#passOver(payload);
    }
  }

  /** A GPU has the ring: no reader's fault and no lack of room, so there is no patience and nothing is dropped. */
  async #untilReturned({ signal }: WaitOptions): Promise<void> {
    this.#turn.waited();
    await this.#owner.freed.wait(signal);
  }

  /** Until a reader rings or is gone, or patience ends. */
  #waitUntilFreed(sinceMs: number, { signal }: WaitOptions): Promise<void> {
    const leftMs = sinceMs + this.#patienceMs - performance.now();
    return this.#owner.freed.wait(signal, leftMs === Infinity ? undefined : Math.max(0, leftMs));
  }

  /**
   * Sends as many of the encoded messages as there is room for, announced together; returns how many.
   * The fastest way: one look at the subscribers for the whole batch.
   */
  trySendBatch(values: readonly Uint8Array[], options: SendOptions = NO_OPTIONS): number {
    this.#assertOpen('trySendBatch()');
    const { writer } = this.#stream;
    const header = options === NO_OPTIONS ? PLAIN_HEADER : this.#headerOf(options);
    let sent = writer.tryWriteBatch(values, header);
    // Progress: a reader that reads on is not passed over, however much more there is to send.
    if (sent > 0) this.#fullSinceMs = -1;
    if (
      sent < values.length &&
      this.#outOfPatience() &&
      this.#passOver(values[sent] as Uint8Array)
    ) {
      sent += writer.tryWriteBatch(values.slice(sent), header);
    }
    writer.roster.ring(this.#wake);
    if (sent < values.length) this.#noteFull(values[sent] as Uint8Array);
    if (sent < values.length && this.#whenFull === 'drop') this.#countDrops(values.length - sent);
    return sent;
  }

  /** Resolves when there may be room for a batch again; see `trySendBatch`. */
  async waitForRoom(options: WaitOptions = {}): Promise<void> {
    this.#assertOpen('waitForRoom()');
    options.signal?.throwIfAborted();
    if (this.#turn.isOver) await this.#turn.pass();
    this.#doorbell.mustLookAgain();
    // What did not fit last time must fit, not just anything: else a caller that tries again would never wait.
    if (!this.#stream.writer.hasRoom(this.#wantedUnits)) {
      this.#turn.waited();
      await this.#waitUntilFreed(
        this.#fullSinceMs < 0 ? performance.now() : this.#fullSinceMs,
        options,
      );
    }
    this.#doorbell.woken();
  }

  /** Who reads at the moment, again at each change. The present state comes first. */
  demand(options: WaitOptions = {}): AsyncIterable<Demand> {
    return demandOf(this.#owner, options.signal);
  }

  stats(): PublisherStats {
    if (this.#final !== undefined) return this.#final;
    const { writer, views } = this.#stream;
    const lags = [...this.#owner.members.values()].map((member) =>
      this.#stream.lagOf(member.place as never),
    );
    return Object.freeze({
      published: views.doubles[HeaderDouble.published] ?? 0,
      dropped: views.doubles[HeaderDouble.dropped] ?? 0,
      bytes: views.doubles[HeaderDouble.bytes] ?? 0,
      ratePerSecond: this.#owner.ratePerSecond,
      subscribers: this.#owner.members.size,
      slotsHeld: Math.min(writer.capacity, Math.max(0, ...lags)),
      slots: writer.capacity,
      passedOver: this.#passedOver,
    });
  }

  status({ signal }: WaitOptions = {}): AsyncIterable<Status> {
    return this.#owner.status(signal);
  }

  /** Ends the channel; what a GPU producer has launched is published before. */
  async close(): Promise<void> {
    const { producer } = this.#access;
    if (producer !== undefined) await producer.close();
    await this.#owner.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #encode(value: Payload<F> | Uint8Array): Uint8Array {
    return value instanceof Uint8Array ? value : encodeMessage(this.#stream.format, value);
  }

  #write(payload: Uint8Array, options: SendOptions): boolean {
    const { writer } = this.#stream;
    const header = options === NO_OPTIONS ? PLAIN_HEADER : this.#headerOf(options);
    const written = writer.tryWrite(payload, header);
    writer.roster.ring(this.#wake);
    if (!written) this.#noteFull(payload);
    else if (this.#fullSinceMs >= 0) this.#fullSinceMs = -1;
    return written;
  }

  /** `refused`: the first message that found no room. */
  #noteFull(refused: Uint8Array): void {
    if (this.#stream.writer.lent) return;
    this.#wantedUnits = this.#stream.writer.unitsFor(refused.length);
    if (this.#fullSinceMs < 0) this.#fullSinceMs = performance.now();
  }

  #outOfPatience(): boolean {
    return this.#fullSinceMs >= 0 && performance.now() - this.#fullSinceMs >= this.#patienceMs;
  }

  /** A reader was asleep: the next message gets a time stamp, so that the latency of slow streams is known too. */
  readonly #wake = (entry: RosterEntry): void => {
    this.#stream.writer.sampleNext();
    this.#owner.wakeReader(entry);
  };

  #passOver(payload: Uint8Array): boolean {
    const passed = this.#stream.writer.passOver(this.#stream.writer.unitsFor(payload.length));
    this.#passedOver += passed;
    return passed > 0;
  }

  #headerOf(options: SendOptions): MessageHeader {
    const header = this.#header;
    const { type = 0, frame, id, captureTimeNs, ptsNs, dtsNs, keyFrame = false } = options;
    assertInteger('type', type, 0, 255);
    header.type = type;
    header.key = keyFrame;
    header.ptsNs = ptsNs ?? frame?.ptsNs ?? 0;
    header.extended =
      frame !== undefined || id !== undefined || dtsNs !== undefined || captureTimeNs !== undefined;
    [header.idLow, header.idHigh] = idWords('send()', id, frame);
    header.dtsNs = dtsNs ?? header.ptsNs;
    header.captureTimeNs = captureTimeNs ?? frame?.captureTimeNs ?? 0;
    return header;
  }

  #countDrops(count: number): void {
    const { doubles } = this.#stream.views;
    doubles[HeaderDouble.dropped] = (doubles[HeaderDouble.dropped] ?? 0) + count;
  }

  #assertOpen(attempt: string): void {
    const { end } = this.#owner;
    if (end !== undefined) throw closedError(attempt, this.channel, end);
  }
}
