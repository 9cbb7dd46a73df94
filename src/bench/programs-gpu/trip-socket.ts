/** One byte to the other process by a Unix socket, the thread blocked until it comes: as a C program would do it. */
import {
  closeDescriptor,
  connectUnix,
  acceptUnix,
  listenUnix,
  pollDescriptors,
  receiveBytesOnly,
  sendBytes,
} from '../../ffi/index.js';
import { PATIENCE_MS, turnsFor } from './serve.js';

const SLICE_MS = 100;

/** A stream socket between the two ends of a trip. */
export class ByteSocket {
  readonly #fd: number;
  readonly #byte = new Uint8Array(1);

  constructor(fd: number) {
    this.#fd = fd;
  }

  static async listen(path: string): Promise<ByteSocket> {
    const listener = listenUnix(path, 0o600);
    try {
      return new ByteSocket(await turnsFor('connection', () => acceptUnix(listener)));
    } finally {
      closeDescriptor(listener);
    }
  }

  static async connect(path: string): Promise<ByteSocket> {
    const fd = await turnsFor('listener', () => {
      try {
        return connectUnix(path);
      } catch {
        return undefined;
      }
    });
    return new ByteSocket(fd);
  }

  send(byte: number): void {
    this.#byte[0] = byte;
    if (sendBytes(this.#fd, this.#byte, 0, 1) !== 1) throw new Error('the socket is full');
  }

  /** Blocks the thread, for a bounded time. */
  receive(): number {
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (performance.now() < deadlineMs) {
      if (pollDescriptors([this.#fd], SLICE_MS) === 0) continue;
      const byteLength = receiveBytesOnly(this.#fd, this.#byte);
      if (byteLength === 1) return this.#byte[0] as number;
      if (byteLength === 0) break;
    }
    throw new Error('the other end of the socket says nothing');
  }
}
