/**
 * Unix stream sockets by libc: non-blocking, close-on-exec, able to pass descriptors (unix(7)).
 * Node's own sockets are not used: they throw passed descriptors away.
 */
import { chmodSync, fchmodSync, unlinkSync } from 'node:fs';
import { SluiceError } from '../core/index.js';
import { lastErrno, lazily, libcFunction } from './koffi.js';
import { ERRNO, SystemCallError, checked, closeDescriptor, duplicateDescriptor } from './libc.js';
import { MAX_DESCRIPTORS, MessageHeader } from './message-header.js';

/** socket(2), socket(7), unix(7), send(2), recv(2); Linux on x86-64 and arm64. */
export const SOCKET_CONSTANTS = Object.freeze({
  AF_UNIX: 1,
  SOCK_STREAM: 1,
  SOCK_CLOEXEC: 0o2000000,
  SOCK_NONBLOCK: 0o4000,
  SOL_SOCKET: 1,
  SO_SNDBUF: 7,
  SO_PEERCRED: 17,
  SO_PEERPIDFD: 77,
  MSG_DONTWAIT: 0x40,
  MSG_NOSIGNAL: 0x4000,
  MSG_CMSG_CLOEXEC: 0x40000000,
});

/** sizeof sun_path (108) less the final NUL, unix(7). Node would cut longer paths silently. */
export const MAX_SOCKET_PATH_BYTES = 107;

/** Connections that may wait for accept; a full queue is EAGAIN in `connectUnix`. */
const LISTEN_BACKLOG = 128;

const calls = lazily(() => ({
  socket: libcFunction<(domain: number, type: number, protocol: number) => number>(
    'int socket(int domain, int type, int protocol)',
  ),
  socketpair: libcFunction<
    (domain: number, type: number, protocol: number, fds: Int32Array) => number
  >('int socketpair(int domain, int type, int protocol, void *fds)'),
  setsockopt: libcFunction<
    (fd: number, level: number, name: number, value: Uint8Array, length: number) => number
  >('int setsockopt(int fd, int level, int name, void *value, uint length)'),
  bind: libcFunction<(fd: number, address: Uint8Array, length: number) => number>(
    'int bind(int fd, void *address, uint length)',
  ),
  listen: libcFunction<(fd: number, backlog: number) => number>('int listen(int fd, int backlog)'),
  accept4: libcFunction<(fd: number, address: null, length: null, flags: number) => number>(
    'int accept4(int fd, void *address, void *length, int flags)',
  ),
  connect: libcFunction<(fd: number, address: Uint8Array, length: number) => number>(
    'int connect(int fd, void *address, uint length)',
  ),
  getsockopt: libcFunction<
    (fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array) => number
  >('int getsockopt(int fd, int level, int name, void *value, void *length)'),
  send: libcFunction<(fd: number, data: Uint8Array, length: number, flags: number) => number>(
    'intptr_t send(int fd, void *data, size_t length, int flags)',
  ),
  recv: libcFunction<(fd: number, into: Uint8Array, length: number, flags: number) => number>(
    'intptr_t recv(int fd, void *into, size_t length, int flags)',
  ),
  sendmsg: libcFunction<(fd: number, header: Uint8Array, flags: number) => number>(
    'intptr_t sendmsg(int fd, void *header, int flags)',
  ),
  recvmsg: libcFunction<(fd: number, header: Uint8Array, flags: number) => number>(
    'intptr_t recvmsg(int fd, void *header, int flags)',
  ),
}));

const messageHeader = lazily(() => new MessageHeader());

/**
 * A listening socket at `path` with permission bits `mode`, whatever the umask. EADDRINUSE when the path exists.
 * The caller unlinks the path at the end.
 */
export function listenUnix(path: string, mode: number): number {
  const address = socketAddress(path);
  const fd = newSocket();
  let bound = false;
  try {
    // unix(7): bind gives the path the bits of the socket's inode less the umask. Set before bind, they are never
    // wider than asked for, not even for a moment; chmod then puts back what the umask took.
    fchmodSync(fd, mode);
    checked(calls().bind(fd, address, address.byteLength), 'bind', path);
    bound = true;
    chmodSync(path, mode);
    checked(calls().listen(fd, LISTEN_BACKLOG), 'listen', path);
    return fd;
  } catch (error) {
    if (bound) unlinkSync(path);
    closeDescriptor(fd);
    throw error;
  }
}

/** The next waiting connection, or undefined when there is none. EMFILE and ENFILE throw and leave it waiting. */
export function acceptUnix(listener: number): number | undefined {
  const flags = SOCKET_CONSTANTS.SOCK_CLOEXEC | SOCKET_CONSTANTS.SOCK_NONBLOCK;
  const fd = calls().accept4(listener, null, null, flags);
  if (fd >= 0) return fd;
  const errno = lastErrno();
  // A client that left between its connect and now is no error of ours.
  if (errno === ERRNO.EAGAIN || errno === ERRNO.ECONNABORTED || errno === ERRNO.EINTR)
    return undefined;
  throw new SystemCallError('accept4', errno);
}

