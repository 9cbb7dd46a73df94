/** Detections of one channel, or of all that match a pattern, as they come. */
import { isChannelPattern, isSluiceError, type SluiceError } from '../../core/index.js';
import {
  type AllowedPeers,
  type GroupSubscriber,
  type Message,
  type MessageSubscriber,
  openSubscriber,
} from '../../bus/index.js';
import type { JsonFormat } from '../../format/index.js';
import { type Detections, detections } from './detections.js';

/** A message of a channel of detections. */
export type DetectionMessage = Message<JsonFormat<Detections>>;

/** How to read detections. */
export interface DetectionSubscriberOptions {
  readonly allow?: AllowedPeers;
  readonly directory?: string;
  readonly label?: string;
  /** Ends it. */
  readonly signal?: AbortSignal;
  /** Told of messages that are no detections; they are passed over. */
  readonly onProblem?: (error: SluiceError) => void;
}

type Subscriber = MessageSubscriber<JsonFormat<Detections>> | GroupSubscriber<DetectionMessage>;

/** `message.value` has what was found; `message.packet` the id and times of its frame on the clock of this process. */
export class DetectionSubscriber implements AsyncDisposable, AsyncIterable<DetectionMessage> {
  readonly #subscriber: Subscriber;
  readonly #onProblem: (error: SluiceError) => void;

  /** @internal */
  constructor(subscriber: Subscriber, onProblem: (error: SluiceError) => void) {
    this.#subscriber = subscriber;
    this.#onProblem = onProblem;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<DetectionMessage, void, undefined> {
    for (;;) {
      try {
        yield* this.#subscriber as AsyncIterable<DetectionMessage>;
        return;
      } catch (error) {
        // The message that was refused has been passed: the next look finds the one behind it.
        if (!isSluiceError(error, 'INVALID_MESSAGE')) throw error;
        this.#onProblem(error);
      }
    }
  }

  close(): Promise<void> {
    return this.#subscriber.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Opens a reader of detections: a channel, or a pattern such as `detect/*`. Rejects as `openSubscriber`. */
export async function openDetectionSubscriber(
  channel: string,
  { onProblem = () => undefined, ...rest }: DetectionSubscriberOptions = {},
): Promise<DetectionSubscriber> {
  const options = { ...rest, format: detections() };
  const subscriber: Subscriber = isChannelPattern(channel)
    ? await openSubscriber(channel as `${string}*${string}`, options)
    : await openSubscriber(channel, options);
  return new DetectionSubscriber(subscriber, onProblem);
}
