/** A reader of a camera in a process of its own: says of every frame and every packet what it is, a line of JSON each. */
import { isSluiceError, openSubscriber, video } from '../../src/index.js';
import { openPackets } from '../../src/video.js';
import { digestOf } from './camera-clips.js';
import { endWithParent, given, tell } from './program.js';

export interface CameraViewerGiven {
  readonly channel: string;
  readonly directory: string;
  /** Whose publishers it trusts. */
  readonly uids: readonly number[];
}

/** What it says. */
export type CameraViewerSaw =
  | { readonly saw: 'denied'; readonly channel: string }
  | {
      readonly saw: 'frame';
      readonly digest: string;
      readonly id: string;
      readonly ptsNs: number;
      readonly reconnects: number;
      readonly bytesCopied: number;
    }
  | {
      readonly saw: 'packet';
      /** base64 */
      readonly bytes: string;
      readonly id: string;
      readonly ptsNs: number;
      readonly keyFrame: boolean;
      readonly discontinuity: boolean;
    };

const { channel, directory, uids } = given<CameraViewerGiven>();
const options = { directory, allow: { uids } };

function say(what: CameraViewerSaw): void {
  tell(JSON.stringify(what));
}

async function readFrames(): Promise<void> {
  const every = { format: video(), delivery: 'every', maxLag: 4 } as const;
  const subscriber = await openSubscriber(channel, { ...every, ...options });
  for await (const frame of subscriber) {
    const { reconnects, bytesCopied } = subscriber.stats();
    const id = String(frame.id);
    const { ptsNs } = frame;
    say({ saw: 'frame', digest: digestOf(frame), id, ptsNs, reconnects, bytesCopied });
  }
}

async function readPackets(name: string): Promise<void> {
  for await (const packet of await openPackets(name, { ...options, start: 'oldest' })) {
    const { ptsNs, keyFrame, discontinuity } = packet;
    const bytes = Buffer.from(packet.bytes).toString('base64');
    say({ saw: 'packet', bytes, id: String(packet.id), ptsNs, keyFrame, discontinuity });
  }
}

/** Who is not allowed says so; any other failure is a bug. */
async function unlessDenied(name: string, read: (name: string) => Promise<void>): Promise<void> {
  try {
    await read(name);
  } catch (error) {
    if (!isSluiceError(error, 'ACCESS_DENIED')) throw error;
    say({ saw: 'denied', channel: name });
  }
}

endWithParent();
await Promise.all([
  unlessDenied(channel, readFrames),
  unlessDenied(`${channel}/packets`, readPackets),
]);
