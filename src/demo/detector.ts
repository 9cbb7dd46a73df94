/** Actor: finds motion in the newest frame, in place, and publishes the boxes as a JSON channel. */
import { openPublisher } from '../bus/index.js';
import { perform } from './actor.js';
import { cameraFormat, MOTION_CHANNEL, motionFormat } from './channels.js';
import { MotionDetector } from './motion.js';
import { waitingReport, Watcher } from './watcher.js';

const results = await openPublisher(MOTION_CHANNEL, {
  format: motionFormat,
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
      results.trySend({ frame: String(frame.id), sequence: frame.sequence, boxes }, { frame });
    }
  },
);
await watcher?.subscriber.close();
await results.close();
