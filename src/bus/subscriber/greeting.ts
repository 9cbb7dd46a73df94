/** Connecting to a publisher: what the directory says of it decides what HELLO asks for. */
import { isSluiceError, SluiceError } from '../../core/index.js';
import type { FormatPattern } from '../../format/index.js';
import type { StartPosition } from '../../layout/handshake.js';
import { readManifest, type Manifest } from '../directory/manifest.js';
import type { RuntimeDirectory } from '../directory/runtime-directory.js';
import { mayConnect } from '../transport/access.js';
import { connectChannel, type ChannelConnection } from '../transport/channel-client.js';
import { helloOf, type LinkWishes } from './link-terms.js';
import type { SubscriberOptions } from './options.js';
import { IN_PLACE, readingPlace, type ReadingPlace } from './reading-place.js';

/** A connection, and where its frames are read. */
export interface Greeting extends ChannelConnection {
  readonly place: ReadingPlace;
}

export interface GreetOptions {
  readonly delivery: 'latest' | 'every';
  readonly start: StartPosition;
  readonly signal: AbortSignal;
}

/** Connects and says HELLO. Throws as `connectChannel` and `readingPlace` do. */
export async function greet(
  directory: RuntimeDirectory,
  wishes: LinkWishes,
  { delivery, start, signal }: GreetOptions,
): Promise<Greeting> {
  const connect = async (place: ReadingPlace): Promise<Greeting> => ({
    place,
    ...(await connectChannel(
      directory.socketPath(wishes.channel),
      helloOf(wishes, delivery, start, place),
      { signal, expectUid: (uid) => trusts(directory, uid, wishes.options) },
    )),
  });
  const place = placeOf(directory, wishes);
  try {
    return await connect(place);
  } catch (error) {
    if (place !== IN_PLACE || !isSluiceError(error, 'WRONG_DEVICE')) throw error;
    // It listens before it announces itself: now there is a manifest that says where its frames are.
    return connect(placeOf(directory, wishes));
  }
}

/** What the directory says of a channel now, which can be stale; undefined when it says nothing that can be used. */
export function announcedManifest(
  directory: RuntimeDirectory,
  { channel, options }: LinkWishes,
): Manifest | undefined {
  try {
    return readManifest(directory, channel, { allowUids: options.allow?.uids ?? [] });
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return undefined;
  }
}

/** Messages are in host memory; frames where the manifest says. */
function placeOf(directory: RuntimeDirectory, wishes: LinkWishes): ReadingPlace {
  const { channel, kind, options } = wishes;
  if (kind !== 'frame') return IN_PLACE;
  const { stream, device, copyTo, allow } = options;
  if (stream === undefined && device === undefined && copyTo === undefined) {
    return readingPlace(channel, announcedManifest(directory, wishes), options);
  }
  // Whether a wish can be met depends on where the frames are: without a manifest there is nothing to decide by.
  const manifest = readManifest(directory, channel, { allowUids: allow?.uids ?? [] });
  if (manifest !== undefined) return readingPlace(channel, manifest, options);
  throw new SluiceError('CHANNEL_NOT_FOUND', `there is no manifest of ${channel}`);
}

/** Only the uid of the server is asked: a group id of a peer says who started it, not who wrote the manifest. */
function trusts(
  directory: RuntimeDirectory,
  uid: number,
  { allow }: SubscriberOptions<FormatPattern>,
): boolean {
  return (
    mayConnect({ uid, gid: -1, pid: 0 }, { uids: allow?.uids ?? [] }) ||
    (directory.shared && uid === 0)
  );
}
