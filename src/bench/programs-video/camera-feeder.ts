/** Cameras that cost nothing: pictures of noise that are in their slots already, at a rate. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openPublisher, video } from '../../index.js';
import { answer, givenTo } from '../programs-frames/given.js';

/** What the suite passes. */
export interface FeederGiven {
  readonly directory: string;
  readonly cameras: number;
  readonly width: number;
  readonly height: number;
  readonly framesPerSecond: number;
}

const SLOTS = 4;
const { directory, cameras, width, height, framesPerSecond } = givenTo<FeederGiven>();
const format = video({ width, height, pixelFormat: 'nv12' });
const publishers = await Promise.all(
  Array.from({ length: cameras }, (_, index) =>
    openPublisher(`bench/camera-${index}`, { format, slots: SLOTS, directory }),
  ),
);
for (const publisher of publishers) {
  for (let slot = 0; slot < SLOTS; slot++) {
    const loan = publisher.tryLoan();
    loan?.bytes.forEach((_, at) => (loan.bytes[at] = (Math.imul(at, 2654435761) >>> 19) & 255));
    loan?.publish();
  }
}
await answer({ ready: true });
const startedMs = performance.now();
for (let frame = 1; ; frame++) {
  for (const publisher of publishers) publisher.tryLoan()?.publish();
  await sleep(Math.max(0, startedMs + (frame * 1000) / framesPerSecond - performance.now()));
}
