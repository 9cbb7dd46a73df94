/** Publishes 25 pictures a second on camera/door until Ctrl+C: a bright bar that walks over a dark ground. */
import { setInterval } from 'node:timers/promises';
import { openPublisher, video } from 'sluice';

const FRAMES_PER_SECOND = 25;
const BAR_WIDTH = 32;

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

await using camera = await openPublisher('camera/door', {
  format: video({ width: 640, height: 360, pixelFormat: 'i420' }),
  // Room for subscribers that want every picture and may be a second behind, and some that hold a few.
  slots: 40,
});
console.log(`publishing ${camera.channel}`);

let picture = 0;
for await (const _ of setInterval(1000 / FRAMES_PER_SECOND)) {
  if (stop.signal.aborted) break;
  // A slot of the shared memory. None is free when subscribers hold all of them: this picture is dropped, and counted.
  using loan = camera.tryLoan();
  if (loan === undefined) continue;
  const [y, u, v] = loan.planes;
  y!.bytes.fill(16);
  const left = (picture * 8) % (y!.width - BAR_WIDTH);
  for (let row = 0; row < y!.height; row++) {
    // Rows are pitchBytes apart, which can be more than the width.
    const start = row * y!.pitchBytes + left;
    y!.bytes.fill(235, start, start + BAR_WIDTH);
  }
  u!.bytes.fill(128);
  v!.bytes.fill(128);
  loan.publish({ ptsNs: Math.round((picture * 1e9) / FRAMES_PER_SECOND), keyFrame: true });
  picture += 1;
}
console.log(`published ${camera.stats().published}, dropped ${camera.stats().dropped}`);