/**
 * A connection to the socket at `path`. Unix connects complete at once or fail: EAGAIN (the listener's queue is
 * full: busy or stopped, not gone), ECONNREFUSED, ENOENT, EACCES as `code` of a {@link SystemCallError}.
 */
export function connectUnix(path: string): number {
  const address = socketAddress(path);
  const fd = newSocket();
  if (calls().connect(fd, address, address.byteLength) === 0) return fd;
  const errno = lastErrno();
  closeDescriptor(fd);
  throw new SystemCallError('connect', errno, path);
}

/**
 * Sends `length` bytes of `bytes` from `offset`, never waiting: the number of bytes taken (perhaps fewer), or -1 when
 * the socket is full. `descriptors` travel with the first byte: once something was sent, never pass them again.
 * EPIPE and ECONNRESET throw, and no SIGPIPE is raised.
 */
export function sendBytes(
  fd: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
  descriptors?: readonly number[],
): number {
  if (length <= 0 || offset < 0 || offset + length > bytes.byteLength) {
    throw new RangeError(
      `cannot send ${length} bytes at ${offset} of a buffer of ${bytes.byteLength} bytes`,
    );
  }
  const flags = SOCKET_CONSTANTS.MSG_NOSIGNAL | SOCKET_CONSTANTS.MSG_DONTWAIT;
  let sent: number;
  if (descriptors === undefined || descriptors.length === 0) {
    // The way of every WAKE: a whole buffer that is used again and again, so nothing is allocated.
    sent = calls().send(fd, offset === 0 ? bytes : bytes.subarray(offset), length, flags);
  } else {
    if (descriptors.length > MAX_DESCRIPTORS) {
      throw new RangeError(
        `at most ${MAX_DESCRIPTORS} descriptors travel with a message, got ${descriptors.length}`,
      );
    }
    const header = messageHeader();
    header.prepareToSend(bytes, offset, length, descriptors);
    sent = calls().sendmsg(fd, header.bytes, flags);
  }
  if (sent >= 0) return sent;
  const errno = lastErrno();
  if (errno === ERRNO.EAGAIN || errno === ERRNO.EINTR) return -1;
  throw new SystemCallError('send', errno);
}

export interface Received {
  /** Bytes now at the start of the buffer; 0 when the peer has closed, -1 when nothing is there yet. */
  readonly byteLength: number;
  /** Descriptors that came with them; the caller owns and closes them. */
  readonly descriptors: readonly number[];
}

const NO_DESCRIPTORS: readonly number[] = Object.freeze([]);
const NOTHING_YET: Received = Object.freeze({ byteLength: -1, descriptors: NO_DESCRIPTORS });
const END: Received = Object.freeze({ byteLength: 0, descriptors: NO_DESCRIPTORS });

/**
 * Reads what is there into the start of `into`, never waiting, with up to three descriptors (born close-on-exec).
 * Anything else in the control data, or more of it, closes every descriptor that came and throws `PROTOCOL`; so does
 * a full table, with `TOO_MANY_FILES`.
 * ECONNRESET throws.
 */
export function receiveBytes(fd: number, into: Uint8Array): Received {
  assertRoom(into);
  const header = messageHeader();
  header.prepareToReceive(into);
  const flags = SOCKET_CONSTANTS.MSG_DONTWAIT | SOCKET_CONSTANTS.MSG_CMSG_CLOEXEC;
  const byteLength = calls().recvmsg(fd, header.bytes, flags);
  if (byteLength < 0) {
    const errno = lastErrno();
    if (errno === ERRNO.EAGAIN || errno === ERRNO.EINTR) return NOTHING_YET;
    throw new SystemCallError('recvmsg', errno);
  }
  if (!header.hasControl)
    return byteLength === 0 ? END : { byteLength, descriptors: NO_DESCRIPTORS };
  const { descriptors, problem } = header.readControl();
  if (problem === undefined) return { byteLength, descriptors };
  // Before any is closed: a full table cuts control data off exactly like a message with too much of it.
  const tableIsFull = !canOpenAnother(fd);
  for (const descriptor of descriptors) closeDescriptor(descriptor);
  if (tableIsFull) {
    throw new SluiceError(
      'TOO_MANY_FILES',
      'cannot take the descriptors of a message: no file descriptor is left',
      { details: { descriptors: descriptors.length } },
    );
  }
  throw new SluiceError('PROTOCOL', `cannot take the descriptors of a message: ${problem}`, {
    details: { descriptors: descriptors.length, allowed: MAX_DESCRIPTORS },
  });
}

function canOpenAnother(fd: number): boolean {
  try {
    closeDescriptor(duplicateDescriptor(fd));
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && error.code === 'EMFILE') return false;
    throw error;
  }
}

