/**
 * The end of a peer's process, as opposed to the end of its socket: what a GPU still does for a killed process goes on
 * for some milliseconds after its socket has ended, and stops before its pidfd tells of the exit.
 */
import { closeDescriptor, pollDescriptors } from '../../ffi/index.js';

/** Where the kernel has no pidfd for peers (before Linux 6.5): far longer than a driver takes to clean up. */
const QUARANTINE_MS = 2000;

export class PeerExit {
  readonly #pidfd: number | undefined;
  #deadlineMs = Infinity;

  /** Takes over `pidfd`. */
  constructor(pidfd: number | undefined) {
    this.#pidfd = pidfd;
  }

  /** The socket has ended. */
  socketEnded(): void {
    if (this.#pidfd === undefined) this.#deadlineMs = performance.now() + QUARANTINE_MS;
  }

  get exited(): boolean {
    if (this.#pidfd === undefined) return performance.now() >= this.#deadlineMs;
    return pollDescriptors([this.#pidfd], 0) !== 0;
  }

  close(): void {
    if (this.#pidfd !== undefined) closeDescriptor(this.#pidfd);
  }
}
