/** A subscriber that tells, of one frame, how old it finds it by its own CLOCK_MONOTONIC. */
import { openSubscriber, tensors } from '../../src/index.js';
import { given, tell } from './program.js';

const { channel, directory } = given<{ channel: string; directory: string }>();
const subscriber = await openSubscriber(channel, { format: tensors(), directory });
const frame = await subscriber.receive();
const nowNs = Number(process.hrtime.bigint());
tell(
  JSON.stringify({
    captureAgeMs: (nowNs - frame.captureTimeNs) / 1e6,
    publishAgeMs: (nowNs - frame.publishTimeNs) / 1e6,
    latencyUs: subscriber.stats().latencyUs.max,
    captureUnixMs: frame.captureDate.getTime(),
  }),
);
frame.release();
await subscriber.close();