/**
 * As {@link receiveBytes}, for the side that is never sent descriptors: recv(2) has no room for control data, so the
 * kernel throws passed descriptors away and no client can fill this process's table. Bytes read, 0 at the end, -1
 * when nothing is there yet.
 */
export function receiveBytesOnly(fd: number, into: Uint8Array): number {
  assertRoom(into);
  const byteLength = calls().recv(fd, into, into.byteLength, SOCKET_CONSTANTS.MSG_DONTWAIT);
  if (byteLength >= 0) return byteLength;
  const errno = lastErrno();
  if (errno === ERRNO.EAGAIN || errno === ERRNO.EINTR) return -1;
  throw new SystemCallError('recv', errno);
}

export interface SocketPair {
  readonly first: number;
  readonly second: number;
  /** What the second may send before the first reads it, in bytes that the kernel counts: with its own part. */
  readonly capacityBytes: number;
}

/** socketpair(2), close-on-exec and blocking. `capacityBytes` is asked for; the system's limit may give less. */
export function createSocketPair(capacityBytes: number): SocketPair {
  const fds = new Int32Array(2);
  const { AF_UNIX, SOCK_STREAM, SOCK_CLOEXEC, SOL_SOCKET, SO_SNDBUF } = SOCKET_CONSTANTS;
  checked(calls().socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 'socketpair');
  const [first, second] = fds as unknown as [number, number];
  try {
    const value = Buffer.alloc(4);
    // socket(7): the kernel gives twice what is asked for.
    value.writeInt32LE(Math.ceil(capacityBytes / 2));
    checked(
      calls().setsockopt(second, SOL_SOCKET, SO_SNDBUF, value, value.byteLength),
      'setsockopt(SO_SNDBUF)',
    );
    checked(socketOption(second, SO_SNDBUF, value), 'getsockopt(SO_SNDBUF)');
    return { first, second, capacityBytes: value.readInt32LE(0) };
  } catch (error) {
    closeDescriptor(first);
    closeDescriptor(second);
    throw error;
  }
}

export interface PeerCredentials {
  /** In this process's pid namespace, 0 when the peer is outside it: for display only. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Who called connect(2) or listen(2) on the other end: SO_PEERCRED, unix(7). struct ucred {i32 pid, u32 uid, gid}. */
export function peerCredentials(fd: number): PeerCredentials {
  const credentials = Buffer.alloc(12);
  checked(socketOption(fd, SOCKET_CONSTANTS.SO_PEERCRED, credentials), 'getsockopt(SO_PEERCRED)');
  return {
    pid: credentials.readInt32LE(0),
    uid: credentials.readUInt32LE(4),
    gid: credentials.readUInt32LE(8),
  };
}

/**
 * A pidfd of the peer (SO_PEERPIDFD, Linux 6.5): readable once that process is dead. Undefined where the kernel has
 * none to give: too old, or the peer is dead already. The caller closes it.
 */
export function peerPidfd(fd: number): number | undefined {
  const pidfd = Buffer.alloc(4);
  if (socketOption(fd, SOCKET_CONSTANTS.SO_PEERPIDFD, pidfd) === 0) return pidfd.readInt32LE(0);
  const errno = lastErrno();
  const absent: readonly number[] = [ERRNO.ENOPROTOOPT, ERRNO.ESRCH, ERRNO.EINVAL, ERRNO.ENODATA];
  if (absent.includes(errno)) return undefined;
  throw new SystemCallError('getsockopt(SO_PEERPIDFD)', errno);
}

function socketOption(fd: number, name: number, value: Buffer): number {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.byteLength, 0);
  return calls().getsockopt(fd, SOCKET_CONSTANTS.SOL_SOCKET, name, value, length);
}

function newSocket(): number {
  const { AF_UNIX, SOCK_STREAM, SOCK_CLOEXEC, SOCK_NONBLOCK } = SOCKET_CONSTANTS;
  return checked(calls().socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), 'socket');
}

/** struct sockaddr_un, unix(7): {u16 sun_family, char sun_path[108]}, cut after the path's NUL. */
function socketAddress(path: string): Buffer {
  const pathBytes = Buffer.from(path, 'utf8');
  if (
    pathBytes.byteLength === 0 ||
    pathBytes.byteLength > MAX_SOCKET_PATH_BYTES ||
    pathBytes.includes(0)
  ) {
    throw new RangeError(
      `a socket path must have 1 to ${MAX_SOCKET_PATH_BYTES} bytes and no NUL, ` +
        `got ${pathBytes.byteLength} bytes: ${JSON.stringify(path)}`,
    );
  }
  const address = Buffer.alloc(2 + pathBytes.byteLength + 1);
  address.writeUInt16LE(SOCKET_CONSTANTS.AF_UNIX, 0);
  pathBytes.copy(address, 2);
  return address;
}

/** An empty buffer would read as the end of the stream. */
function assertRoom(into: Uint8Array): void {
  if (into.byteLength === 0) throw new RangeError('cannot receive into a buffer of 0 bytes');
}
