import {
  closeDescriptor,
  duplicateDescriptor,
  sendBytes,
  SystemCallError,
} from '../../ffi/index.js';
import { encodeFrame, FrameType } from '../../layout/handshake.js';

/** A peer that leaves this much unread loses its connection. */
export const MAX_QUEUED_BYTES = 256 * 1024;

interface QueuedFrame {
  readonly bytes: Uint8Array;
  /** Bytes that the kernel has taken. */
  sentBytes: number;
  /** Duplicates that belong to the queue; they go with the first byte. */
  descriptors: readonly number[];
}

const NO_DESCRIPTORS: readonly number[] = Object.freeze([]);
/** The bytes of a WAKE. */
export const WAKE_FRAME = encodeFrame(FrameType.WAKE);

/**
 * The one way out of a socket. Frames leave whole and in order: after a short write nothing overtakes the rest of the
 * frame. Never blocks, holds at most {@link MAX_QUEUED_BYTES}. Each frame has a `sendmsg` of its own, so descriptors
 * stay with their frame. A peer that has gone swallows what is sent: the reading side is the one that learns of an end.
 */
export class OutgoingQueue {
  readonly #fd: number;
  readonly #frames: QueuedFrame[] = [];
  #queuedBytes = 0;
  #wakeHeld = false;
  #peerGone = false;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Whether something waits until the socket takes more (POLLOUT). */
  get waiting(): boolean {
    return this.#frames.length > 0 || this.#wakeHeld;
  }

  /**
   * Sends or queues a frame. False when it would not fit: then it was not taken. The descriptors stay the caller's.
   * Throws `SystemCallError` when the socket refuses, for example with ETOOMANYREFS.
   */
  send(frame: Uint8Array, descriptors: readonly number[] = NO_DESCRIPTORS): boolean {
    if (this.#peerGone) return true;
    if (this.#queuedBytes + frame.length > MAX_QUEUED_BYTES) return false;
    const sentBytes = this.#frames.length > 0 ? 0 : this.#write(frame, 0, descriptors);
    if (sentBytes === frame.length || this.#peerGone) return true;
    const kept = sentBytes > 0 ? NO_DESCRIPTORS : duplicateAll(descriptors);
    this.#frames.push({ bytes: frame, sentBytes, descriptors: kept });
    this.#queuedBytes += frame.length;
    return true;
  }

  /**
   * Sends one WAKE, without allocating. When the socket is full it counts as sent: the peer has unread data and will
   * look anyway. One is then owed, and sent when there is room, so that no order of frames can lose a wake-up.
   */
  wake(): void {
    if (this.#wakeHeld || this.#peerGone) return;
    if (this.#frames.length > 0) {
      this.#wakeHeld = true;
      return;
    }
    const sentBytes = this.#write(WAKE_FRAME, 0, NO_DESCRIPTORS);
    if (sentBytes === WAKE_FRAME.length || this.#peerGone) return;
    if (sentBytes === 0) {
      this.#wakeHeld = true;
    } else {
      this.#frames.push({ bytes: WAKE_FRAME, sentBytes, descriptors: NO_DESCRIPTORS });
      this.#queuedBytes += WAKE_FRAME.length;
    }
  }

  /** Sends what waits, as far as the socket takes it. Throws as `send` does. */
  flush(): void {
    for (;;) {
      const frame = this.#frames[0];
      if (frame === undefined) break;
      const sentBytes = this.#write(frame.bytes, frame.sentBytes, frame.descriptors);
      if (sentBytes === 0) return;
      closeAll(frame.descriptors);
      frame.descriptors = NO_DESCRIPTORS;
      frame.sentBytes += sentBytes;
      if (frame.sentBytes < frame.bytes.length) continue;
      this.#frames.shift();
      this.#queuedBytes -= frame.bytes.length;
    }
    if (!this.#wakeHeld) return;
    this.#wakeHeld = false;
    this.wake();
  }

  /** Drops what waits and closes its descriptors; the socket is the owner's. */
  close(): void {
    for (const frame of this.#frames) closeAll(frame.descriptors);
    this.#frames.length = 0;
    this.#queuedBytes = 0;
    this.#wakeHeld = false;
    this.#peerGone = true;
  }

  /** The number of bytes the kernel took; 0 when it is full or the peer has gone. */
  #write(bytes: Uint8Array, offset: number, descriptors: readonly number[]): number {
    try {
      return Math.max(0, sendBytes(this.#fd, bytes, offset, bytes.length - offset, descriptors));
    } catch (error) {
      if (!isPeerGone(error)) throw error;
      this.close();
      return 0;
    }
  }
}

/** Whether a system call failed because the peer closed its end. */
export function isPeerGone(error: unknown): boolean {
  return (
    error instanceof SystemCallError && (error.code === 'EPIPE' || error.code === 'ECONNRESET')
  );
}

export function closeAll(descriptors: readonly number[]): void {
  for (const descriptor of descriptors) closeDescriptor(descriptor);
}

/** Duplicates all descriptors, or none: those made are closed when one fails. */
export function duplicateAll(descriptors: readonly number[]): readonly number[] {
  const duplicates: number[] = [];
  try {
    for (const descriptor of descriptors) duplicates.push(duplicateDescriptor(descriptor));
  } catch (error) {
    closeAll(duplicates);
    throw error;
  }
  return duplicates;
}
