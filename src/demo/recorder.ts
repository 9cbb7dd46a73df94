/** Actor: saves a PNG of a frame every second or two, with what the detector found in it. */
import { join } from 'node:path';
import type { Frame } from '../bus/index.js';
import type { VideoFormat } from '../format/index.js';
import { type Detections, openDetectionSubscriber } from '../video/index.js';
import { perform } from './actor.js';
import { MOTION_CHANNEL } from './channels.js';
import { writeSnapshot } from './snapshot.js';
import { waitingReport, Watcher } from './watcher.js';

const SNAPSHOT_EVERY_MS = 1500;

const [folder = '.'] = process.argv.slice(2);
/** Held until the detector has spoken of it, or of a later one. */
let waiting: Frame<VideoFormat> | undefined;
let watcher: Watcher | undefined;
let saved = 0;
let drawn = 0;
let lastMs = 0;

function save(found: Detections): void {
  const frame = waiting;
  if (frame === undefined) return;
  const isIt = !frame.released && found.frame.id === String(frame.id);
  if (isIt) {
    saved += 1;
    drawn += found.detections.length;
    lastMs = performance.now();
    const path = join(folder, `snapshot-${String(saved).padStart(3, '0')}.png`);
    writeSnapshot(path, frame.format, frame.planes, found);
  } else if (found.frame.instance === frame.instance && found.frame.sequence < frame.sequence) {
    return;
  }
  waiting = undefined;
  if (!frame.released) frame.release();
}

async function collect(signal: AbortSignal): Promise<void> {
  const detections = await openDetectionSubscriber(MOTION_CHANNEL, {
    label: 'demo recorder',
    signal,
  });
  for await (const { value } of detections) save(value);
}

await perform(
  () =>
    watcher?.report(`${saved} snapshots with ${drawn} boxes in ${folder}`) ??
    waitingReport('recorder'),
  async (signal) => {
    watcher = await Watcher.open('recorder', 'latest', signal);
    void collect(signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    for await (const frame of watcher.subscriber) {
      watcher.check(frame);
      const isDue = performance.now() - lastMs >= SNAPSHOT_EVERY_MS;
      if (isDue && (waiting === undefined || waiting.released)) waiting = frame.retain();
    }
  },
);
await watcher?.subscriber.close();
