/** Actor: finds motion in the newest frame, in place, and publishes it as detections. */
import { openDetectionPublisher } from '../video/index.js';
import { perform } from './actor.js';
import { cameraFormat, MOTION_CHANNEL } from './channels.js';
import { MotionDetector } from './motion.js';
import { waitingReport, Watcher } from './watcher.js';

const results = await openDetectionPublisher(MOTION_CHANNEL, {
  model: 'blocks that differ from their background',
  label: 'demo detector',
  whenTaken: 'wait',
});
const detector = new MotionDetector(cameraFormat.width, cameraFormat.height);
let watcher: Watcher | undefined;
let boxesFound = 0;

await perform(
  () => watcher?.report(`${boxesFound} moving things`) ?? waitingReport('detector'),
  async (signal) => {
    watcher = await Watcher.open('detector', 'latest', signal);
    for await (const frame of watcher.subscriber) {
      watcher.check(frame);
      const [luma] = frame.planes;
      if (luma === undefined) continue;
      const boxes = detector.detect(luma.bytes, luma.pitchBytes);
      boxesFound = boxes.length;
      results.send(
        frame,
        boxes.map((box) => ({ box, label: 'motion' })),
      );
    }
  },
);
await watcher?.subscriber.close();
await results.close();
