/**
 * Whether somebody listens on a socket path, asked through node:net: no FFI, so that listing needs
 * none.
 *
 * `refused` alone proves no death: a socket that is bound and not yet listening refuses, and so
 * does one seen through an overlay. See debris.ts for what does.
 */
import { lstat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { errnoCode } from './file-failure.js';
import { MAX_SOCKET_PATH_BYTES } from './runtime-directory.js';

/**
 * accepting: connected (also to a stopped process; the kernel accepts) · busy: its queue is full,
 * so somebody owns it (EAGAIN) · refused: nobody listens · missing: no such socket · denied: not
 * for this user · unknown: this process could not ask.
 */
export type SocketState = 'accepting' | 'busy' | 'refused' | 'missing' | 'denied' | 'unknown';

const MAX_PROBES_AT_ONCE = 16;

const STATE_OF_ERRNO: Readonly<Record<string, SocketState>> = Object.freeze({
  EAGAIN: 'busy',
  ECONNREFUSED: 'refused',
  ENOENT: 'missing',
  EACCES: 'denied',
  EPERM: 'denied',
});

/** The states of the sockets, in order, at most 16 connections at once. Never rejects. */
export async function probeSockets(paths: readonly string[]): Promise<readonly SocketState[]> {
  const states: SocketState[] = Array.from({ length: paths.length }, () => 'unknown');
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < paths.length; index = next++) {
      states[index] = await probeSocket(paths[index] ?? '');
    }
  };
  await Promise.all(Array.from({ length: MAX_PROBES_AT_ONCE }, work));
  return states;
}

/**
 * Connects and hangs up at once. Without a timer: connect(2) on a non-blocking Unix socket never
 * takes its time. A symbolic link is not followed to whoever may listen behind it; it counts as
 * refused.
 */
export async function probeSocket(path: string): Promise<SocketState> {
  // No socket can be bound there, and Node would cut the path to one that means another file.
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) return 'missing';
  try {
    if ((await lstat(path)).isSymbolicLink()) return 'refused';
  } catch (error) {
    return stateOf(error);
  }
  return new Promise((resolve) => {
    const socket = createConnection({ path });
    socket.once('connect', () => {
      resolve('accepting');
      socket.destroy();
    });
    socket.on('error', (error) => resolve(stateOf(error)));
  });
}

function stateOf(error: unknown): SocketState {
  const code = errnoCode(error) ?? '';
  return (Object.hasOwn(STATE_OF_ERRNO, code) ? STATE_OF_ERRNO[code] : undefined) ?? 'unknown';
}
