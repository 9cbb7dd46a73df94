/** A packet channel of a camera, pictures or sound: opened when the codec is known, and anew for another one. */
import { isDeepStrictEqual } from 'node:util';
import { type MessagePublisher, openPublisher, type SendOptions } from '../../bus/index.js';
import { assertInteger, isSluiceError } from '../../core/index.js';
import { type PacketCodec, type PacketFormat, packets } from '../../format/index.js';
import { MAX_RING_SLOTS, MIN_RING_SLOTS, RING_UNIT_BYTES } from '../../layout/index.js';
import type { PacketFacts } from '../packets/index.js';
import type { CameraOptions } from './options.js';

/** Throws as the publisher does, before anything is open. */
export function checkPacketRing(bytes: number | undefined): void {
  if (bytes === undefined) return;
  const [least, most] = [MIN_RING_SLOTS * RING_UNIT_BYTES, MAX_RING_SLOTS * RING_UNIT_BYTES];
  assertInteger('packetRingBytes', bytes, least, most);
}

/** What a publisher is opened with beside its channel. */
export type PublishedBy = Pick<CameraOptions, 'allow' | 'directory' | 'label'>;

interface Waiting {
  readonly bytes: Uint8Array;
  readonly options: SendOptions;
}

export interface PacketFlow {
  /** Readers of every packet hold the input up; else the ring is overwritten. */
  readonly waits: boolean;
  readonly hold: () => void;
  readonly release: () => void;
}

export class PacketOutput {
  /** Too large for the ring, or refused by it. */
  dropped = 0;
  readonly channel: string;
  readonly #options: PublishedBy;
  readonly #ringBytes: number;
  readonly #flow: PacketFlow;
  readonly #ending: AbortSignal;
  #publisher: MessagePublisher<PacketFormat> | undefined;
  #stated: unknown;
  #waiting: Waiting[] = [];

  constructor(
    channel: string,
    options: PublishedBy,
    about: { readonly ringBytes: number; readonly flow: PacketFlow; readonly ending: AbortSignal },
  ) {
    this.channel = channel;
    this.#options = options;
    this.#ringBytes = about.ringBytes;
    this.#flow = about.flow;
    this.#ending = about.ending;
  }

  get isOpen(): boolean {
    return this.#publisher !== undefined;
  }

  async begin(codec: PacketCodec, facts: PacketFacts): Promise<void> {
    const stated = { codec, facts };
    if (isDeepStrictEqual(stated, this.#stated)) return;
    await this.close();
    const { allow, directory, label = 'sluice camera' } = this.#options;
    this.#publisher = await openPublisher(this.channel, {
      format: packets({ codec }),
      label,
      ringBytes: this.#ringBytes,
      whenFull: this.#flow.waits ? 'wait' : 'overwrite',
      userData: { packets: facts },
      ...(allow === undefined ? {} : { allow }),
      ...(directory === undefined ? {} : { directory }),
    });
    this.#stated = stated;
  }

  send(bytes: Uint8Array, options: SendOptions): void {
    const publisher = this.#publisher;
    if (publisher === undefined) return;
    try {
      if (this.#waiting.length === 0 && publisher.trySend(bytes, options)) return;
    } catch (error) {
      if (!isSluiceError(error, 'MESSAGE_TOO_LARGE')) throw error;
      this.dropped += 1;
      return;
    }
    if (!this.#flow.waits) {
      this.dropped += 1;
      return;
    }
    this.#waiting.push({ bytes, options });
    if (this.#waiting.length === 1) void this.#sendWaiting(publisher);
  }

  async close(): Promise<void> {
    await this.#publisher?.close();
    this.#publisher = undefined;
    this.#stated = undefined;
  }

  /** The input is held meanwhile, so what waits is what had been read. */
  async #sendWaiting(publisher: MessagePublisher<PacketFormat>): Promise<void> {
    this.#flow.hold();
    try {
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        await publisher.send(next.bytes, { ...next.options, signal: this.#ending });
        this.#waiting.shift();
      }
    } catch {
      // Closed: nobody reads what is left.
      this.#waiting = [];
    }
    this.#flow.release();
  }
}
