/** Actor: reads every frame, in order, and keeps the mean brightness of the picture. */
import { perform } from './actor.js';
import { waitingReport, Watcher } from './watcher.js';

/** One pixel in this many is enough for a mean. */
const STEP_BYTES = 64;

let watcher: Watcher | undefined;
let brightness = 0;

await perform(
  () => watcher?.report(`mean brightness ${brightness.toFixed(1)}`) ?? waitingReport('statistics'),
  async (signal) => {
    watcher = await Watcher.open('statistics', 'every', signal);
    for await (const frame of watcher.subscriber) {
      watcher.check(frame);
      const luma = frame.planes[0]?.bytes ?? new Uint8Array(0);
      let sum = 0;
      for (let at = 0; at < luma.length; at += STEP_BYTES) sum += luma[at] as number;
      brightness = sum / (luma.length / STEP_BYTES);
    }
  },
);
await watcher?.subscriber.close();
