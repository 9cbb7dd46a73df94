/** Actor: publishes the clip, one picture every 40 ms, each decoded straight into a slot of the channel. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openPublisher } from '../bus/index.js';
import { frameByteLength } from '../format/index.js';
import type { Memory } from '../memory/index.js';
import { perform } from './actor.js';
import { CAMERA_CHANNEL, CAMERA_FPS, cameraFormat } from './channels.js';
import { checksumBytes } from './frame-checksum.js';
import { openClip, openGeneratedScene } from './picture-source.js';

const pictureBytes = frameByteLength(cameraFormat);
const [clip, memory = 'host'] = process.argv.slice(2);
const source =
  clip === undefined || clip === ''
    ? openGeneratedScene(cameraFormat)
    : openClip(clip, cameraFormat, pictureBytes);
const camera = await openPublisher(CAMERA_CHANNEL, {
  format: cameraFormat,
  label: 'demo camera',
  whenTaken: 'wait',
  // A second of pictures for those who want them all, and what the readers hold.
  slots: CAMERA_FPS + 20,
  memory: memory as Memory,
  userData: { source: source.description },
});
/** Frames of a GPU are decoded here and sent on; others straight into their slot. */
const staging = memory === 'host' ? undefined : new Uint8Array(pictureBytes);

async function publishAll(signal: AbortSignal): Promise<void> {
  const startedMs = performance.now();
  for (let picture = 0; !signal.aborted; picture++) {
    const dueMs = startedMs + (picture * 1000) / CAMERA_FPS;
    await sleep(Math.max(0, dueMs - performance.now()), undefined, { signal });
    const ptsNs = Math.round((picture * 1e9) / CAMERA_FPS);
    if (staging !== undefined) {
      if (!(await source.fill(staging))) return;
      camera.send(staging, { ptsNs, userData: checksumBytes(staging) });
      continue;
    }
    using loan = camera.tryLoan();
    if (loan === undefined) continue;
    if (!(await source.fill(loan.bytes))) return;
    loan.publish({ ptsNs, userData: checksumBytes(loan.bytes.subarray(0, pictureBytes)) });
  }
}

await perform(() => {
  const { published, dropped, bytes, subscribers } = camera.stats();
  return {
    role: 'camera',
    state: 'live',
    frames: published,
    bytesInPlace: bytes,
    bytesCopied: 0,
    skipped: dropped,
    lost: 0,
    torn: 0,
    reconnects: 0,
    p50Us: 0,
    p99Us: 0,
    note: `${subscribers} subscribers · ${source.description}`,
  };
}, publishAll);
source.close();
await camera.close();
