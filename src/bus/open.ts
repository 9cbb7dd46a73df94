/** The two ways in: `openPublisher` and `openSubscriber`. The format decides between frames and messages. */
import { assertChannelName, assertChannelPattern, isChannelPattern } from '../core/index.js';
import {
  completeFormat,
  formatPattern,
  type FormatPattern,
  type FrameFormat,
  type MessageFormat,
  type Pattern,
} from '../format/index.js';
import { FramePublisher } from './publisher/frame-publisher.js';
import { MessagePublisher } from './publisher/message-publisher.js';
import type { PublisherOptions } from './publisher/options.js';
import { FrameSubscriber } from './subscriber/frame-subscriber.js';
import { GroupSubscriber } from './subscriber/group-subscriber.js';
import { MessageSubscriber } from './subscriber/message-subscriber.js';
import type { SubscriberOptions } from './subscriber/options.js';
import type { Frame } from './subscriber/received-frame.js';
import type { Message } from './subscriber/received-message.js';

const FRAME_KINDS: readonly string[] = ['video', 'tensor', 'audio'];

/** Options of a subscriber whose format, whole or in part, is given. */
export type SubscriberOptionsFor<F> = Omit<SubscriberOptions<F>, 'format'> & {
  readonly format: F | Pattern<F>;
};

/**
 * Opens a channel for publishing: frames for video(), tensor(), tensors() and audio(), messages for text(), json(),
 * bytes() and packets(). Resolves to its owner, who closes it.
 * Rejects with `TypeError`/`RangeError` for bad arguments and with `CHANNEL_IN_USE`, `NO_SPACE`, `TOO_MANY_FILES`,
 * `BAD_DIRECTORY`, `UNSUPPORTED`.
 */
export function openPublisher<F extends FrameFormat>(
  channel: string,
  options: PublisherOptions<F>,
): Promise<FramePublisher<F>>;
export function openPublisher<F extends MessageFormat>(
  channel: string,
  options: PublisherOptions<F>,
): Promise<MessagePublisher<F>>;
export async function openPublisher(
  channel: string,
  options: PublisherOptions<FrameFormat | MessageFormat>,
): Promise<unknown> {
  assertChannelName(channel);
  assertOptions('openPublisher()', options);
  const format = completeFormat(options.format);
  if (FRAME_KINDS.includes(format.kind)) {
    return FramePublisher.open(channel, { ...options, format: format as FrameFormat });
  }
  return MessagePublisher.open(channel, { ...options, format: format as MessageFormat });
}

/**
 * Opens a channel for reading; without a publisher it waits for one (`whenMissing: 'wait'`). A pattern (`agent/*` one
 * level, `camera/**` any depth) opens a group that follows channels as they come and go.
 * Rejects with `TypeError`/`RangeError` for bad arguments, the signal's reason, and with `CHANNEL_NOT_FOUND`,
 * `FORMAT_MISMATCH`, `ACCESS_DENIED`, `LEASES_EXHAUSTED`, `TOO_MANY_SUBSCRIBERS`, `NO_ANSWER`, `PROTOCOL`.
 */
export function openSubscriber<F extends FrameFormat>(
  channel: `${string}*${string}`,
  options: SubscriberOptionsFor<F>,
): Promise<GroupSubscriber<Frame<F>>>;
export function openSubscriber<F extends MessageFormat>(
  channel: `${string}*${string}`,
  options: SubscriberOptionsFor<F>,
): Promise<GroupSubscriber<Message<F>>>;
export function openSubscriber<F extends FrameFormat>(
  channel: string,
  options: SubscriberOptionsFor<F>,
): Promise<FrameSubscriber<F>>;
export function openSubscriber<F extends MessageFormat>(
  channel: string,
  options: SubscriberOptionsFor<F>,
): Promise<MessageSubscriber<F>>;
export async function openSubscriber(
  channel: string,
  options: { readonly format: unknown },
): Promise<unknown> {
  assertChannelPattern(channel);
  assertOptions('openSubscriber()', options);
  const format = formatPattern(options.format);
  const checked: SubscriberOptions<FormatPattern> = { ...options, format };
  const frames = FRAME_KINDS.includes(format.kind);
  if (isChannelPattern(channel))
    return frames ? frameGroup(channel, checked) : messageGroup(channel, checked);
  return frames ? FrameSubscriber.open(channel, checked) : MessageSubscriber.open(channel, checked);
}

function frameGroup(
  pattern: string,
  options: SubscriberOptions<FormatPattern>,
): GroupSubscriber<Frame<FrameFormat>> {
  return new GroupSubscriber<Frame<FrameFormat>>({
    pattern,
    kind: 'frame',
    options,
    openMember: (channel, memberOptions) => FrameSubscriber.open(channel, memberOptions),
    releaseLast: (frame) => {
      if (!frame.released) frame.release();
    },
  });
}

function messageGroup(
  pattern: string,
  options: SubscriberOptions<FormatPattern>,
): GroupSubscriber<Message<MessageFormat>> {
  return new GroupSubscriber<Message<MessageFormat>>({
    pattern,
    kind: 'message',
    options,
    openMember: (channel, memberOptions) => MessageSubscriber.open(channel, memberOptions),
    releaseLast: () => undefined,
  });
}

function assertOptions(attempt: string, options: unknown): asserts options is object {
  if (typeof options === 'object' && options !== null) return;
  throw new TypeError(
    `${attempt} needs an options object with a format, for example { format: text() }`,
  );
}
