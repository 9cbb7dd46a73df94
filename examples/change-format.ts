/** Publishes on camera/zoom until Ctrl+C and changes the size every 25 pictures: each change starts a new epoch. */
import { setInterval } from 'node:timers/promises';
import { openPublisher, video } from 'sluice';

const SIZES = [
  { width: 640, height: 360 },
  { width: 1280, height: 720 },
] as const;

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

await using camera = await openPublisher('camera/zoom', {
  format: video({ ...SIZES[0], pixelFormat: 'gray8' }),
  // Nothing is missed: loan() waits, up to a second, for subscribers that want every picture.
  whenFull: 'wait',
});
console.log(`publishing ${camera.channel}`);

let picture = 0;
for await (const _ of setInterval(40)) {
  if (stop.signal.aborted) break;
  if (picture % 25 === 0) {
    // New memory, a new format; sequences go on. Subscribers read what was published before, then go over.
    const size = SIZES[(picture / 25) % 2]!;
    await camera.setFormat(video({ ...size, pixelFormat: 'gray8' }));
  }
  using loan = await camera.loan();
  loan.bytes.fill(picture & 0xff);
  loan.publish();
  picture += 1;
}
