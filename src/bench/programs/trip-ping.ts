/** The end of a subject of the `roundtrip` suite that sends first and measures. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { median } from '../measurement.js';
import { endWithParent, forkOtherEnd, given, serve } from './subject-face.js';
import {
  BLOCK_MS,
  openTripPublisher,
  openTripSubscriber,
  TRIP_BYTES,
  TRIP_SOCKET,
  TripReader,
  type TripRequest,
} from './trip-wire.js';
import type { TripGiven } from './trip-wire.js';

/** Sends the message and resolves to the answer; no promise where none was needed. */
type Trip = (message: Uint8Array) => Uint8Array | Promise<Uint8Array>;

const options = given<TripGiven>();
endWithParent();

async function openSluice(): Promise<Trip> {
  const publisher = await openTripPublisher('bench/ping', options);
  await forkOtherEnd('trip-echo.js', options);
  const subscriber = await openTripSubscriber('bench/pong', options);
  const reader = new TripReader(subscriber);
  const sleepUntilSeen = async (): Promise<Uint8Array> => {
    do await subscriber.waitForMessages();
    while (!reader.spin());
    return reader.message;
  };
  switch (options.way) {
    case 'spinning':
      return (message) => {
        publisher.trySend(message);
        return reader.spin() ? reader.message : sleepUntilSeen();
      };
    case 'blocking':
      return async (message) => {
        publisher.trySend(message);
        for (;;) {
          const answer = subscriber.receiveSync({ timeoutMs: BLOCK_MS });
          if (answer !== undefined) return answer.value;
          // The event loop learns of the other end's death.
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
    default:
      return async (message) => {
        publisher.trySend(message);
        return (await subscriber.receive()).value;
      };
  }
}

async function openSocket(): Promise<Trip> {
  await forkOtherEnd('trip-echo.js', options);
  const socket = connect(join(options.directory, TRIP_SOCKET));
  await once(socket, 'connect');
  let answered: (answer: Uint8Array) => void = () => undefined;
  socket.on('data', (chunk) => answered(chunk));
  return (message) =>
    new Promise((resolve) => {
      answered = resolve;
      socket.write(message);
    });
}

const trip = await (options.way === 'socket' ? openSocket() : openSluice());

serve<TripRequest>(async ({ warmUp, trips }) => {
  const message = new Uint8Array(TRIP_BYTES);
  const timesUs: number[] = [];
  let beforeMs = performance.now();
  for (let i = 0; i < warmUp + trips; i++) {
    message[0] = i & 255;
    const pending = trip(message);
    const answer = pending instanceof Promise ? await pending : pending;
    if (answer.length !== TRIP_BYTES || answer[0] !== message[0]) {
      throw new Error(`trip ${i}: ${message[0]} was sent, ${String(answer[0])} came back`);
    }
    const afterMs = performance.now();
    if (i >= warmUp) timesUs.push((afterMs - beforeMs) * 1e3);
    beforeMs = afterMs;
  }
  return median(timesUs);
});
