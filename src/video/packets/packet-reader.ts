/**
 * Reads a channel of packets so that a decoder can use what comes: from a key frame on, without a hole.
 *
 * A ring of packets keeps more than one group of pictures. A late reader takes the ring from its oldest packet, drops
 * what lies before the newest key frame, and so has a picture at once instead of at the next key frame. Where packets
 * were lost, or another publisher came, it goes on at the next key frame, and says so.
 */
import {
  type Message,
  type MessageSubscriber,
  openSubscriber,
  type SubscriberOptions,
  type WaitOptions,
} from '../../bus/index.js';
import { type PacketFormat, packets } from '../../format/index.js';
import { PacketGate } from './packet-gate.js';

/** How to read packets; see `openSubscriber`. */
export interface PacketReaderOptions extends Pick<
  SubscriberOptions<unknown>,
  'whenMissing' | 'whenLost' | 'allow' | 'signal' | 'directory' | 'label'
> {
  /**
   * Where to begin: at the newest key frame that the ring still has, at the oldest one, or at the next one that comes;
   * a number: at the last one that was published by then (CLOCK_MONOTONIC in ns), or at the oldest. Default 'newest'.
   */
  readonly start?: 'newest' | 'oldest' | 'next' | number;
}

/** One access unit. */
export interface Packet {
  /** Its own memory. Pictures: start codes, and the parameter sets before a key frame. */
  readonly bytes: Uint8Array;
  readonly codec: PacketFormat['codec'];
  /** The same as that of the frame that was decoded from it. */
  readonly id: bigint;
  readonly keyFrame: boolean;
  readonly ptsNs: number;
  readonly dtsNs: number;
  /** CLOCK_MONOTONIC in ns. */
  readonly captureTimeNs: number;
  /** When it was published, CLOCK_MONOTONIC in ns. */
  readonly timeNs: number;
  readonly sequence: number;
  /** What came before is not what this one follows: the first, and the first after a loss. */
  readonly discontinuity: boolean;
}

/** Packets from a key frame on. Whoever opened it closes it. */
export class PacketReader implements AsyncIterable<Packet>, AsyncDisposable {
  readonly #subscriber: MessageSubscriber<PacketFormat>;
  readonly #gate: PacketGate<Packet>;
  #instance: string;

  private constructor(
    subscriber: MessageSubscriber<PacketFormat>,
    start: NonNullable<PacketReaderOptions['start']>,
  ) {
    this.#subscriber = subscriber;
    this.#gate = new PacketGate();
    this.#instance = subscriber.manifest.instance;
    if (start === 'next') return;
    const latestNs = start === 'newest' ? Infinity : start === 'oldest' ? -Infinity : start;
    // What the ring had when we came, bounded by it: a ring's worth at most is read before anything is given out.
    for (let left = subscriber.stats().lag; left > 0; left = subscriber.stats().lag) {
      const message = subscriber.tryReceive();
      if (message === undefined) break;
      const packet = this.#packet(message);
      this.#gate.preload(packet, packet.timeNs <= latestNs);
    }
    this.#gate.passedOver = 0;
  }

  /** @internal */
  static async open(channel: string, options: PacketReaderOptions): Promise<PacketReader> {
    const { start = 'newest', ...rest } = options;
    const subscriber = await openSubscriber(channel, {
      ...rest,
      format: packets(),
      start: start === 'next' ? 'newest' : 'oldest',
    });
    return new PacketReader(subscriber, start);
  }

  get channel(): string {
    return this.#subscriber.channel;
  }

  /** The announcement of the channel: its codec, and in `userData.packets` what decoders must know beside. */
  get manifest(): MessageSubscriber<PacketFormat>['manifest'] {
    return this.#subscriber.manifest;
  }

  /** @internal Packets that were missed, and those that came and that no decoder can use. */
  get missed(): { readonly lost: number; readonly passedOver: number } {
    return { lost: this.#subscriber.stats().lost, passedOver: this.#gate.passedOver };
  }

  /** @internal The next of those that are there. */
  tryReceive(): Packet | undefined {
    for (;;) {
      const ready = this.#gate.next();
      if (ready !== undefined) return ready;
      const message = this.#subscriber.tryReceive();
      if (message === undefined) return undefined;
      this.#gate.push(this.#packet(message));
    }
  }

  /** The next packet. Rejects with `CLOSED` at the end, or the signal's reason. */
  async receive(options: WaitOptions = {}): Promise<Packet> {
    for (;;) {
      const ready = this.#gate.next();
      if (ready !== undefined) return ready;
      const message = await this.#subscriber.receive(options);
      this.#gate.push(this.#packet(message));
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Packet, void, undefined> {
    for (let ready = this.#gate.next(); ready !== undefined; ready = this.#gate.next()) yield ready;
    for await (const message of this.#subscriber) {
      this.#gate.push(this.#packet(message));
      for (let ready = this.#gate.next(); ready !== undefined; ready = this.#gate.next())
        yield ready;
    }
  }

  async close(): Promise<void> {
    await this.#subscriber.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #packet(message: Message<PacketFormat>): Packet {
    const { instance, format } = this.#subscriber.manifest;
    if (instance !== this.#instance) this.#gate.restart();
    this.#instance = instance;
    const { packet, value, sequence, timeNs } = message;
    const { id = 0n, keyFrame = false, ptsNs = 0, dtsNs = 0, captureTimeNs = 0 } = packet ?? {};
    const { codec } = format as PacketFormat;
    const times = { ptsNs, dtsNs, captureTimeNs, timeNs };
    return { bytes: value, codec, id, keyFrame, ...times, sequence, discontinuity: false };
  }
}

/**
 * Reads the packets of a channel, such as `camera/door/packets`, from a key frame on: the newest that the ring has, so
 * that a decoder has a picture at once. Rejects as `openSubscriber` does.
 *
 * @example
 * for await (const { bytes, ptsNs } of await openPackets('camera/door/packets')) decoder.decode(bytes, ptsNs);
 */
export function openPackets(
  channel: string,
  options: PacketReaderOptions = {},
): Promise<PacketReader> {
  return PacketReader.open(channel, options);
}
