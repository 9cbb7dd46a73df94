import { lstatSync, unlinkSync } from 'node:fs';
import {
  acceptUnix,
  closeDescriptor,
  listenUnix,
  SystemCallError,
  watchReadable,
  type DescriptorWatch,
} from '../../ffi/index.js';

export interface Listener {
  /** Whether the path still is the socket made here: another publisher may have replaced it, an admin removed it. */
  checkInode(): boolean;
  ref(): void;
  /** The listener no longer keeps the process alive. */
  unref(): void;
  /** Stops accepting; removes the path if it still is ours. Idempotent. */
  close(): void;
}

const MAX_ACCEPTS_A_TURN = 32;
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 1000;

/**
 * Listens at `path`, with the permission bits `mode`. `onConnection` owns the descriptors it is given and must not
 * throw. Throws `SystemCallError`, EADDRINUSE when the path exists.
 *
 * Without a free descriptor a connection cannot be accepted and stays readable: so accepting pauses, 100 ms growing
 * to 1 s, and clients wait in the backlog instead of seeing an end without a word.
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
  readonly #onConnection: (fd: number) => void;
  #watch: DescriptorWatch | undefined;
  #retry: NodeJS.Timeout | undefined;
  #backoffMs = FIRST_BACKOFF_MS;
  #referenced = true;
  #closed = false;

  constructor(path: string, mode: number, onConnection: (fd: number) => void) {
    this.#path = path;
    this.#onConnection = onConnection;
    this.#fd = listenUnix(path, mode);
    // Our bound socket holds on to its inode: the number is not used again while it is open.
    this.#identity = identityOf(path);
    try {
      this.#startWatch();
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
    this.#referenced = true;
    this.#watch?.ref();
    this.#retry?.ref();
  }

  unref(): void {
    this.#referenced = false;
    this.#watch?.unref();
    this.#retry?.unref();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#watch?.close();
    if (this.checkInode()) unlinkSync(this.#path);
    closeDescriptor(this.#fd);
  }

  #startWatch(): void {
    this.#watch = watchReadable(this.#fd, () => this.#acceptAll());
    if (!this.#referenced) this.#watch.unref();
  }

  #acceptAll(): void {
    for (let accepted = 0; accepted < MAX_ACCEPTS_A_TURN; accepted += 1) {
      if (this.#closed) return;
      let fd: number | undefined;
      try {
        fd = acceptUnix(this.#fd);
      } catch (error) {
        if (!(error instanceof SystemCallError)) throw error;
        return this.#pause();
      }
      if (fd === undefined) return;
      this.#backoffMs = FIRST_BACKOFF_MS;
      this.#onConnection(fd);
    }
  }

  /** Level-triggered readiness would call again at once: the watch is closed for the time of the pause. */
  #pause(): void {
    this.#watch?.close();
    this.#watch = undefined;
    this.#retry = setTimeout(() => this.#resume(), this.#backoffMs);
    if (!this.#referenced) this.#retry.unref();
    this.#backoffMs = Math.min(this.#backoffMs * 2, MAX_BACKOFF_MS);
  }

  #resume(): void {
    try {
      this.#startWatch();
    } catch (error) {
      // A watch takes a descriptor for a moment: there is still none.
      if (!(error instanceof SystemCallError)) throw error;
      this.#pause();
    }
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
