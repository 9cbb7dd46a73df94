/** Reads ten messages of detect/door, each checked by the schema, and says how old its picture is by now. */
import { isSluiceError, json, openSubscriber } from 'sluice';
import { boxSchema } from './box-schema.js';

await using detections = await openSubscriber('detect/door', {
  format: json(boxSchema),
  // What the ring still holds comes first. Messages are `every` by default: in order, none left out.
  start: 'oldest',
});

for (let read = 0; read < 10; read++) {
  try {
    const { sequence, value, packet } = await detections.receive();
    const found = value.boxes.map(({ label, x }) => `${label} at ${x}`).join(', ') || 'nothing';
    console.log(`message ${sequence}: ${found} in picture ${value.picture} of ${packet?.ptsNs} ns`);
  } catch (error) {
    // One message that the schema refuses is passed over; the next receive() goes on behind it.
    if (!isSluiceError(error, 'INVALID_MESSAGE')) throw error;
    console.error(error.message, error.details);
  }
}
