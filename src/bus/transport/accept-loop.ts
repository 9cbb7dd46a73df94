import {
  acceptUnix,
  SystemCallError,
  watchReadable,
  type DescriptorWatch,
} from '../../ffi/index.js';

const MAX_ACCEPTS_A_TURN = 32;
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 1000;

/**
 * Accepts connections of a listening descriptor, which stays its owner's. `onConnection` owns the descriptors it is
 * given and must not throw.
 *
 * Without a free descriptor a connection cannot be accepted and stays readable: so accepting pauses, 100 ms growing
 * to 1 s, and clients wait in the backlog instead of seeing an end without a word.
 */
export class AcceptLoop {
  readonly #fd: number;
  readonly #onConnection: (fd: number) => void;
  #watch: DescriptorWatch | undefined;
  #retry: NodeJS.Timeout | undefined;
  #backoffMs = FIRST_BACKOFF_MS;
  #referenced = true;
  #closed = false;

  constructor(fd: number, onConnection: (fd: number) => void) {
    this.#fd = fd;
    this.#onConnection = onConnection;
    this.#startWatch();
  }

  ref(): void {
    this.#referenced = true;
    this.#watch?.ref();
    this.#retry?.ref();
  }

  /** The loop no longer keeps the process alive. */
  unref(): void {
    this.#referenced = false;
    this.#watch?.unref();
    this.#retry?.unref();
  }

  /** Stops accepting; the descriptor may be closed afterwards. Idempotent. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#watch?.close();
    this.#watch = undefined;
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
