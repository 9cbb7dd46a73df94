/** Every message of the channels of a pattern, in one stream: those that are there from now on, later ones from their first. */
import type { Message } from '../../bus/index.js';
import { listManifests, watchChannels } from '../../bus/directory/discovery.js';
import type { Manifest } from '../../bus/directory/manifest.js';
import { isSluiceError } from '../../core/index.js';
import type { MessageFormat } from '../../format/index.js';
import { openAgentSubscriber } from '../../terminal/stream/index.js';

export interface FollowOptions {
  readonly pattern: string;
  /** Runtime directory. */
  readonly directory: string | undefined;
  /** A channel that is left out. */
  readonly except: string;
  readonly signal: AbortSignal;
  /** Awaited before the next message of that channel is read. */
  readonly onMessage: (message: Message<MessageFormat>) => Promise<void>;
  /** Its publisher is gone, after the last message. */
  readonly onEnd: (channel: string) => void;
  readonly onProblem: (channel: string, error: Error) => void;
}

/** Channels at once; those beyond are told of and left out. */
const MAX_CHANNELS = 256;

/** Until the signal. Frames are passed over. */
export async function followChannels(options: FollowOptions): Promise<void> {
  const { pattern, signal, onProblem, except } = options;
  const directory = options.directory === undefined ? {} : { directory: options.directory };
  const there = new Set(listManifests(pattern, directory).map(({ instance }) => instance));
  const open = new Map<string, Promise<void>>();
  /** Of each channel the reading of its last publisher: what the next one says comes behind that. */
  const last = new Map<string, Promise<void>>();
  const watch = { ...directory, signal, onProblem };
  for await (const { type, manifest } of watchChannels(pattern, watch)) {
    const { channel, instance, kind } = manifest;
    if (type === 'retired' || kind !== 'message' || channel === except) continue;
    if (open.has(instance)) continue;
    if (open.size === MAX_CHANNELS) {
      onProblem(channel, new Error(`more than ${MAX_CHANNELS} channels are not shown`));
      continue;
    }
    const start = there.delete(instance) ? 'newest' : 'oldest';
    const reading = (last.get(channel) ?? Promise.resolve())
      .then(() => readChannel(manifest, start, options))
      .catch((error: unknown) => {
        // It went before it was opened.
        const isGone = isSluiceError(error, 'CHANNEL_NOT_FOUND') || signal.aborted;
        if (!isGone) onProblem(channel, error as Error);
      });
    open.set(instance, reading);
    last.set(channel, reading);
    void reading.finally(() => {
      open.delete(instance);
      if (last.get(channel) === reading) last.delete(channel);
    });
  }
  await Promise.all(open.values());
}

/** Ends with the publisher: the next one of the channel is announced as another instance. */
async function readChannel(
  manifest: Manifest,
  start: 'newest' | 'oldest',
  { directory, signal, onMessage, onEnd }: FollowOptions,
): Promise<void> {
  const subscriber = await openAgentSubscriber(manifest, {
    start,
    whenMissing: 'fail',
    whenLost: 'end',
    label: 'sluice pub',
    ...(directory === undefined ? {} : { directory }),
  });
  if (subscriber === undefined) return;
  const close = (): void => void subscriber.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    if (signal.aborted) return;
    // Another publisher has come in between: it has an announcement of its own.
    if (subscriber.manifest.instance !== manifest.instance) return;
    for await (const message of subscriber) await onMessage(message);
    onEnd(manifest.channel);
  } finally {
    signal.removeEventListener('abort', close);
    await subscriber.close();
  }
}
