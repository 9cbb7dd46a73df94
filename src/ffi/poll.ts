/**
 * Waiting for descriptors: in the event loop (uv_poll, through koffi) and blocking (poll(2)).
 *
 * uv_poll aborts the process when it is misused, so the rules stand here and nowhere else: only descriptors that
 * epoll takes, one watch a descriptor, the watch closed before its descriptor, the handle referenced until then, no
 * error ever thrown into koffi, and in a worker no JavaScript running inside koffi's callback.
 */
import { isMainThread } from 'node:worker_threads';
import { invariant } from '../core/index.js';
import { koffi, lastErrno, lazily, libcFunction } from './koffi.js';
import {
  ERRNO,
  SystemCallError,
  checked,
  closeDescriptor,
  isWatched,
  markWatched,
} from './libc.js';

/** poll(2) and epoll_ctl(2), Linux. */
export const POLL_CONSTANTS = Object.freeze({
  POLLIN: 0x1,
  POLLOUT: 0x4,
  POLLERR: 0x8,
  POLLHUP: 0x10,
  POLLNVAL: 0x20,
  POLLRDHUP: 0x2000,
  EPOLL_CLOEXEC: 0o2000000,
  EPOLL_CTL_ADD: 1,
});

/** A bit of the result of {@link pollDescriptors} each, and all of them positive. */
export const MAX_POLLED_DESCRIPTORS = 30;

/**
 * struct pollfd, poll(2), 8 bytes each:
 *  0 i32 fd | 4 i16 events (asked) | 6 i16 revents (found; always also POLLERR, POLLHUP, POLLNVAL)
 */
const POLLFD_BYTES = 8;

const calls = lazily(() => ({
  poll: libcFunction<(list: Uint8Array, count: number, timeoutMs: number) => number>(
    'int poll(void *list, ulong count, int timeout)',
  ),
  epollCreate: libcFunction<(flags: number) => number>('int epoll_create1(int flags)'),
  epollControl: libcFunction<
    (epoll: number, operation: number, fd: number, event: Uint8Array) => number
  >('int epoll_ctl(int epoll, int operation, int fd, void *event)'),
}));

/** A descriptor watched by the event loop. */
export interface DescriptorWatch {
  /** Whether the callback is called while there is something to read; on from the start. */
  setReadable(on: boolean): void;
  /** Whether the callback is also called while the descriptor can be written to. */
  setWritable(on: boolean): void;
  /** Keeps the process alive (as it does from the start). */
  ref(): void;
  /** Lets the process exit while this watch is open. */
  unref(): void;
  /** Ends the watch; close the descriptor after it, never before. Allowed in the callback; twice is harmless. */
  close(): void;
}

export interface WatchOptions {
  /** Start with the writable side watched as well. Default false. */
  readonly alsoWritable?: boolean;
}

/** koffi's declaration leaves out the status, which comes first. */
type PollCallback = (status: number) => void;

interface PollHandle {
  start(
    events: { readonly readable: boolean; readonly writable: boolean },
    callback: PollCallback,
  ): void;
  stop(): void;
  close(): void;
  ref(): void;
  unref(): void;
}

/** koffi closes a handle that nothing refers to: open ones are referred to here, and found at exit. */
const openWatches = new Set<Watch>();

/**
 * koffi aborts the process when its callback is ended by worker.terminate() or process.exit(), or called after
 * either. So in a worker the callback only stops the watch and leaves the work to an immediate, which may be ended
 * at any point; and an exiting worker closes its watches. What is left is terminate() in the microseconds in which
 * koffi is called or calls: likely only when the watches of a worker never rest. Close them before terminating it.
 */
const deferred = !isMainThread;
let closesAtExit = false;

function closeAllAtExit(): void {
  if (closesAtExit) return;
  closesAtExit = true;
  process.once('exit', () => {
    for (const watch of [...openWatches]) watch.close();
  });
}

