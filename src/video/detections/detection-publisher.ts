/** The publishing end of a channel of detections. */
import {
  type CloseReason,
  type Frame,
  type MessagePublisher,
  openPublisher,
  type PublisherOptions,
  type PublisherStats,
} from '../../bus/index.js';
import type { JsonFormat, VideoFormat } from '../../format/index.js';
import type { FilterInput } from '../filter/filter-inputs.js';
import { type Detection, type Detections, detections, identityOf } from './detections.js';

/** How to publish detections; more as of every channel of messages. */
export interface DetectionPublisherOptions extends Omit<
  PublisherOptions<JsonFormat<Detections>>,
  'format'
> {
  /** What finds them, for people: at most 128 characters. */
  readonly model: string;
}

/** Publishes what was found, frame by frame. */
export class DetectionPublisher implements AsyncDisposable {
  readonly channel: string;
  /** Resolves when it has ended; never rejects. */
  readonly closed: Promise<CloseReason>;
  readonly #publisher: MessagePublisher<JsonFormat<Detections>>;
  readonly #model: string;

  /** @internal */
  constructor(publisher: MessagePublisher<JsonFormat<Detections>>, model: string) {
    this.channel = publisher.channel;
    this.closed = publisher.closed;
    this.#publisher = publisher;
    this.#model = model;
  }

  /**
   * Says what was found in a frame, or in a picture of which a filter made a tensor; an empty list says that nothing was.
   * Boxes are in pixels of that picture: `toSourceBox()` makes them of those of the tensor. Carries the frame's id and
   * times. False: no room. Throws `INVALID_MESSAGE` for what the schema refuses, `CLOSED`, `MESSAGE_TOO_LARGE`.
   */
  send(source: Frame<VideoFormat> | FilterInput, found: readonly Detection[]): boolean {
    const isInput = 'placement' in source;
    const frame = isInput ? identityOfInput(source) : identityOf(source);
    const { ptsNs, captureTimeNs } = source;
    const id = BigInt(frame.id);
    const options = { ptsNs, captureTimeNs, ...(id === 0n ? {} : { id }) };
    const value = { version: 1, model: this.#model, frame, detections: found } as const;
    return this.#publisher.trySend(value, options);
  }

  stats(): PublisherStats {
    return this.#publisher.stats();
  }

  close(): Promise<void> {
    return this.#publisher.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function identityOfInput(input: FilterInput) {
  const { channel, instance, epoch, sequence, id, ptsNs, width, height } = input;
  return { channel, instance, epoch, sequence, id, ptsNs, width, height };
}

/**
 * Opens a channel of detections, `detect/<camera>` by custom. Readers that are slow miss messages unless `whenFull` says
 * otherwise: a detector waits for nobody. Rejects as `openPublisher`.
 */
export async function openDetectionPublisher(
  channel: string,
  { model, ...options }: DetectionPublisherOptions,
): Promise<DetectionPublisher> {
  if (typeof model !== 'string' || model.length < 1 || model.length > 128) {
    throw new TypeError('openDetectionPublisher() needs `model`: text of 1 to 128 characters');
  }
  const publisher = await openPublisher(channel, {
    whenFull: 'overwrite',
    ...options,
    format: detections(),
  });
  return new DetectionPublisher(publisher, model);
}
