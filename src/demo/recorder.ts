/** Actor: saves a PNG of the newest frame every second or two, with the boxes that the detector found in it. */
import { join } from 'node:path';
import { openSubscriber, type MessageSubscriber } from '../bus/index.js';
import type { JsonFormat } from '../format/index.js';
import { perform } from './actor.js';
import { MOTION_CHANNEL, motionFormat, type Motion } from './channels.js';
import type { Box } from './motion.js';
import { writeSnapshot } from './snapshot.js';
import { waitingReport, Watcher } from './watcher.js';

const SNAPSHOT_EVERY_MS = 1500;
/** Boxes wait this long for their frame; detection takes a few ms, so a few frames are plenty. */
const MAX_REMEMBERED = 64;

const [folder = '.'] = process.argv.slice(2);
const motions = new Map<string, readonly Box[]>();
let watcher: Watcher | undefined;
let saved = 0;

async function collectMotions(detections: MessageSubscriber<JsonFormat<Motion>>): Promise<void> {
  for await (const { value } of detections) {
    motions.set(value.frame, value.boxes);
    const oldest = motions.keys().next().value;
    if (motions.size > MAX_REMEMBERED && oldest !== undefined) motions.delete(oldest);
  }
}

await perform(
  () => watcher?.report(`${saved} snapshots in ${folder}`) ?? waitingReport('recorder'),
  async (signal) => {
    watcher = await Watcher.open('recorder', 'latest', signal);
    const detections = await openSubscriber(MOTION_CHANNEL, {
      format: motionFormat,
      label: 'demo recorder',
      signal,
    });
    void collectMotions(detections);
    let lastMs = 0;
    for await (const frame of watcher.subscriber) {
      watcher.check(frame);
      const boxes = motions.get(String(frame.id));
      if (boxes === undefined || performance.now() - lastMs < SNAPSHOT_EVERY_MS) continue;
      lastMs = performance.now();
      saved += 1;
      writeSnapshot(
        join(folder, `snapshot-${String(saved).padStart(3, '0')}.png`),
        frame.format,
        frame.planes,
        boxes,
      );
    }
  },
);
await watcher?.subscriber.close();