/**
 * Calls `onReadable` in the event loop for as long as `fd` is readable, at its end, or in error (or writable, when
 * asked for): read until EAGAIN. `fd` must belong to the caller alone (a Node socket's descriptor: duplicate it).
 * An error of the callback becomes an uncaught exception of the process, as with any other event, and ends nothing
 * here. Throws {@link SystemCallError} EPERM for a regular file, EBADF for a closed descriptor; watching the same
 * descriptor twice is a broken invariant.
 */
export function watchReadable(
  fd: number,
  onReadable: () => void,
  options: WatchOptions = {},
): DescriptorWatch {
  return new Watch(fd, onReadable, options.alsoWritable ?? false);
}

class Watch implements DescriptorWatch {
  readonly #fd: number;
  readonly #onReadable: () => void;
  readonly #handle: PollHandle;
  readonly #callback: PollCallback;
  #readable = true;
  #writable: boolean;
  #open = true;
  /** Stopped until the immediate has run. */
  #paused = false;

  constructor(fd: number, onReadable: () => void, writable: boolean) {
    assertPollable(fd);
    this.#fd = fd;
    this.#onReadable = onReadable;
    this.#writable = writable;
    this.#callback = (status) => this.#called(status);
    const poll = koffi().node.poll as unknown as (
      fd: number,
      events: { readonly readable: boolean; readonly writable: boolean },
      callback: PollCallback,
    ) => PollHandle;
    this.#handle = poll(fd, { readable: true, writable }, this.#callback);
    markWatched(fd, true);
    openWatches.add(this);
    if (deferred) closeAllAtExit();
  }

