import { invariant, SluiceError } from '../../core/index.js';
import {
  closeDescriptor,
  duplicateDescriptor,
  peerCredentials,
  peerPidfd,
  pollDescriptors,
  receiveBytes,
  receiveBytesOnly,
  SystemCallError,
  watchReadable,
  type DescriptorWatch,
  type PeerCredentials,
  type Received,
} from '../../ffi/index.js';
import { encodeErrorFrame, encodeFrame, type FrameType } from '../../layout/handshake.js';
import { IncomingFrames, type ReceivedFrames, type Side } from './incoming-frames.js';
import { isPeerGone, MAX_QUEUED_BYTES, OutgoingQueue } from './outgoing-queue.js';

export type { PeerCredentials, ReceivedFrames, Side };

/** Why a connection ended: 'closed' by this side, 'ended' by the peer's end of the socket, 'exited' by its death. */
export interface ConnectionEnd {
  readonly reason: 'closed' | 'ended' | 'exited' | 'protocol' | 'timeout' | 'failed';
  readonly error?: SluiceError;
}

/** Called one after another, never two at a time. What they throw is reported; the connection goes on. */
export interface ConnectionHandlers<S extends Side = Side> {
  /** A validated frame, WAKE excepted. The descriptors belong to the callee. */
  onFrame(frame: ReceivedFrames[S], descriptors: number[]): void;
  /** One call for any number of WAKEs that were read together. */
  onWake(): void;
  /**
   * Something has come and is read at the end of this turn of the event loop. It is most likely a WAKE, and what that
   * tells of is in shared memory already: who waits for it may look there first.
   */
  onArrival?(): void;
  /** Exactly once. What had arrived before the end was given to the other handlers first. */
  onEnd(end: ConnectionEnd): void;
}

/** What one turn of the event loop reads at most, in pieces of {@link BUFFER_BYTES}; then others have their turn. */
const MAX_READS_A_TURN = 8;
/** What is read at most after the peer's death: a child of it may keep the socket and fill it for ever. */
const MAX_READS_AFTER_EXIT = 64;
const BUFFER_BYTES = 65536;
/** The longest native wait: exit and `worker.terminate()` have to wait for it. */
const MAX_SLICE_MS = 100;
/** The pidfd's place in what receiveSync polls. */
const PIDFD_BIT = 2;

/** Buffers between uses. More than one only where a handler reads from another connection. */
const buffers: Uint8Array[] = [];

/**
 * One end of a channel's socket: frames in, frames out, and its end. Owns the descriptor it is given.
 *
 * The server's side never reads control data, so no client can give it descriptors. The client's side takes up to
 * three, with WELCOME and EPOCH only. A pidfd of the peer is watched beside the socket, because a forked child can
 * keep the socket open after the death of its parent.
 */
export class Connection<S extends Side = Side> {
  readonly credentials: PeerCredentials;
  readonly #side: S;
  readonly #fd: number;
  readonly #pidfd: number | undefined;
  readonly #queue: OutgoingQueue;
  readonly #incoming: IncomingFrames<S>;
  #handlers: ConnectionHandlers<S>;
  #watch: DescriptorWatch | undefined;
  #pidWatch: DescriptorWatch | undefined;
  #referenced = true;
  #watchesWritable = false;
  #continuation: NodeJS.Immediate | undefined;
  #endDue: ConnectionEnd | undefined;
  #reading = false;
  #paused = false;
  #ended = false;
  #peerExited = false;
  /** Events given to handlers; receiveSync tells by it whether there was one. */
  #dispatched = 0;
  #synchronous = false;
  #thrown: { readonly error: unknown } | undefined;
  readonly #tellWake = (): void => this.#handlers.onWake();
  readonly #tellArrival = (): void => this.#handlers.onArrival?.();

