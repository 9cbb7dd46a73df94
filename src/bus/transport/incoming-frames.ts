import { SluiceError } from '../../core/index.js';
import {
  FrameReader,
  FrameType,
  frameTypeName,
  parseClientFrame,
  parseServerFrame,
  type ClientFrame,
  type ServerFrame,
} from '../../layout/handshake.js';
import { closeAll, WAKE_FRAME } from './outgoing-queue.js';

export type Side = 'server' | 'client';

/** The frames that each side receives. */
export interface ReceivedFrames {
  readonly server: ClientFrame;
  readonly client: ServerFrame;
}

/** Takes a validated frame and its descriptors, which are then its own. False stops after this frame. */
export type ReceivedFrameSink<S extends Side> = (
  frame: ReceivedFrames[S],
  descriptors: number[],
) => boolean;

/** Control block, data, reader page. */
const MAX_DESCRIPTORS = 3;

/**
 * From the bytes and descriptors of `recvmsg` to validated frames. The kernel ends a read after the piece of data that
 * carried descriptors, so they belong to the frame that contains the last byte of the read, which may be incomplete:
 * then they are held until it is whole. Every descriptor is either given out or closed here.
 */
export class IncomingFrames<S extends Side> {
  readonly #side: S;
  readonly #sink: ReceivedFrameSink<S>;
  readonly #reader = new FrameReader();
  /** Descriptors of the partial frame. */
  #held: number[] = [];
  /** What was read after the frame at which the sink stopped. */
  #rest: { readonly bytes: Uint8Array; readonly descriptors: readonly number[] } | undefined;
  #wakes = 0;
  #closed = false;

  constructor(side: S, sink: ReceivedFrameSink<S>) {
    this.#side = side;
    this.#sink = sink;
  }

  /** Whether frames wait because the sink stopped. */
  get stopped(): boolean {
    return this.#rest !== undefined;
  }

  /** The number of WAKEs since the last call. They are counted, not given to the sink. */
  takeWakes(): number {
    const wakes = this.#wakes;
    this.#wakes = 0;
    return wakes;
  }

  /** Goes on where the sink stopped. Throws as `push` does. */
  resume(): void {
    const rest = this.#rest;
    this.#rest = undefined;
    if (rest !== undefined) this.push(rest.bytes, rest.bytes.length, rest.descriptors);
  }

  /** Gives out the frames in the first `length` bytes. Throws PROTOCOL; frames before the bad one were given out. */
  push(bytes: Uint8Array, length: number, descriptors: readonly number[]): void {
    if (length === WAKE_FRAME.length && this.#isWake(bytes, descriptors)) {
      this.#wakes += 1;
      return;
    }
    let unclaimed = descriptors;
    try {
      const used = this.#reader.push(bytes, 0, length, (type, body, endsInput) => {
        const own = this.#held;
        this.#held = [];
        if (endsInput) {
          own.push(...unclaimed);
          unclaimed = [];
        }
        return this.#take(type, body, own);
      });
      // Closed by the sink: nobody is left to take what came with the rest.
      if (this.#closed) return;
      if (used < length) {
        this.#rest = { bytes: bytes.slice(used, length), descriptors: unclaimed };
      } else {
        this.#held.push(...unclaimed);
      }
      unclaimed = [];
      if (this.#held.length > MAX_DESCRIPTORS) throw tooMany('a frame', this.#held.length);
    } finally {
      closeAll(unclaimed);
    }
  }

  /** Closes what nobody has taken. Idempotent. */
  close(): void {
    this.#closed = true;
    closeAll(this.#held);
    closeAll(this.#rest?.descriptors ?? []);
    this.#held = [];
    this.#rest = undefined;
  }

  /** One WAKE and nothing else: what nearly every read of a subscriber finds, seen without taking it apart. */
  #isWake(bytes: Uint8Array, descriptors: readonly number[]): boolean {
    if (this.#reader.partial || this.#held.length > 0 || descriptors.length > 0) return false;
    for (let at = 0; at < WAKE_FRAME.length; at += 1) {
      if (bytes[at] !== WAKE_FRAME[at]) return false;
    }
    return true;
  }

  #take(type: FrameType, body: Uint8Array, descriptors: number[]): boolean {
    if (type === FrameType.WAKE && descriptors.length === 0) {
      this.#wakes += 1;
      return true;
    }
    let frame: ClientFrame | ServerFrame;
    try {
      const mayCarry = type === FrameType.WELCOME || type === FrameType.EPOCH;
      if (descriptors.length > (mayCarry ? MAX_DESCRIPTORS : 0)) {
        throw tooMany(frameTypeName(type), descriptors.length);
      }
      frame = this.#side === 'server' ? parseClientFrame(type, body) : parseServerFrame(type, body);
    } catch (error) {
      closeAll(descriptors);
      throw error;
    }
    return this.#sink(frame as ReceivedFrames[S], descriptors);
  }
}

function tooMany(what: string, count: number): SluiceError {
  return new SluiceError('PROTOCOL', `${what} came with ${count} descriptors`, {
    details: { descriptors: count },
  });
}
