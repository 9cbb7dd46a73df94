/** What both ends of a subject of the `roundtrip` suite agree on. */
import { openPublisher, openSubscriber } from '../../bus/index.js';
import type { MessagePublisher, MessageSubscriber } from '../../bus/index.js';
import { bytes, type BytesFormat } from '../../format/index.js';
import { SPIN_MS } from './subject-face.js';

export const TRIP_BYTES = 8;
export const TRIP_SOCKET = 'roundtrip.sock';
/** How long a blocking end sleeps before it looks whether the other one has gone. */
export const BLOCK_MS = 100;

/** How both ends wait. */
export type TripWay = 'spinning' | 'event loop' | 'blocking' | 'socket';

export interface TripGiven {
  readonly way: TripWay;
  readonly directory: string;
}

/** Answered with the median of `trips` round trips in µs, after `warmUp` others. */
export interface TripRequest {
  readonly warmUp: number;
  readonly trips: number;
}

export function openTripPublisher(
  channel: string,
  { directory }: TripGiven,
): Promise<MessagePublisher<BytesFormat>> {
  const format = bytes();
  return openPublisher(channel, { format, directory, layout: 'slots', patienceMs: Infinity });
}

export function openTripSubscriber(
  channel: string,
  { directory }: TripGiven,
): Promise<MessageSubscriber<BytesFormat>> {
  return openSubscriber(channel, { format: bytes(), directory, whenLost: 'end' });
}

/** Takes one message into memory of its own. */
export class TripReader {
  readonly message = new Uint8Array(TRIP_BYTES);
  readonly #subscriber: MessageSubscriber<BytesFormat>;

  constructor(subscriber: MessageSubscriber<BytesFormat>) {
    this.#subscriber = subscriber;
  }

  /** Looks again and again, for a bounded time. False: nothing came. */
  spin(): boolean {
    let untilMs = 0;
    for (;;) {
      for (let i = 0; i < 32; i++) if (this.#subscriber.drain(this.#take, 1) > 0) return true;
      const nowMs = performance.now();
      if (untilMs === 0) untilMs = nowMs + SPIN_MS;
      else if (nowMs > untilMs) return false;
    }
  }

  readonly #take = (view: Uint8Array, offset: number): void => {
    for (let i = 0; i < TRIP_BYTES; i++) this.message[i] = view[offset + i] as number;
  };
}
