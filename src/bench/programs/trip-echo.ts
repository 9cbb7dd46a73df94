/** The end of a subject of the `roundtrip` suite that sends back what comes. */
import { createServer } from 'node:net';
import { join } from 'node:path';
import { endWithParent, given, tell } from './subject-face.js';
import {
  BLOCK_MS,
  openTripPublisher,
  openTripSubscriber,
  TRIP_SOCKET,
  TripReader,
} from './trip-wire.js';
import type { TripGiven } from './trip-wire.js';

const options = given<TripGiven>();

function echoSocket(): void {
  createServer((socket) => {
    socket.on('data', (chunk) => socket.write(chunk));
  }).listen(join(options.directory, TRIP_SOCKET), () => tell({ ready: true }));
}

/** Ends by its parent, which owns the channel that it reads. */
async function echoSluice(): Promise<void> {
  const subscriber = await openTripSubscriber('bench/ping', options);
  const publisher = await openTripPublisher('bench/pong', options);
  const reader = new TripReader(subscriber);
  tell({ ready: true });
  for (;;) {
    if (options.way === 'spinning') {
      if (reader.spin()) publisher.trySend(reader.message);
      else await subscriber.waitForMessages();
    } else if (options.way === 'blocking') {
      const message = subscriber.receiveSync({ timeoutMs: BLOCK_MS });
      if (message !== undefined) publisher.trySend(message.value);
      else await new Promise((resolve) => setImmediate(resolve));
    } else {
      publisher.trySend((await subscriber.receive()).value);
    }
  }
}

endWithParent();
if (options.way === 'socket') echoSocket();
else await echoSluice();
