import { setTimeout as sleep } from 'node:timers/promises';
import { printable, SluiceError } from '../../core/index.js';
import { closeDescriptor, connectUnix, peerCredentials, SystemCallError } from '../../ffi/index.js';
import {
  errorOfBody,
  FrameType,
  frameTypeName,
  isObserverWelcome,
  type Hello,
  type ServerFrame,
  type Welcome,
} from '../../layout/handshake.js';
import { Connection, type ConnectionEnd } from './connection.js';
import {
  asksToRetry,
  connectFailure,
  endedUnanswered,
  isBusy,
  noAnswer,
  retryDelayMs,
} from './handshake-failure.js';
import { closeAll } from './outgoing-queue.js';

export interface ConnectOptions {
  /** Aborts with its reason. */
  readonly signal?: AbortSignal;
  /** Until WELCOME, retries included. Default 5000. */
  readonly timeoutMs?: number;
  /** Whether the publisher may run as this user. */
  expectUid(uid: number): boolean;
}

/** A welcomed connection. Its owner closes the descriptors, sends ACK, and closes the connection. */
export interface ChannelConnection {
  /** Paused: nothing is dispatched, no end either, until `resume(handlers)`. */
  readonly connection: Connection<'client'>;
  readonly welcome: Welcome;
  /** [control, page] or [control, data, page], as the manifest says; not checked yet. */
  readonly descriptors: readonly number[];
}

const DEFAULT_TIMEOUT_MS = 5000;

/**
 * Connects to a publisher's socket and says HELLO.
 * Throws the signal's reason, or SluiceError: CHANNEL_NOT_FOUND (no socket, nobody listens, ended unanswered),
 * ACCESS_DENIED (by the kernel, by the publisher, or the publisher runs as an unexpected user), NO_ANSWER (deadline),
 * PROTOCOL, and whatever code the publisher refused with.
 */
export async function connectChannel(
  path: string,
  hello: Hello,
  options: ConnectOptions,
): Promise<ChannelConnection> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const deadlineMs = performance.now() + timeoutMs;
  const { signal } = options;
  for (let attempt = 0; ; attempt += 1) {
    signal?.throwIfAborted();
    const fd = tryConnect(path);
    if (fd !== undefined) {
      try {
        return await handshake(fd, path, hello, options, deadlineMs, timeoutMs);
      } catch (error) {
        if (!asksToRetry(error) || performance.now() >= deadlineMs) throw error;
      }
    }
    const waitMs = Math.min(retryDelayMs(attempt), deadlineMs - performance.now());
    if (waitMs <= 0) throw noAnswer(path, timeoutMs, false);
    await pause(waitMs, signal);
  }
}

/** A connected descriptor, or undefined when the publisher's queue is full. */
function tryConnect(path: string): number | undefined {
  try {
    return connectUnix(path);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    if (isBusy(error.code)) return undefined;
    throw connectFailure(path, error.code, error);
  }
}

async function pause(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(waitMs, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** Owns `fd` from the start. */
function handshake(
  fd: number,
  path: string,
  hello: Hello,
  options: ConnectOptions,
  deadlineMs: number,
  timeoutMs: number,
): Promise<ChannelConnection> {
  const { uid } = peerCredentials(fd);
  if (!options.expectUid(uid)) {
    closeDescriptor(fd);
    throw unexpectedUser(path, uid);
  }
  return new Promise((resolve, reject) => {
    let settled = false;
    const settle = (): void => {
      settled = true;
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
    };
    const fail = (error: unknown): void => {
      if (settled) return;
      settle();
      connection.close();
      reject(error);
    };
    const onAbort = (): void => fail(options.signal?.reason);
    const onFrame = (frame: ServerFrame, descriptors: number[]): void => {
      if (frame.type !== FrameType.WELCOME || isObserverWelcome(frame.body)) {
        closeAll(descriptors);
        return fail(unexpectedFrame(path, frame));
      }
      connection.pause();
      settle();
      resolve({ connection, welcome: frame.body, descriptors });
    };
    const onEnd = (end: ConnectionEnd): void => fail(end.error ?? endedUnanswered(path));
    const connection = openConnection(path, fd, { onFrame, onWake: () => {}, onEnd });
    const timer = setTimeout(
      () => {
        // After a stall of this process the answer may have arrived unread.
        connection.drain();
        fail(noAnswer(path, timeoutMs, true));
      },
      Math.max(0, deadlineMs - performance.now()),
    );
    options.signal?.addEventListener('abort', onAbort, { once: true });
    connection.send(FrameType.HELLO, hello);
  });
}

function openConnection(
  path: string,
  fd: number,
  handlers: ConstructorParameters<typeof Connection<'client'>>[1]['handlers'],
): Connection<'client'> {
  try {
    return new Connection(fd, { side: 'client', handlers });
  } catch (error) {
    closeDescriptor(fd);
    // A watch, and the peer's pidfd, take descriptors that there may not be.
    if (error instanceof SystemCallError) throw connectFailure(path, error.code, error);
    throw error;
  }
}

function unexpectedUser(path: string, uid: number): SluiceError {
  return new SluiceError(
    'ACCESS_DENIED',
    `the publisher at ${printable(path)} runs as user ${uid}, which this subscriber does not allow`,
    {
      details: { path, uid },
      remedy: `Subscribe with allow: { uids: [${uid}] } if that user is to be trusted.`,
    },
  );
}

function unexpectedFrame(path: string, frame: ServerFrame): SluiceError {
  const who = `the publisher at ${printable(path)}`;
  if (frame.type === FrameType.ERROR) return errorOfBody(frame.body, `${who}: `);
  // It was closing when this client came.
  if (frame.type === FrameType.BYE) return endedUnanswered(path);
  return new SluiceError('PROTOCOL', `${who} answered HELLO with ${frameTypeName(frame.type)}`);
}
