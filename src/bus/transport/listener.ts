import { lstatSync, unlinkSync } from 'node:fs';
import { closeDescriptor, listenUnix } from '../../ffi/index.js';
import { AcceptLoop } from './accept-loop.js';

export interface Listener {
  /** Whether the path still is the socket made here: another publisher may have replaced it, an admin removed it. */
  checkInode(): boolean;
  ref(): void;
  /** The listener no longer keeps the process alive. */
  unref(): void;
  /** Stops accepting; removes the path if it still is ours. Idempotent. */
  close(): void;
}

/**
 * Listens at `path`, with the permission bits `mode`. `onConnection` owns the descriptors it is given and must not
 * throw. Throws `SystemCallError`, EADDRINUSE when the path exists.
 */
export function listen(
  path: string,
  options: { readonly mode: number },
  onConnection: (fd: number) => void,
): Listener {
  return new UnixListener(path, options.mode, onConnection);
}

interface Identity {
  readonly device: bigint;
  readonly inode: bigint;
}

class UnixListener implements Listener {
  readonly #path: string;
  readonly #fd: number;
  readonly #identity: Identity | undefined;
  #loop: AcceptLoop | undefined;
  #closed = false;

  constructor(path: string, mode: number, onConnection: (fd: number) => void) {
    this.#path = path;
    this.#fd = listenUnix(path, mode);
    // Our bound socket holds on to its inode: the number is not used again while it is open.
    this.#identity = identityOf(path);
    try {
      this.#loop = new AcceptLoop(this.#fd, onConnection);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  checkInode(): boolean {
    const found = identityOf(this.#path);
    const own = this.#identity;
    if (found === undefined || own === undefined) return false;
    return found.inode === own.inode && found.device === own.device;
  }

  ref(): void {
    this.#loop?.ref();
  }

  unref(): void {
    this.#loop?.unref();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#loop?.close();
    if (this.checkInode()) unlinkSync(this.#path);
    closeDescriptor(this.#fd);
  }
}

function identityOf(path: string): Identity | undefined {
  try {
    const status = lstatSync(path, { bigint: true });
    return status.isSocket() ? { device: status.dev, inode: status.ino } : undefined;
  } catch {
    return undefined;
  }
}
