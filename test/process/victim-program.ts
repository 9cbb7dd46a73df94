/** A publisher or subscriber that works until it is killed. A torn frame or message ends it with a word about it. */
import { openPublisher, openSubscriber } from '../../src/index.js';
import { endWithParent, given, tell } from './program.js';
import {
  publishStamped,
  readStamp,
  readStampedMessage,
  STAMPED,
  STAMPED_BYTES,
  stampedMessage,
} from './stamp.js';

interface Role {
  readonly role: 'publisher' | 'subscriber';
  readonly directory: string;
  readonly frames: string;
  readonly messages: string;
  readonly delivery: 'latest' | 'every';
  readonly layout: 'bytes' | 'slots';
}

const { role, directory, frames, messages, delivery, layout } = given<Role>();

/** Frames and messages in bursts, with the event loop's turn in between. */
async function publish(): Promise<void> {
  const whenTaken = 'wait' as const;
  const words = await openPublisher(messages, {
    directory,
    format: STAMPED_BYTES,
    layout,
    whenTaken,
    patienceMs: 50,
  });
  const pictures = await openPublisher(frames, { directory, format: STAMPED, whenTaken });
  tell('ready');
  for (let value = 1; ;) {
    for (let burst = 0; burst < 8; burst++, value++) {
      const loan = pictures.tryLoan();
      if (loan !== undefined) publishStamped(loan, value);
      words.trySend(stampedMessage(value));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function subscribe(): Promise<void> {
  const pictures = await openSubscriber(frames, { directory, format: STAMPED, delivery });
  const words = await openSubscriber(messages, { directory, format: STAMPED_BYTES });
  let announced = false;
  const readMessages = (async () => {
    for await (const message of words) readStampedMessage(message);
  })();
  for await (const frame of pictures) {
    readStamp(frame);
    // Held over a turn of the event loop: the publisher goes on meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
    readStamp(frame);
    if (!announced) tell('ready');
    announced = true;
  }
  await readMessages;
}

endWithParent();
try {
  await (role === 'publisher' ? publish() : subscribe());
} catch (error) {
  tell(`failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
