/** An honest publisher in a process of its own; it sends what it is told to over its standard input. */
import { createInterface } from 'node:readline';
import {
  type FramePublisher,
  isSluiceError,
  type MessagePublisher,
  openPublisher,
} from '../../src/index.js';
import { given, tell } from './program.js';
import { publishStamped, STAMPED, STAMPED_BYTES, type Stamped, stampedMessage } from './stamp.js';

interface Given {
  readonly channel: string;
  readonly kind: 'frames' | 'messages';
  readonly options: object;
}

const { channel, kind, options } = given<Given>();
let value = 0;

async function open(): Promise<FramePublisher<Stamped> | MessagePublisher<typeof STAMPED_BYTES>> {
  if (kind === 'frames') return openPublisher(channel, { format: STAMPED, ...options });
  return openPublisher(channel, { format: STAMPED_BYTES, ...options });
}

try {
  const publisher = await open();
  tell('open');
  createInterface({ input: process.stdin }).on('line', (line) => {
    if (line === 'close') return void publisher.close().then(() => tell('closed'));
    for (let i = 0; i < Number(line); i++) {
      value += 1;
      if ('trySend' in publisher) publisher.trySend(stampedMessage(value));
      else publishStamped(publisher.tryLoan()!, value);
    }
    tell(`sent ${value}`);
  });
  process.stdin.on('end', () => process.exit());
} catch (error) {
  const code = isSluiceError(error) ? error.code : String(error);
  tell(
    `failed ${code} ${JSON.stringify(isSluiceError(error) ? [error.message, error.remedy] : [])}`,
  );
  process.exitCode = 1;
}
