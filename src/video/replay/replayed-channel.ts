/** One channel of a recording, published again. */
import { isDeepStrictEqual } from 'node:util';
import type { FrameFormat, MessageFormat } from '../../format/index.js';
import { SluiceError } from '../../core/index.js';
import { RING_UNIT_BYTES } from '../../layout/index.js';
import { type FramePublisher, type MessagePublisher, openPublisher } from '../../bus/index.js';
import type { RecordedChannel, RecordedUnit } from '../mcap/mcap-reader.js';

interface Place {
  readonly label: string;
  readonly directory?: string;
}

type Publisher =
  | { readonly kind: 'frame'; readonly publisher: FramePublisher<FrameFormat> }
  | { readonly kind: 'message'; readonly publisher: MessagePublisher<MessageFormat> };

export class ReplayedChannel {
  readonly #name: string;
  readonly #place: Place;
  #recorded: RecordedChannel;
  #open: Publisher;

  private constructor(name: string, recorded: RecordedChannel, place: Place, open: Publisher) {
    this.#name = name;
    this.#recorded = recorded;
    this.#place = place;
    this.#open = open;
  }

  static async open(
    name: string,
    recorded: RecordedChannel,
    place: Place,
  ): Promise<ReplayedChannel> {
    return new ReplayedChannel(name, recorded, place, await openRecorded(name, recorded, place));
  }

  get dropped(): number {
    return this.#open.publisher.stats().dropped;
  }

  /** Resolves when so many have subscribed. Rejects with the signal's reason. */
  async untilRead(subscribers: number, signal: AbortSignal): Promise<void> {
    if (subscribers === 0) return;
    for await (const demand of this.#open.publisher.demand({ signal })) {
      if (demand.subscribers >= subscribers) return;
    }
    signal.throwIfAborted();
  }

  async publish(unit: RecordedUnit, signal: AbortSignal): Promise<void> {
    if (unit.channel.id !== this.#recorded.id) await this.#become(unit.channel);
    if (this.#open.kind === 'message') return sendMessage(this.#open.publisher, unit, signal);
    using loan = await this.#open.publisher.loan({ signal });
    const { bytes, header } = unit;
    if (bytes.byteLength > loan.byteLength) {
      throw new SluiceError(
        'FORMAT_MISMATCH',
        `a recorded frame of ${this.#name} has ${bytes.byteLength} bytes, and its format ${loan.byteLength}`,
      );
    }
    loan.bytes.set(bytes);
    const { ptsNs, shape, userData } = header;
    loan.publish({
      byteLength: bytes.byteLength,
      ...idOf(unit),
      ...(ptsNs === undefined ? {} : { ptsNs }),
      ...(header.key === true ? { keyFrame: true } : {}),
      ...(header.discontinuity === true ? { discontinuity: true } : {}),
      ...(shape === undefined ? {} : { shape }),
      ...(userData === undefined ? {} : { userData: Buffer.from(userData, 'base64') }),
    });
  }

  close(): Promise<void> {
    return this.#open.publisher.close();
  }

  /** Another format of the channel, or another publisher of it. */
  async #become(recorded: RecordedChannel): Promise<void> {
    const before = this.#recorded;
    this.#recorded = recorded;
    if (isDeepStrictEqual(recorded.format, before.format)) return;
    if (this.#open.kind === 'frame' && isOfFrames(recorded)) {
      return this.#open.publisher.setFormat(recorded.format as FrameFormat);
    }
    await this.#open.publisher.close();
    this.#open = await openRecorded(this.#name, recorded, this.#place);
  }
}

const FRAME_KINDS: readonly string[] = ['video', 'tensor', 'audio'];

function isOfFrames({ format }: RecordedChannel): boolean {
  return FRAME_KINDS.includes(format.kind);
}

async function openRecorded(
  name: string,
  recorded: RecordedChannel,
  place: Place,
): Promise<Publisher> {
  const { format, userData, slots, layout } = recorded;
  const options = { ...place, userData, whenFull: 'wait' } as const;
  if (isOfFrames(recorded)) {
    const wanted = { ...options, format: format as FrameFormat };
    const publisher = await openPublisher(name, slots < 2 ? wanted : { ...wanted, slots });
    return { kind: 'frame', publisher };
  }
  const ring = layout === 'slots' ? { layout, slots } : { ringBytes: slots * RING_UNIT_BYTES };
  const wanted = { ...options, format: format as MessageFormat };
  const publisher = await openPublisher(name, slots === 0 ? wanted : { ...wanted, ...ring });
  return { kind: 'message', publisher };
}

function sendMessage(
  publisher: MessagePublisher<MessageFormat>,
  unit: RecordedUnit,
  signal: AbortSignal,
): Promise<void> {
  const { ptsNs, dtsNs, key, type } = unit.header;
  return publisher.send(unit.bytes, {
    signal,
    ...(type === undefined ? {} : { type }),
    // A ring of slots carries no times.
    ...(ptsNs === undefined
      ? {}
      : {
          ptsNs,
          ...(dtsNs === undefined ? {} : { dtsNs }),
          ...(key === true ? { keyFrame: true } : {}),
          ...idOf(unit),
        }),
  });
}

function idOf({ header }: RecordedUnit): { readonly id?: bigint } {
  const id = BigInt(header.id ?? 0);
  return id > 0n && id >> 64n === 0n ? { id } : {};
}
