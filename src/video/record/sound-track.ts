/** The sound beside recorded pictures: read from when a file begins that can have it, until it ends. */
import { isSluiceError } from '../../core/index.js';
import type { PacketFormat } from '../../format/index.js';
import { openPackets, type Packet, packetFacts, type PacketReader } from '../packets/index.js';
import { soundChannelOf } from '../packets/packet-channel.js';
import type { RecordOptions } from './options.js';
import { nextPacket } from '../packets/next-packet.js';
import type { SoundStream } from './stream-headers.js';

export class SoundTrack {
  readonly stream: SoundStream;
  /** Its publisher has ended: another may have come. */
  hasEnded = false;
  readonly #reader: PacketReader;
  readonly #sink: (packet: Packet) => Promise<void>;
  readonly #abort = new AbortController();
  #reading: Promise<void> = Promise.resolve();

  private constructor(
    reader: PacketReader,
    stream: SoundStream,
    sink: (packet: Packet) => Promise<void>,
  ) {
    this.#reader = reader;
    this.stream = stream;
    this.#sink = sink;
  }

  /**
   * Undefined where no sound is announced beside `channel`. `fromNs`: what came later is wanted, CLOCK_MONOTONIC.
   */
  static async open(
    channel: string,
    fromNs: number,
    { directory, label = 'record' }: RecordOptions,
    sink: (packet: Packet) => Promise<void>,
  ): Promise<SoundTrack | undefined> {
    const reader = await openPackets(soundChannelOf(channel), {
      ...{ start: fromNs, whenMissing: 'fail', whenLost: 'end', label },
      ...(directory === undefined ? {} : { directory }),
    }).catch((error: unknown) => {
      // There is none, or it is not for us: the pictures are recorded.
      if (isSluiceError(error)) return undefined;
      throw error;
    });
    if (reader === undefined) return undefined;
    const { format, userData } = reader.manifest;
    const facts = packetFacts(userData);
    if (facts.sampleRateHz > 0 && facts.channels > 0) {
      return new SoundTrack(reader, { codec: (format as PacketFormat).codec, ...facts }, sink);
    }
    await reader.close();
    return undefined;
  }

  /** From here on it is written. */
  start(): void {
    this.#reading = this.#read().finally(() => (this.hasEnded = true));
    this.#reading.catch(() => undefined);
  }

  /** What is there is still written. */
  async end(): Promise<void> {
    this.#abort.abort();
    try {
      await this.#reading;
      const next = (): Packet | undefined => this.#reader.tryReceive();
      for (let left = next(); left !== undefined; left = next()) await this.#sink(left);
    } finally {
      await this.#reader.close();
    }
  }

  async #read(): Promise<void> {
    const { signal } = this.#abort;
    for (;;) {
      const packet = await nextPacket(this.#reader, signal);
      if (packet === undefined) return;
      await this.#sink(packet);
    }
  }
}
