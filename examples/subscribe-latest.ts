/** Looks at the newest picture of camera/door, ten times. Slower than the camera, it skips and never lags. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Frame, openSubscriber, video, type VideoFormat } from 'sluice';

const LOOKS = 10;
const WORK_MS = 100;

await using view = await openSubscriber('camera/door', { format: video() });

let first: Frame<VideoFormat> | undefined;
let looks = 0;
for await (const frame of view) {
  const y = frame.planes[0]!;
  // The bytes are the publisher's own memory, mapped read-only: nothing was copied.
  const bar = y.bytes.indexOf(235);
  console.log(`frame ${frame.sequence}: bar at ${bar}, ${frame.skipped} skipped before it`);
  await sleep(WORK_MS);
  // The loop releases its frame at the next turn. retain() keeps it, for as long as it is wanted.
  first ??= frame.retain();
  if (++looks === LOOKS) break;
}

const { received, skipped, lost, bytesCopied } = view.stats();
console.log(
  `the bar of frame ${first?.sequence} is still at ${first?.planes[0]!.bytes.indexOf(235)}`,
);
console.log(`received ${received}, skipped ${skipped}, lost ${lost}, copied ${bytesCopied} bytes`);
first?.release();
