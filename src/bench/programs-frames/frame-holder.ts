/** Publishes one frame whose bytes are all the same, and waits to be killed. */
import { openPublisher, tensor } from '../../index.js';
import { answer, givenTo } from './given.js';

export interface HolderGiven {
  readonly directory: string;
  readonly channel: string;
  readonly byteLength: number;
  readonly fill: number;
}

const { directory, channel, byteLength, fill } = givenTo<HolderGiven>();
const publisher = await openPublisher(channel, { format: tensor('u8', [byteLength]), directory });
const loan = publisher.tryLoan();
loan?.bytes.fill(fill);
loan?.publish();
await answer({ published: loan !== undefined });
