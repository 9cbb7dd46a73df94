/** A publisher or subscriber of GPU frames that works until it is killed, always with work in flight. */
import { Stream } from '../../src/gpu/index.js';
import { openPublisher, openSubscriber } from '../../src/index.js';
import { endWithParent, given, tell } from '../process/program.js';
import { Checker, delay, kernelsOf, stamp, STAMPED } from './integrity.js';

interface Role {
  readonly role: 'publisher' | 'subscriber';
  readonly channel: string;
  readonly directory: string;
  readonly delivery: 'latest' | 'every';
  /** Delays in front of stores, and behind reads, are random up to it. */
  readonly longestMs: number;
}

const { role, channel, directory, delivery, longestMs } = given<Role>();

/** Frames far behind in the stream: some of them are always announced and not complete. */
const IN_FLIGHT = 4;

async function publish(): Promise<void> {
  const stream = await Stream.create();
  kernelsOf(stream.device);
  tell('warm');
  const publisher = await openPublisher(channel, {
    ...{ format: STAMPED, directory, memory: 'cuda', slots: 16, whenTaken: 'wait' },
  });
  tell('ready');
  for (let value = 1; ; value++) {
    const loan = await publisher.loan();
    delay(stream, Math.random() * longestMs);
    stamp(stream, loan.pointer, value);
    loan.publish({ stream, ptsNs: value });
    if (value % IN_FLIGHT === 0) await stream.synchronize();
    else await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Gives each frame back behind the work that reads it, and never waits for that work but for its own count. */
async function subscribe(): Promise<void> {
  const checker = new Checker(await Stream.create());
  tell('warm');
  const subscriber = await openSubscriber(channel, {
    ...{ format: STAMPED, directory, delivery, stream: checker.stream, maxHeld: 3 },
  });
  for await (const frame of subscriber) {
    delay(checker.stream, Math.random() * longestMs);
    checker.check(frame);
    if (checker.checks === 1) tell('ready');
    if (checker.wrong > 0) throw new Error(`torn before frame ${frame.sequence}`);
  }
}

endWithParent();
try {
  await (role === 'publisher' ? publish() : subscribe());
} catch (error) {
  tell(`failed: ${error instanceof Error ? error.stack : String(error)}`);
  process.exit(1);
}
