/** One client of a tap: what is on its way to it, at its own pace. */
import {
  closeDescriptor,
  receiveBytesOnly,
  sendBytes,
  SystemCallError,
  watchReadable,
} from '../../ffi/index.js';
import type { DescriptorWatch } from '../../ffi/index.js';
import type { ReadonlyBytes } from '../../core/index.js';

export interface ClientHandlers {
  /** Everything was handed to the kernel: there is room for more. */
  onDrained(client: ClientWriter): void;
  /** The client said something; the bytes are valid until this returns. */
  onInput(client: ClientWriter, bytes: Uint8Array): void;
  /** Once, when the connection is over, whoever ended it. */
  onEnd(client: ClientWriter): void;
}

interface Piece {
  bytes: Uint8Array;
  /** Memory that somebody else will write again: it is copied when it is wanted back. */
  lent: boolean;
  /** Goes with the first byte, and stays its owner's. */
  readonly descriptor: number | undefined;
}

/** What a client that talks is listened to a turn. */
const MAX_READS_A_TURN = 8;
const heard = new Uint8Array(65_536);

/**
 * Owns the descriptor of a connected socket, Unix or TCP, which never blocks. Bytes go straight from where they lie; what
 * the socket does not take waits there, or, after `detach()`, in a copy.
 */
export class ClientWriter {
  /** Bytes that the socket has not taken yet. */
  waitingBytes = 0;
  sentBytes = 0;
  readonly #fd: number;
  readonly #handlers: ClientHandlers;
  readonly #watch: DescriptorWatch;
  readonly #pieces: Piece[] = [];
  /** Bytes of the first piece that are gone. */
  #offset = 0;
  #ending = false;
  #ended = false;

  /** When this throws, `fd` is still the caller's. */
  constructor(fd: number, handlers: ClientHandlers) {
    this.#fd = fd;
    this.#handlers = handlers;
    this.#watch = watchReadable(fd, () => this.#onReady());
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Nothing is under way, and nothing was asked to end. */
  get idle(): boolean {
    return !this.#ended && !this.#ending && this.waitingBytes === 0;
  }

  /**
   * Sends the bytes behind what waits already. `lent`: they are valid until `detach()` was called. `descriptor` is to stay
   * open until the client has gone or has answered.
   */
  send(bytes: ReadonlyBytes, lent: boolean, descriptor?: number): void {
    if (this.#ended || this.#ending || bytes.byteLength === 0) return;
    // send(2) reads the bytes where they lie; its type knows no read-only memory.
    this.#pieces.push({ bytes: bytes as Uint8Array, lent, descriptor });
    this.waitingBytes += bytes.byteLength;
  }

  /** Gives the socket what it takes now; the rest follows as the client reads. `onDrained` is not called for it. */
  flush(): void {
    if (this.#ended) return;
    try {
      while (this.#pieces.length > 0 && this.#sendPiece());
    } catch {
      // The client is gone, and how does not matter.
      return this.close();
    }
    this.#watch.setWritable(this.waitingBytes > 0);
    if (this.#ending && this.waitingBytes === 0) this.close();
  }

  /** Lent memory goes back to its owner: what is still to be sent of it is copied. */
  detach(): void {
    for (const [index, piece] of this.#pieces.entries()) {
      if (!piece.lent) continue;
      piece.bytes = piece.bytes.slice(index === 0 ? this.#offset : 0);
      piece.lent = false;
      if (index === 0) this.#offset = 0;
    }
  }

  /** Closes once what waits has been read by the client. */
  end(): void {
    this.#ending = true;
    if (this.waitingBytes === 0) this.close();
  }

  /** Closes at once. Idempotent. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watch.close();
    closeDescriptor(this.#fd);
    this.#pieces.length = 0;
    this.waitingBytes = 0;
    this.#handlers.onEnd(this);
  }

  /** False when the socket takes no more now. */
  #sendPiece(): boolean {
    const { bytes, descriptor } = this.#pieces[0] as Piece;
    const left = bytes.byteLength - this.#offset;
    const passed = descriptor === undefined || this.#offset > 0 ? undefined : [descriptor];
    const sent = sendBytes(this.#fd, bytes, this.#offset, left, passed);
    if (sent < 0) return false;
    this.#offset += sent;
    this.waitingBytes -= sent;
    this.sentBytes += sent;
    if (sent < left) return true;
    this.#pieces.shift();
    this.#offset = 0;
    return true;
  }

  #onReady(): void {
    this.#listen();
    if (this.#ended || this.waitingBytes === 0) return;
    this.flush();
    if (!this.#ended && this.waitingBytes === 0) this.#handlers.onDrained(this);
  }

  /** A client that ends its side has left. */
  #listen(): void {
    try {
      for (let reads = 0; reads < MAX_READS_A_TURN; reads += 1) {
        const byteLength = receiveBytesOnly(this.#fd, heard);
        if (byteLength < 0) return;
        if (byteLength === 0) return this.close();
        this.#handlers.onInput(this, heard.subarray(0, byteLength));
        if (this.#ended) return;
      }
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      this.close();
    }
  }
}
