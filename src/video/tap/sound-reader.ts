/** The sound beside pictures, for as long as it is read: it may come later than they, end before them, and come again. */
import { isSluiceError } from '../../core/index.js';
import { packets, type PacketFormat } from '../../format/index.js';
import { listChannels, type MessageSubscriber, openSubscriber } from '../../bus/index.js';
import { type SoundFraming, soundFraming } from '../container/mpegts-sound.js';
import { packetFacts } from '../packets/index.js';

export interface SoundHandlers {
  /** What comes is like this; undefined: there is none any more, or none that is understood. */
  onSound(framing: SoundFraming | undefined): void;
  onPacket(bytes: Uint8Array, ptsNs: number): void;
}

export interface SoundReading {
  readonly channel: string;
  readonly label: string;
  readonly directory: string | undefined;
  readonly signal: AbortSignal;
}

export interface FollowedSound {
  /** Resolves once it was told whether there is sound now, so that the first tables can say so. */
  readonly known: Promise<void>;
  /** Resolves when nothing is read any more. */
  readonly ended: Promise<void>;
}

/** Reads until the signal, beside the caller. Sound that fails is none: pictures go on. */
export function followSound(reading: SoundReading, handlers: SoundHandlers): FollowedSound {
  let isKnown: () => void = () => undefined;
  const told = new Promise<void>((resolve) => (isKnown = resolve));
  const ended = follow(reading, {
    onPacket: (bytes, ptsNs) => handlers.onPacket(bytes, ptsNs),
    onSound: (framing) => {
      handlers.onSound(framing);
      isKnown();
    },
  });
  void ended.finally(isKnown);
  return { known: isAnnounced(reading).then((isThere) => (isThere ? told : undefined)), ended };
}

async function isAnnounced({ channel, directory }: SoundReading): Promise<boolean> {
  const place = directory === undefined ? {} : { directory };
  return (await listChannels(channel, place)).length > 0;
}

async function follow(reading: SoundReading, handlers: SoundHandlers): Promise<void> {
  const { channel, label, directory, signal } = reading;
  try {
    while (!signal.aborted) {
      await using subscriber = await openSubscriber(channel, {
        format: packets(),
        whenLost: 'end',
        label,
        signal,
        ...(directory === undefined ? {} : { directory }),
      });
      const { format, userData } = subscriber.manifest;
      const framing = soundFraming({ ...(format as PacketFormat), ...packetFacts(userData) });
      handlers.onSound(framing);
      await readAll(subscriber, framing === undefined ? undefined : handlers);
      handlers.onSound(undefined);
    }
  } catch (error) {
    if (!signal.aborted && !isSluiceError(error)) throw error;
  }
}

/** Without handlers only until its end, when it may come again as something else. */
async function readAll(
  subscriber: MessageSubscriber<PacketFormat>,
  handlers: SoundHandlers | undefined,
): Promise<void> {
  if (handlers === undefined) {
    await subscriber.closed;
    return;
  }
  for await (const { value, packet } of subscriber) handlers.onPacket(value, packet?.ptsNs ?? 0);
}
