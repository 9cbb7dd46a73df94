/** A camera of a clip in real time, or a reader of one; answers each request with how much it has done. */
import { openSubscriber, video } from '../../index.js';
import { openCamera } from '../../video.js';
import { answer, givenTo } from '../programs-frames/given.js';

export interface CameraGiven {
  readonly directory: string;
  readonly channel: string;
  /** A clip to publish; without it the channel is read. */
  readonly clip?: string;
}

/** CPU time of this process and frames since it began. */
export interface CameraWork {
  readonly cpuMs: number;
  readonly frames: number;
}

const { directory, channel, clip } = givenTo<CameraGiven>();
let frames: () => number;
if (clip === undefined) {
  const subscriber = await openSubscriber(channel, { format: video(), directory });
  frames = () => subscriber.stats().received;
  void (async () => {
    // One byte of each picture: reading is what costs nothing.
    for await (const frame of subscriber) if (frame.planes[0]!.bytes[0] === -1) break;
  })();
} else {
  const camera = await openCamera(channel, { input: clip, directory, loop: true, realtime: true });
  frames = () => camera.stats().frames;
}

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  void answer({ cpuMs: (user + system) / 1000, frames: frames() });
});
await answer({ ready: true });
