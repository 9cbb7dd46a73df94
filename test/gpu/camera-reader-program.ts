/**
 * Reads many cameras in the memory of a GPU, each picture copied to the host and compared with what ffmpeg decodes, until
 * each has shown enough; then says what it saw.
 */
import { readFileSync } from 'node:fs';
import { openSubscriber, video } from '../../src/index.js';
import { digestOf } from '../process/camera-clips.js';
import { given, tell } from '../process/program.js';

export interface CameraReaderGiven {
  readonly directory: string;
  readonly channels: readonly string[];
  /** A file with the digests of the clip that all of them play again and again, JSON. */
  readonly expectedPath: string;
  readonly frameNs: number;
  /** Of each camera. */
  readonly frames: number;
}

/** What it says. */
export interface CameraReaderSaw {
  readonly frames: number;
  /** Passed over: it was behind. */
  readonly lost: number;
  /** Pictures that are not what ffmpeg makes of that moment, or come again. */
  readonly wrong: readonly string[];
}

const { directory, channels, expectedPath, frameNs, frames } = given<CameraReaderGiven>();
const expected = JSON.parse(readFileSync(expectedPath, 'utf8')) as readonly string[];
const wrong: string[] = [];
let lost = 0;
let seen = 0;

async function read(channel: string): Promise<void> {
  await using subscriber = await openSubscriber(channel, {
    ...{ format: video(), copyTo: 'host', directory },
  });
  let count = 0;
  let lastNs = -1;
  for await (const frame of subscriber) {
    const place = Math.round(frame.ptsNs / frameNs) % expected.length;
    const isRight = digestOf(frame) === expected[place] && frame.ptsNs > lastNs;
    if (!isRight) wrong.push(`${channel} at ${frame.ptsNs} ns, after ${lastNs} ns`);
    lastNs = frame.ptsNs;
    count += 1;
    if (count === frames) break;
  }
  lost += subscriber.stats().lost;
  seen += count;
}

await Promise.all(channels.map(read));
tell(JSON.stringify({ frames: seen, lost, wrong } satisfies CameraReaderSaw));
