/** Ends in the way its first argument says; what it leaves in the runtime directory is looked at afterwards. */
import { openPublisher, openSubscriber, tensor, text } from '../../../src/index.js';

const [way = '', directory = ''] = process.argv.slice(2);
const publisher = await openPublisher('words', { directory, format: text() });
const frames = await openPublisher('numbers', { directory, format: tensor('u32', [16]) });
const subscriber = await openSubscriber('words', { directory, format: text() });
const group = await openSubscriber('*', { directory, format: text() });

switch (way) {
  case 'close':
    await publisher.send('a');
    await subscriber.receive();
    await Promise.all([publisher.close(), frames.close(), subscriber.close(), group.close()]);
    break;
  case 'exit':
    void subscriber.receive();
    void group.receive();
    void frames.loan();
    setImmediate(() => process.exit(3));
    break;
  case 'exit in a turn':
    frames.tryLoan()?.publish();
    process.exit(3);
    break;
  case 'throw':
    setImmediate(() => {
      throw new Error('mine');
    });
    break;
  case 'aborted':
    // A wait for a channel that nobody publishes, ended by its signal.
    await openSubscriber('nobody', {
      directory,
      format: text(),
      signal: AbortSignal.timeout(20),
    }).catch(() => undefined);
    await Promise.all([publisher.close(), frames.close(), subscriber.close(), group.close()]);
    break;
}
