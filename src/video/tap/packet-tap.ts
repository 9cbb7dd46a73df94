/**
 * Packets of a channel for any number of clients, as they were encoded.
 *
 * A client begins with the newest key frame, which is kept with what came after it: a picture appears at once. Each client
 * has a queue of its own, bounded in bytes. One that lets it fill up loses packets up to a key frame behind it, and the
 * others nothing.
 */
import { SluiceError } from '../../core/index.js';
import { type PacketFormat, packets } from '../../format/index.js';
import { type Message, type MessageSubscriber, openSubscriber } from '../../bus/index.js';
import { TS_CODECS, type TsCodec, TsMuxer } from '../container/mpegts.js';
import { packetChannelOf } from '../packets/packet-channel.js';
import type { ClientWriter } from './client-writer.js';
import type { TapOptions } from './options.js';
import type { TapCounters, TapSource } from './tap-source.js';

/** What a client may leave unread: seconds of a camera. */
const MAX_WAITING_BYTES = 8 << 20;
/** What is kept since the last key frame; longer groups of pictures are kept no more until the next one. */
const MAX_KEPT_BYTES = 16 << 20;

interface ClientState {
  /** Passes everything over until a key frame. */
  waits: boolean;
}

export class PacketTap implements TapSource {
  readonly #channel: string;
  readonly #options: TapOptions & { readonly as: 'h264' | 'hevc' | 'mpegts' };
  readonly #counters: TapCounters;
  readonly #fail: (error: SluiceError) => void;
  readonly #clients = new Map<ClientWriter, ClientState>();
  readonly #abort = new AbortController();
  #muxer: TsMuxer | undefined;
  /** The newest key frame and what came after it, ready to be sent. */
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #rest = new AbortController();
  #reading: Promise<void> | undefined;

  constructor(
    channel: string,
    options: TapOptions & { readonly as: 'h264' | 'hevc' | 'mpegts' },
    counters: TapCounters,
    fail: (error: SluiceError) => void,
  ) {
    this.#channel = packetChannelOf(channel);
    this.#options = options;
    this.#counters = counters;
    this.#fail = fail;
  }

  join(client: ClientWriter): void {
    const state = { waits: this.#kept.length === 0 };
    this.#clients.set(client, state);
    for (const bytes of this.#kept) client.send(bytes, false);
    this.#counters.framesSent += this.#kept.length;
    client.flush();
    this.#reading ??= this.#read();
  }

  leave(client: ClientWriter): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.#rest.abort();
  }

  drained(): void {
    // What a client has room for again, it is given with the next packet.
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#reading;
  }

  async #read(): Promise<void> {
    while (!this.#abort.signal.aborted && this.#clients.size > 0) {
      this.#rest = new AbortController();
      const signal = AbortSignal.any([this.#abort.signal, this.#rest.signal]);
      try {
        await this.#readPublisher(signal);
      } catch (error) {
        if (signal.aborted) continue;
        if (!(error instanceof SluiceError)) throw error;
        return this.#fail(error);
      }
      if (this.#options.whenLost !== 'hold')
        for (const client of this.#clients.keys()) client.end();
    }
    this.#forget();
    this.#reading = undefined;
  }

  async #readPublisher(signal: AbortSignal): Promise<void> {
    const { directory, label, as } = this.#options;
    const subscriber = await openSubscriber(this.#channel, {
      format: packets(),
      start: 'oldest',
      whenLost: 'end',
      label: label ?? `tap (${as})`,
      signal,
      ...(directory === undefined ? {} : { directory }),
    });
    this.#counters.reading = true;
    try {
      this.#begin(subscriber.manifest.format as PacketFormat);
      this.#catchUp(subscriber);
      let lost = subscriber.stats().lost;
      for (;;) {
        const message = await this.#next(subscriber, signal);
        if (message === undefined) return;
        const lostNow = subscriber.stats().lost;
        if (lostNow !== lost) this.#startOver();
        lost = lostNow;
        this.#distribute(message);
      }
    } finally {
      this.#counters.reading = false;
      await subscriber.close();
    }
  }

  async #next(
    subscriber: MessageSubscriber<PacketFormat>,
    signal: AbortSignal,
  ): Promise<Message<PacketFormat> | undefined> {
    try {
      return await subscriber.receive({ signal });
    } catch (error) {
      if (signal.aborted) throw error;
      const end = await subscriber.closed;
      if (end.error !== undefined) throw end.error;
      return undefined;
    }
  }

  /** Another publisher, another stream: nothing of the one before goes with it. */
  #begin({ codec }: PacketFormat): void {
    const { as } = this.#options;
    const carried: readonly string[] = as === 'mpegts' ? TS_CODECS : [as];
    if (!carried.includes(codec)) {
      throw new SluiceError(
        'FORMAT_MISMATCH',
        `${this.#channel} carries ${codec}, and a tap as ${as} takes ${carried.join(' or ')}`,
        {
          details: { channel: this.#channel, codec, as },
          remedy: 'Choose another --as, or tap the pictures: --as y4m.',
        },
      );
    }
    this.#muxer ??= as === 'mpegts' ? new TsMuxer(codec as TsCodec) : undefined;
    this.#startOver();
  }

  /** What the ring still holds from the newest key frame on, for the clients that are there. */
  #catchUp(subscriber: MessageSubscriber<PacketFormat>): void {
    for (;;) {
      const message = subscriber.tryReceive();
      if (message === undefined) break;
      this.#keep(this.#encode(message), message.packet?.keyFrame === true);
    }
    for (const [client, state] of this.#clients) {
      if (this.#kept.length === 0) continue;
      state.waits = false;
      for (const bytes of this.#kept) client.send(bytes, false);
      this.#counters.framesSent += this.#kept.length;
      client.flush();
    }
  }

  #distribute(message: Message<PacketFormat>): void {
    const keyFrame = message.packet?.keyFrame === true;
    const bytes = this.#encode(message);
    this.#keep(bytes, keyFrame);
    for (const [client, state] of this.#clients) {
      if (client.waitingBytes + bytes.byteLength > MAX_WAITING_BYTES) state.waits = true;
      else if (keyFrame) state.waits = false;
      if (state.waits) {
        this.#counters.framesSkipped += 1;
        continue;
      }
      client.send(bytes, false);
      this.#counters.framesSent += 1;
      client.flush();
    }
  }

  #encode({ value, packet }: Message<PacketFormat>): Uint8Array {
    if (this.#muxer === undefined) return value;
    const { ptsNs = 0, dtsNs = 0, keyFrame = false } = packet ?? {};
    return this.#muxer.unit({ bytes: value, ptsNs, dtsNs, keyFrame });
  }

  #keep(bytes: Uint8Array, keyFrame: boolean): void {
    if (keyFrame) this.#forget();
    else if (this.#kept.length === 0) return;
    this.#keptBytes += bytes.byteLength;
    if (this.#keptBytes > MAX_KEPT_BYTES) return this.#forget();
    this.#kept.push(bytes);
  }

  #startOver(): void {
    this.#forget();
    for (const state of this.#clients.values()) state.waits = true;
  }

  #forget(): void {
    this.#kept = [];
    this.#keptBytes = 0;
  }
}
