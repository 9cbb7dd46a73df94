import { SluiceError } from '../../core/index.js';
import {
  closeDescriptor,
  type DescriptorWatch,
  receiveBytesOnly,
  sendBytes,
  SystemCallError,
  watchReadable,
} from '../../ffi/index.js';
import {
  ControlFrames,
  type ControlFrame,
  type ControlType,
  encodeControlFrame,
  encodeControlJson,
} from './control-frame.js';

export interface ControlHandlers {
  onFrame(frame: ControlFrame): void;
  /** Once; what had come before was given to `onFrame` first. `error`: what was wrong, if anything. */
  onEnd(error: SluiceError | undefined): void;
}

/** A peer that leaves so much unread loses its connection. */
const MAX_QUEUED_BYTES = 16 << 20;
/** Whoever sends much waits while so much is on its way. */
const HIGH_WATER_BYTES = 1 << 20;
const READ_BYTES = 65_536;
const MAX_READS_A_TURN = 8;

const buffer = new Uint8Array(READ_BYTES);

/** One end of a connection to a session: frames in, frames out, its end. Never waits for the other side. */
export class ControlSocket {
  readonly #fd: number;
  readonly #handlers: ControlHandlers;
  readonly #incoming = new ControlFrames();
  readonly #queue: Uint8Array[] = [];
  readonly #waiting: { readonly belowBytes: number; readonly wake: () => void }[] = [];
  readonly #watch: DescriptorWatch;
  #sentBytes = 0;
  #queuedBytes = 0;
  #ended = false;

  /** Takes over `fd`, a connected non-blocking socket. */
  constructor(fd: number, handlers: ControlHandlers) {
    this.#fd = fd;
    this.#handlers = handlers;
    this.#watch = watchReadable(fd, () => this.#onReady());
  }

  get ended(): boolean {
    return this.#ended;
  }

  sendJson(type: ControlType, request: number, value: unknown): void {
    this.#send(encodeControlJson(type, request, value));
  }

  sendBytes(type: ControlType, request: number, bytes: Uint8Array): void {
    this.#send(encodeControlFrame(type, request, bytes));
  }

  /** Resolves when little enough is on its way, or the connection has ended. */
  room(): Promise<void> {
    return this.#below(HIGH_WATER_BYTES);
  }

  /** Resolves when the kernel has all that was sent, or the connection has ended. */
  flushed(): Promise<void> {
    return this.#below(1);
  }

  #below(belowBytes: number): Promise<void> {
    if (this.#ended || this.#queuedBytes < belowBytes) return Promise.resolve();
    return new Promise((wake) => this.#waiting.push({ belowBytes, wake }));
  }

  /** Idempotent. What is queued is given to the kernel as far as it takes it. */
  close(error?: SluiceError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watch.close();
    closeDescriptor(this.#fd);
    this.#queue.length = 0;
    this.#wakeSenders();
    this.#handlers.onEnd(error);
  }

  #send(frame: Uint8Array): void {
    if (this.#ended) return;
    this.#queue.push(frame);
    this.#queuedBytes += frame.byteLength;
    if (this.#queuedBytes > MAX_QUEUED_BYTES) {
      const message = `the other side left ${this.#queuedBytes} bytes unread`;
      return this.close(new SluiceError('PROTOCOL', message));
    }
    if (this.#queue.length === 1) this.#flush();
  }

  #onReady(): void {
    this.#flush();
    for (let reads = 0; reads < MAX_READS_A_TURN && !this.#ended; reads += 1) {
      let count: number;
      try {
        count = receiveBytesOnly(this.#fd, buffer);
        if (count > 0) this.#incoming.push(buffer.subarray(0, count), (frame) => this.#give(frame));
      } catch (error) {
        return this.close(failureOf(error));
      }
      if (count === 0) return this.close();
      if (count < 0) return;
    }
  }

  #give(frame: ControlFrame): void {
    if (!this.#ended) this.#handlers.onFrame(frame);
  }

  #flush(): void {
    while (!this.#ended) {
      const frame = this.#queue[0];
      if (frame === undefined) {
        return this.#watch.setWritable(false);
      }
      let sent: number;
      try {
        sent = sendBytes(this.#fd, frame, this.#sentBytes, frame.byteLength - this.#sentBytes);
      } catch (error) {
        return this.close(failureOf(error));
      }
      if (sent < 0) return this.#watch.setWritable(true);
      this.#sentBytes += sent;
      if (this.#sentBytes < frame.byteLength) continue;
      this.#sentBytes = 0;
      this.#queuedBytes -= frame.byteLength;
      this.#queue.shift();
      this.#wakeSenders();
    }
  }

  #wakeSenders(): void {
    for (const waiting of this.#waiting.splice(0)) {
      if (this.#ended || this.#queuedBytes < waiting.belowBytes) waiting.wake();
      else this.#waiting.push(waiting);
    }
  }
}

/** A peer that has gone is no failure. */
function failureOf(error: unknown): SluiceError | undefined {
  if (error instanceof SluiceError) return error;
  if (!(error instanceof SystemCallError)) throw error;
  if (error.code === 'EPIPE' || error.code === 'ECONNRESET') return undefined;
  return new SluiceError('SYSTEM', error.message, { cause: error });
}
