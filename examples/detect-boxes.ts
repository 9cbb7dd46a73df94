/** Finds the bar in the pictures of camera/door and says where, as JSON on detect/door, until Ctrl+C. */
import { json, openPublisher, openSubscriber, video } from 'sluice';
import { boxSchema } from './box-schema.js';

await using camera = await openSubscriber('camera/door', { format: video() });
await using detections = await openPublisher('detect/door', { format: json(boxSchema) });
process.once('SIGINT', () => void camera.close());
console.log(`publishing ${detections.channel}`);

for await (const frame of camera) {
  const y = frame.planes[0]!;
  const row = y.bytes.subarray(0, y.width);
  const x = row.indexOf(235);
  const boxes = x < 0 ? [] : [{ x, width: row.lastIndexOf(235) + 1 - x, label: 'bar' }];
  // The message carries the picture's id, presentation time and capture time along.
  detections.trySend({ picture: String(frame.id), boxes }, { frame });
}
