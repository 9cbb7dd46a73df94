/** Keeps a view of a frame past its release and tells what it shows before and after. */
import { openPublisher, openSubscriber, tensor } from '../../src/index.js';
import { given, tell } from './program.js';

const { directory } = given<{ directory: string }>();
const format = tensor('u8', [4]);
const publisher = await openPublisher('views', { format, directory });
const subscriber = await openSubscriber('views', { format, directory });
publisher.send(Uint8Array.of(1, 2, 3, 4));
const frame = await subscriber.receive();
const view = frame.bytes;
const before = Array.from(view);
frame.release();
tell(JSON.stringify({ before, after: Array.from(view) }));
await subscriber.close();
await publisher.close();