  /** Takes over `fd`, a connected non-blocking socket. When this throws, `fd` is still the caller's. */
  constructor(fd: number, options: { side: S; handlers: ConnectionHandlers<S> }) {
    this.#fd = fd;
    this.#side = options.side;
    this.#handlers = options.handlers;
    this.#queue = new OutgoingQueue(fd);
    this.#incoming = new IncomingFrames(options.side, (frame, descriptors) => {
      this.#dispatched += 1;
      this.#call(() => this.#handlers.onFrame(frame, descriptors));
      return !this.#ended && !this.#paused;
    });
    let pidfd: number | undefined;
    try {
      this.credentials = peerCredentials(fd);
      pidfd = pidfdOrNone(fd);
      this.#pidfd = pidfd;
      this.#startWatches();
    } catch (error) {
      this.#stopWatches();
      if (pidfd !== undefined) closeDescriptor(pidfd);
      throw error;
    }
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** A second descriptor of the socket, for the caller to close; not after the end. It keeps the connection open. */
  duplicateSocket(): number {
    invariant(!this.#ended, 'a connection that has ended has no socket');
    return duplicateDescriptor(this.#fd);
  }

  /** A descriptor of the peer's process, for the caller to close; undefined where the kernel has none. */
  duplicatePidfd(): number | undefined {
    return this.#pidfd === undefined ? undefined : duplicateDescriptor(this.#pidfd);
  }

  /**
   * Sends a frame, or queues it when the socket is full. Never blocks and never throws for what the peer does: over
   * 256 KiB of unread data, or when the socket refuses, the connection ends at the next turn.
   * The descriptors stay the caller's and may be closed after the call.
   */
  send(type: FrameType, body?: unknown, descriptors?: readonly number[]): void {
    if (!this.#ended) this.sendEncoded(encodeFrame(type, body), descriptors);
  }

  /** As `send`, for a frame that was encoded before. */
  sendEncoded(frame: Uint8Array, descriptors?: readonly number[]): void {
    if (this.#ended || this.#endDue !== undefined) return;
    try {
      if (!this.#queue.send(frame, descriptors)) {
        const message = `the peer left ${MAX_QUEUED_BYTES} bytes unread`;
        this.#endSoon({ reason: 'protocol', error: new SluiceError('PROTOCOL', message) });
      }
    } catch (error) {
      this.#endSoon(failure(error));
    }
    this.#watchWritable();
  }

  /** Rings the peer. Allocates nothing; while the socket is full further calls do nothing. */
  wake(): void {
    if (this.#ended) return;
    try {
      this.#queue.wake();
    } catch (error) {
      this.#endSoon(failure(error));
    }
    this.#watchWritable();
  }

  /** Reads and dispatches what has arrived, without waiting: a timer must do so before it judges. */
  drain(): void {
    invariant(!this.#reading, 'drain() is not called by a handler of the same connection');
    this.#read(true);
  }

  /**
   * Waits with poll(2), without the event loop, until something was dispatched: true, also for the end. False after
   * `timeoutMs` (0 looks once) or when the connection had ended before. Throws what a handler threw.
   */
  receiveSync(timeoutMs: number): boolean {
    invariant(!this.#reading, 'receiveSync() is not called by a handler of the same connection');
    invariant(!this.#paused, 'receiveSync() is not called on a paused connection');
    if (this.#ended) return false;
    const deadlineMs = performance.now() + timeoutMs;
    const before = this.#dispatched;
    const descriptors = this.#pidfd === undefined ? [this.#fd] : [this.#fd, this.#pidfd];
    this.#synchronous = true;
    try {
      for (;;) {
        this.#flush();
        this.#read(true);
        if (this.#dispatched !== before) break;
        const remainingMs = deadlineMs - performance.now();
        if (remainingMs <= 0) break;
        const ready = pollDescriptors(descriptors, Math.ceil(Math.min(remainingMs, MAX_SLICE_MS)));
        if ((ready & PIDFD_BIT) !== 0) this.#peerExited = true;
      }
    } finally {
      this.#synchronous = false;
    }
    this.#rethrow();
    return this.#dispatched !== before;
  }

  /**
   * Stops reading after the current frame: nothing is dispatched, the end neither, until `resume` names who takes
   * over. For the moment between WELCOME and the subscriber's own handlers.
   */
  pause(): void {
    if (this.#ended || this.#paused) return;
    this.#paused = true;
    this.#stopWatches();
  }

  /** Goes on after `pause`, with new handlers; they are first called at a later turn, or by `receiveSync`. */
  resume(handlers: ConnectionHandlers<S>): void {
    invariant(this.#paused, 'a connection is resumed after it was paused');
    this.#handlers = handlers;
    this.#paused = false;
    this.#startWatches();
    if (this.#incoming.stopped || this.#endDue !== undefined) this.#continueSoon();
  }

  ref(): void {
    this.#referenced = true;
    this.#watch?.ref();
  }

  /** The connection no longer keeps the process alive. */
  unref(): void {
    this.#referenced = false;
    this.#watch?.unref();
  }

  /** Tells the peer why by an ERROR frame, as far as the socket takes it, and closes. */
  refuse(error: SluiceError, reason: ConnectionEnd['reason'] = 'protocol'): void {
    if (this.#ended) return;
    try {
      if (!this.#queue.waiting) this.#queue.send(encodeErrorFrame(error));
    } catch {
      // The connection ends for the first reason, whatever became of this courtesy.
    }
    this.close({ reason, error });
  }

  /**
   * Ends the connection at once; `onEnd` is called before this returns. What is queued or unread is dropped.
   * Idempotent.
   */
  close(end: ConnectionEnd = { reason: 'closed' }): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopWatches();
    clearImmediate(this.#continuation);
    this.#queue.close();
    this.#incoming.close();
    if (this.#pidfd !== undefined) closeDescriptor(this.#pidfd);
    closeDescriptor(this.#fd);
    this.#dispatched += 1;
    this.#call(() => this.#handlers.onEnd(end));
  }

  #startWatches(): void {
    this.#watch = watchReadable(this.#fd, () => this.#onReady());
    this.#watchesWritable = false;
    if (!this.#referenced) this.#watch.unref();
    this.#watchWritable();
    if (this.#pidfd === undefined) return;
    this.#pidWatch = watchReadable(this.#pidfd, () => this.#onPeerExit());
    // The watch of the socket decides alone whether the process stays alive.
    this.#pidWatch.unref();
  }

  #stopWatches(): void {
    this.#watch?.close();
    this.#pidWatch?.close();
    this.#watch = undefined;
    this.#pidWatch = undefined;
  }

  #watchWritable(): void {
    const wanted = this.#queue.waiting;
    if (this.#watch === undefined || wanted === this.#watchesWritable) return;
    this.#watchesWritable = wanted;
    this.#watch.setWritable(wanted);
  }

  /** On the way of every frame to a reader that sleeps: it does nothing first that can be done behind it. */
  #onReady(): void {
    if (this.#watchesWritable) this.#flush();
    if (this.#handlers.onArrival === undefined) return this.#read();
    this.#continueSoon();
    this.#call(this.#tellArrival);
  }

  #onPeerExit(): void {
    // Readable for ever: one event is enough.
    this.#pidWatch?.close();
    this.#pidWatch = undefined;
    this.#peerExited = true;
    this.#read();
  }

  #flush(): void {
    if (this.#ended) return;
    try {
      this.#queue.flush();
    } catch (error) {
      this.#endSoon(failure(error));
    }
    this.#watchWritable();
  }

  /**
   * Dispatches what has arrived, then the end when there is one. A read that finds less than it has room for has found
   * all but, perhaps, the end, which the event loop tells next; `toTheEnd` looks for that too.
   */
  #read(toTheEnd = false): void {
    if (this.#reading || this.#ended || this.#paused) return;
    this.#reading = true;
    const buffer = buffers.pop() ?? new Uint8Array(BUFFER_BYTES);
    let end: ConnectionEnd | undefined;
    try {
      end = this.#readAll(buffer, toTheEnd);
    } catch (error) {
      end = failure(error);
    } finally {
      buffers.push(buffer);
      this.#reading = false;
    }
    if (end === undefined || this.#ended) return;
    if (this.#side === 'server' && end.error !== undefined) this.refuse(end.error, end.reason);
    else this.close(end);
  }

  #readAll(buffer: Uint8Array, toTheEnd: boolean): ConnectionEnd | undefined {
    if (this.#incoming.stopped) this.#dispatch(buffer);
    const last = this.#peerExited || this.#endDue !== undefined;
    const limit = last ? MAX_READS_AFTER_EXIT : MAX_READS_A_TURN;
    for (let reads = 0; reads < limit; reads += 1) {
      if (this.#ended || this.#paused) return undefined;
      const received = this.#receive(buffer);
      if (received.byteLength === 0) return this.#endDue ?? { reason: 'ended' };
      if (received.byteLength < 0) {
        return this.#endDue ?? (this.#peerExited ? { reason: 'exited' } : undefined);
      }
      this.#dispatch(buffer, received);
      if (received.byteLength < buffer.byteLength && !last && !toTheEnd) return undefined;
    }
    if (last) return this.#endDue ?? { reason: 'exited' };
    this.#continueSoon();
    return undefined;
  }

  #receive(buffer: Uint8Array): Received {
    try {
      if (this.#side === 'client') return receiveBytes(this.#fd, buffer);
      return { byteLength: receiveBytesOnly(this.#fd, buffer), descriptors: [] };
    } catch (error) {
      // The peer closed with our data unread: nothing of its own is left to read.
      if (isPeerGone(error)) return { byteLength: 0, descriptors: [] };
      throw error;
    }
  }

  /**
   * Gives out frames, those that were received or those that waited, then one call for all WAKEs among them, also when
   * the frame after them was bad.
   */
  #dispatch(buffer: Uint8Array, received?: Received): void {
    try {
      if (received === undefined) this.#incoming.resume();
      else this.#incoming.push(buffer, received.byteLength, received.descriptors);
    } finally {
      if (this.#incoming.takeWakes() > 0 && !this.#ended) {
        this.#dispatched += 1;
        this.#call(this.#tellWake);
      }
    }
  }

  /** Runs a handler; what it throws must not leave our loops half done. */
  #call(handler: () => void): void {
    try {
      handler();
    } catch (error) {
      this.#thrown ??= { error };
      // An uncaught exception, as from any listener, once our state is whole again.
      if (!this.#synchronous) process.nextTick(() => this.#rethrow());
    }
  }

  #rethrow(): void {
    const thrown = this.#thrown;
    this.#thrown = undefined;
    if (thrown !== undefined) throw thrown.error;
  }

  #endSoon(end: ConnectionEnd): void {
    this.#endDue ??= end;
    this.#continueSoon();
  }

  #continueSoon(): void {
    if (this.#ended) return;
    this.#continuation ??= setImmediate(() => {
      this.#continuation = undefined;
      this.#read();
    });
  }
}

function pidfdOrNone(fd: number): number | undefined {
  try {
    return peerPidfd(fd);
  } catch (error) {
    // A peer that is dead already, or no descriptor left: the end of the socket still tells.
    if (error instanceof SystemCallError) return undefined;
    throw error;
  }
}

function failure(error: unknown): ConnectionEnd {
  if (error instanceof SluiceError) {
    return { reason: error.code === 'PROTOCOL' ? 'protocol' : 'failed', error };
  }
  if (!(error instanceof SystemCallError)) throw error;
  const code =
    error.code === 'ETOOMANYREFS' || error.code === 'EMFILE' ? 'TOO_MANY_FILES' : 'SYSTEM';
  const details = { call: error.call, errno: error.errno };
  return {
    reason: 'failed',
    error: new SluiceError(code, error.message, { details, cause: error }),
  };
}
