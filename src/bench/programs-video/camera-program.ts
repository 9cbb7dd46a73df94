/** A camera of a clip in real time, or a reader of one; answers each request with how much it has done. */
import { openSubscriber, video } from '../../index.js';
import { openCamera } from '../../video.js';
import { answer, clockNs, givenTo } from '../programs-frames/given.js';
import { cpuMsOfChildren } from '../process-time.js';

export interface CameraGiven {
  readonly directory: string;
  readonly channel: string;
  /** A clip to publish; without it the channel is read. */
  readonly clip?: string;
  readonly decode?: 'always' | 'demand';
  /** A reader of key frames alone, or one that takes frames only when it is asked to, and does not sleep then. */
  readonly reads?: 'key' | 'spinning';
}

/** What it is asked: of a reader that spins, for so many frames. */
export interface CameraRequest {
  readonly frames: number;
}

/** Since it began. */
export interface CameraWork {
  readonly cpuMs: number;
  /** Of its ffmpegs, those that have ended too. */
  readonly childrenMs: number;
  readonly frames: number;
  /** From publish() to the frame in hand, since the request before. */
  readonly latenciesUs: readonly number[];
}

const SPIN_US = 100_000;
const SILENCE_MS = 5000;

const { directory, channel, clip, decode = 'always', reads } = givenTo<CameraGiven>();
let frames: () => number;
let latenciesUs: number[] = [];
let spin: (count: number) => void = () => undefined;
if (clip === undefined) {
  const keyFramesOnly = reads === 'key';
  const subscriber = await openSubscriber(channel, { format: video(), directory, keyFramesOnly });
  frames = () => subscriber.stats().received;
  const took = (publishedNs: number): number => latenciesUs.push((clockNs() - publishedNs) / 1000);
  if (reads === 'spinning') {
    spin = (count) => {
      for (let index = 0; index < count; index++) {
        const frame = subscriber.receiveSync({ timeoutMs: SILENCE_MS, spinUs: SPIN_US });
        if (frame === undefined) return;
        took(frame.publishTimeNs);
        frame.release();
      }
    };
  } else {
    void (async () => {
      // One byte of each picture: reading is what costs nothing.
      for await (const frame of subscriber) {
        took(frame.publishTimeNs);
        if (frame.planes[0]!.bytes[0] === -1) break;
      }
    })();
  }
} else {
  const common = { input: clip, directory, loop: true, realtime: true };
  const camera = await openCamera(channel, { ...common, decode });
  frames = () => camera.stats().frames;
}

process.on('message', (request: CameraRequest) => {
  spin(request.frames);
  const { user, system } = process.cpuUsage();
  const childrenMs = cpuMsOfChildren();
  const done = { cpuMs: (user + system) / 1000, childrenMs, frames: frames(), latenciesUs };
  latenciesUs = [];
  void answer(done satisfies CameraWork);
});
await answer({ ready: true });
