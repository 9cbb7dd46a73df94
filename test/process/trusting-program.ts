/**
 * An honest subscriber that meets hostile publishers: one attempt a channel, and what came of it. Those it could open
 * it reads for some time. The process must outlive them all; only errors of Sluice may come up.
 */
import { isSluiceError, openSubscriber, tensors, bytes } from '../../src/index.js';
import { given, tell } from './program.js';
import { openDescriptors, residentMiB, sharedMappings } from './runtime.js';

interface Given {
  readonly directory: string;
  readonly channels: readonly string[];
  /** Looks at each channel that could be opened. */
  readonly looks: number;
}

const { directory, channels, looks } = given<Given>();

/** A look a turn of the event loop, so that everything else goes on too. */
async function read(subscriber: {
  tryReceive(): { readonly bytes?: Uint8Array; release?: () => void } | undefined;
}): Promise<string> {
  let found = 0;
  for (let look = 0; look < looks; look++) {
    const unit = subscriber.tryReceive();
    if (unit !== undefined) {
      found += 1;
      if (unit.bytes !== undefined) {
        for (let at = 0; at < unit.bytes.length; at += 4096)
          found += (unit.bytes[at] ?? 0) === -1 ? 1 : 0;
      }
      unit.release?.();
    }
    if (look % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return `read ${found > 0 ? 'some' : 'none'}`;
}

async function meet(channel: string): Promise<string> {
  const message = channel === 'random-slots' || channel === 'random-bytes';
  const options = { directory, delivery: 'every', whenMissing: 'fail', whenLost: 'end' } as const;
  try {
    const subscriber = message
      ? await openSubscriber(channel, { ...options, format: bytes() })
      : await openSubscriber(channel, { ...options, format: tensors() });
    try {
      return await read(subscriber as never);
    } finally {
      await subscriber.close();
    }
  } catch (error) {
    return isSluiceError(error) ? error.code : `BUG ${String(error)}`;
  }
}

await meet(channels[0] ?? '');
const before = [openDescriptors(), sharedMappings()];
const memory = residentMiB();
const outcomes = await Promise.all(
  channels.map(async (channel) => [channel, await meet(channel)] as const),
);
for (let tries = 0; tries < 100 && openDescriptors() > (before[0] ?? 0); tries++) {
  await new Promise((resolve) => setTimeout(resolve, 10));
}
const leaked = [openDescriptors() - (before[0] ?? 0), sharedMappings() - (before[1] ?? 0)];
tell(
  JSON.stringify({
    outcomes: Object.fromEntries(outcomes),
    leaked,
    grownMiB: residentMiB() - memory,
  }),
);
process.exit(0);