  setReadable(on: boolean): void {
    if (!this.#open || on === this.#readable) return;
    this.#readable = on;
    if (!this.#paused) this.#start();
  }

  setWritable(on: boolean): void {
    if (!this.#open || on === this.#writable) return;
    this.#writable = on;
    if (!this.#paused) this.#start();
  }

  ref(): void {
    if (this.#open) this.#handle.ref();
  }

  unref(): void {
    if (this.#open) this.#handle.unref();
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#handle.close();
    markWatched(this.#fd, false);
    openWatches.delete(this);
  }

  #called(status: number): void {
    if (deferred) {
      this.#paused = true;
      this.#handle.stop();
      setImmediate(this.#resume);
      return;
    }
    try {
      if (this.#open) this.#onReadable();
    } catch (error) {
      // Thrown here it would reach C++ code that cannot carry it.
      setImmediate(() => {
        throw error;
      });
    }
    // libuv stops a handle on POLLERR (a reset connection); the owner decides when it ends, so go on until then.
    if (status < 0 && this.#open) this.#start();
  }

  readonly #resume = (): void => {
    try {
      if (this.#open) this.#onReadable();
    } finally {
      this.#paused = false;
      if (this.#open) this.#start();
    }
  };

  #start(): void {
    const readable = this.#readable;
    const writable = this.#writable;
    // libuv takes a start for no event for a mistake.
    if (readable || writable) this.#handle.start({ readable, writable }, this.#callback);
    else this.#handle.stop();
  }
}

/**
 * Asks epoll itself, as libuv will, because koffi aborts the process when libuv refuses: regular files and some
 * devices are EPERM, closed descriptors EBADF. (fstat does not tell: a pidfd looks like nothing at all.)
 */
function assertPollable(fd: number): void {
  invariant(!isWatched(fd), `descriptor ${fd} is watched already`);
  const epoll = checked(calls().epollCreate(POLL_CONSTANTS.EPOLL_CLOEXEC), 'epoll_create1');
  // struct epoll_event, epoll_event(3type): 12 bytes on x86-64, 16 on arm64; no event is asked for.
  const result = calls().epollControl(epoll, POLL_CONSTANTS.EPOLL_CTL_ADD, fd, Buffer.alloc(16));
  const errno = lastErrno();
  closeDescriptor(epoll);
  if (result === -1)
    throw new SystemCallError('epoll_ctl', errno, `descriptor ${fd} cannot be watched`);
}

const pollList = new DataView(new ArrayBuffer(POLLFD_BYTES * MAX_POLLED_DESCRIPTORS));
const pollListBytes = new Uint8Array(pollList.buffer);

/**
 * poll(2): blocks this thread until a descriptor is readable, at its end or in error, for at most `timeoutMs`
 * (0 looks once). Bit i of the result stands for `fds[i]`; 0 when nothing happened or a signal came. Callers wait in
 * slices of at most 100 ms: a thread inside poll cannot be terminated. At most 30 descriptors.
 */
export function pollDescriptors(fds: readonly number[], timeoutMs: number): number {
  const count = fds.length;
  if (count > MAX_POLLED_DESCRIPTORS) {
    throw new RangeError(`cannot poll ${count} descriptors, at most ${MAX_POLLED_DESCRIPTORS}`);
  }
  if (!Number.isInteger(timeoutMs) || timeoutMs < 0 || timeoutMs > 0x7fffffff) {
    throw new RangeError(`timeoutMs must be an integer from 0 to ${0x7fffffff}, got ${timeoutMs}`);
  }
  for (let index = 0; index < count; index += 1) {
    pollList.setInt32(POLLFD_BYTES * index, fds[index]!, true);
    pollList.setUint32(POLLFD_BYTES * index + 4, POLL_CONSTANTS.POLLIN, true);
  }
  const found = calls().poll(pollListBytes, count, timeoutMs);
  if (found <= 0) {
    if (found < 0 && lastErrno() !== ERRNO.EINTR) throw new SystemCallError('poll', lastErrno());
    return 0;
  }
  let readable = 0;
  for (let index = 0; index < count; index += 1) {
    const events = pollList.getUint16(POLLFD_BYTES * index + 6, true);
    if ((events & POLL_CONSTANTS.POLLNVAL) !== 0) {
      throw new SystemCallError('poll', ERRNO.EBADF, `descriptor ${fds[index]} is not open`);
    }
    if (events !== 0) readable |= 1 << index;
  }
  return readable;
}

/** What {@link pollEnds} waits for. */
export interface PolledEnds {
  /** Until one is readable: a pipe, or a pidfd, which is so once its process is dead. */
  readonly readable: readonly number[];
  /** Until one is at its end or broken, whatever data it holds: the arrival of data wakes nobody. */
  readonly sockets: readonly number[];
}

/**
 * As {@link pollDescriptors}, for any number of descriptors and for the ends of sockets. Returns those at which it
 * happened; none when the time is over or a signal came.
 */
export function pollEnds({ readable, sockets }: PolledEnds, timeoutMs: number): readonly number[] {
  const fds = [...readable, ...sockets];
  const list = new DataView(new ArrayBuffer(POLLFD_BYTES * Math.max(1, fds.length)));
  for (const [index, fd] of fds.entries()) {
    const events = index < readable.length ? POLL_CONSTANTS.POLLIN : POLL_CONSTANTS.POLLRDHUP;
    list.setInt32(POLLFD_BYTES * index, fd, true);
    list.setUint32(POLLFD_BYTES * index + 4, events, true);
  }
  const found = calls().poll(new Uint8Array(list.buffer), fds.length, timeoutMs);
  if (found < 0 && lastErrno() !== ERRNO.EINTR) throw new SystemCallError('poll', lastErrno());
  if (found <= 0) return [];
  return fds.filter((fd, index) => {
    const events = list.getUint16(POLLFD_BYTES * index + 6, true);
    if ((events & POLL_CONSTANTS.POLLNVAL) === 0) return events !== 0;
    throw new SystemCallError('poll', ERRNO.EBADF, `descriptor ${fd} is not open`);
  });
}
