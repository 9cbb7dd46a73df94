/** Pipes whose ends this process holds as plain descriptors: to read a child's output into memory of our choice. */
import { ERRNO, SystemCallError, checked, closeDescriptor } from './libc.js';
import { lastErrno, lazily, libcFunction } from './koffi.js';
import { createSocketPair } from './socket.js';

const O_CLOEXEC = 0o2000000;
const F_SETPIPE_SZ = 1031;
/** pipe(7), /proc/sys/fs/pipe-max-size: what it is on most systems. */
const LARGEST_PIPE_BYTES = 1 << 20;

const calls = lazily(() => ({
  pipe2: libcFunction<(fds: Int32Array, flags: number) => number>(
    'int pipe2(void *fds, int flags)',
  ),
  fcntl: libcFunction<(fd: number, command: number, argument: number) => number>(
    'int fcntl(int fd, int command, int64_t argument)',
  ),
  read: libcFunction<(fd: number, target: Uint8Array, byteLength: number) => number>(
    'intptr_t read(int fd, void *target, size_t byteLength)',
  ),
}));

export interface Pipe {
  readonly readable: number;
  readonly writable: number;
}

/**
 * pipe2(2), both ends close-on-exec and blocking. `capacityBytes` is asked for (fcntl(2) F_SETPIPE_SZ): larger pieces
 * a read; where the system's limit forbids it the pipe keeps its 64 KiB.
 */
export function createPipe(capacityBytes: number): Pipe {
  const fds = new Int32Array(2);
  checked(calls().pipe2(fds, O_CLOEXEC), 'pipe2');
  const [readable, writable] = fds as unknown as [number, number];
  if (calls().fcntl(writable, F_SETPIPE_SZ, capacityBytes) < 0) {
    const errno = lastErrno();
    if (errno !== ERRNO.EPERM) {
      closeDescriptor(readable);
      closeDescriptor(writable);
      throw new SystemCallError('fcntl(F_SETPIPE_SZ)', errno);
    }
  }
  return { readable, writable };
}

/**
 * One direction of a pair of Unix sockets, which does what a pipe does for less: the kernel keeps large pieces in runs
 * of pages and not in single ones, so a picture costs its reader a third less, and its writer too. `capacityBytes` is
 * asked for (socket(7) SO_SNDBUF); where the system's limit gives less than a pipe can have, it is a pipe of at most
 * 1 MiB, which an ordinary user may ask for.
 */
export function createLargePipe(capacityBytes: number): Pipe {
  const {
    first: readable,
    second: writable,
    capacityBytes: given,
  } = createSocketPair(capacityBytes);
  if (given >= Math.min(capacityBytes, LARGEST_PIPE_BYTES)) return { readable, writable };
  closeDescriptor(readable);
  closeDescriptor(writable);
  return createPipe(Math.min(capacityBytes, LARGEST_PIPE_BYTES));
}

/**
 * Throws {@link SystemCallError} EMFILE or ENFILE where this process cannot have so many more descriptors now. For what
 * takes several and cannot give back the first when there is none left for the last.
 */
export function assertDescriptorsLeft(count: number): void {
  const fds = new Int32Array(2);
  const taken: number[] = [];
  try {
    while (taken.length < count) {
      checked(calls().pipe2(fds, O_CLOEXEC), 'pipe2');
      taken.push(...fds);
    }
  } finally {
    for (const fd of taken) closeDescriptor(fd);
  }
}

/** What {@link readInto} returns when there is nothing to read now. */
export const NOTHING_NOW = -1;

/**
 * read(2) of what there is, at most the target: the bytes read, 0 at the end, {@link NOTHING_NOW} (EAGAIN, EINTR). The
 * descriptor does not block. Throws {@link SystemCallError}.
 */
export function readInto(fd: number, target: Uint8Array): number {
  const result = calls().read(fd, target, target.byteLength);
  if (result >= 0) return result;
  const errno = lastErrno();
  if (errno === ERRNO.EAGAIN || errno === ERRNO.EINTR) return NOTHING_NOW;
  throw new SystemCallError('read', errno);
}
