/**
 * Packets of a channel for any number of clients, as they were encoded.
 *
 * A client begins with the newest key frame, which is kept with what came after it: a picture appears at once. Each client
 * has a queue of its own, bounded in bytes. One that lets it fill up loses packets up to a key frame behind it, and the
 * others nothing.
 */
import { SluiceError } from '../../core/index.js';
import type { PacketFormat } from '../../format/index.js';
import { TS_CODECS, type TsCodec, TsMuxer } from '../container/mpegts.js';
import { openPackets, type Packet } from '../packets/index.js';
import { nextPacket } from '../packets/next-packet.js';
import { packetChannelOf, soundChannelOf } from '../packets/packet-channel.js';
import type { ClientWriter } from './client-writer.js';
import { DemandLoop } from './demand-loop.js';
import type { TapOptions } from './options.js';
import { type FollowedSound, followSound, type SoundHandlers } from './sound-reader.js';
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
  readonly #clients = new Map<ClientWriter, ClientState>();
  readonly #loop: DemandLoop;
  #muxer: TsMuxer | undefined;
  /** The newest key frame and what came after it, ready to be sent. */
  #kept: Uint8Array[] = [];
  #keptBytes = 0;

  constructor(
    channel: string,
    options: TapOptions & { readonly as: 'h264' | 'hevc' | 'mpegts' },
    counters: TapCounters,
    fail: (error: SluiceError) => void,
  ) {
    this.#channel = packetChannelOf(channel);
    this.#options = options;
    this.#counters = counters;
    this.#loop = new DemandLoop({
      isWanted: () => this.#clients.size > 0,
      read: (signal) => this.#readPublisher(signal),
      onLost: () => {
        if (options.whenLost !== 'hold') for (const client of this.#clients.keys()) client.end();
      },
      onRest: () => this.#forget(),
      onFailure: fail,
    });
  }

  join(client: ClientWriter): void {
    const state = { waits: this.#kept.length === 0 };
    this.#clients.set(client, state);
    for (const bytes of this.#kept) client.send(bytes, false);
    this.#counters.framesSent += this.#kept.length;
    client.flush();
    this.#loop.changed();
  }

  leave(client: ClientWriter): void {
    this.#clients.delete(client);
    this.#loop.changed();
  }

  drained(): void {
    // What a client has room for again, it is given with the next packet.
  }

  async close(): Promise<void> {
    await this.#loop.close();
  }

  async #readPublisher(signal: AbortSignal): Promise<void> {
    const { directory, as, label = `tap (${as})` } = this.#options;
    const reader = await openPackets(this.#channel, {
      whenLost: 'end',
      label,
      signal,
      ...(directory === undefined ? {} : { directory }),
    });
    this.#counters.reading = true;
    const ending = new AbortController();
    let sound: FollowedSound | undefined;
    try {
      this.#begin(reader.manifest.format as PacketFormat);
      if (this.#muxer !== undefined) {
        const channel = soundChannelOf(this.#channel);
        const { signal: ended } = ending;
        const reading = { channel, label, directory, signal: ended };
        sound = followSound(reading, this.#soundOf(this.#muxer));
        await sound.known;
      }
      for (;;) {
        const packet = await nextPacket(reader, signal);
        if (packet === undefined) return;
        this.#distribute(packet);
      }
    } finally {
      this.#counters.reading = false;
      ending.abort();
      await Promise.all([sound?.ended, reader.close()]);
    }
  }

  /** Sound goes to whoever has pictures, at the times that it shares with them. */
  #soundOf(muxer: TsMuxer): SoundHandlers {
    return {
      onSound: (framing) => (muxer.sound = framing),
      onPacket: (packet, ptsNs) => {
        // A late word of the publisher before.
        if (muxer !== this.#muxer) return;
        const bytes = muxer.soundUnit(packet, ptsNs);
        if (bytes.length > 0) this.#give(bytes, false);
      },
    };
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
    this.#muxer = as === 'mpegts' ? new TsMuxer(codec as TsCodec) : undefined;
    this.#forget();
    for (const state of this.#clients.values()) state.waits = true;
  }

  /** After a loss the reader goes on with a key frame, so nothing has to be done about it here. */
  #distribute(packet: Packet): void {
    const { keyFrame } = packet;
    this.#give(this.#muxer?.unit(packet) ?? packet.bytes, keyFrame);
  }

  /** To all clients that have room, from a key frame on. */
  #give(bytes: Uint8Array, keyFrame: boolean): void {
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

  #keep(bytes: Uint8Array, keyFrame: boolean): void {
    if (keyFrame) this.#forget();
    else if (this.#kept.length === 0) return;
    this.#keptBytes += bytes.byteLength;
    if (this.#keptBytes > MAX_KEPT_BYTES) return this.#forget();
    this.#kept.push(bytes);
  }

  #forget(): void {
    this.#kept = [];
    this.#keptBytes = 0;
  }
}
