/** Listening on TCP by libc: descriptors like those of Unix sockets, for the same `acceptUnix` and `sendBytes`. */
import { isIPv4 } from 'node:net';
import { lazily, libcFunction } from './koffi.js';
import { checked, closeDescriptor } from './libc.js';
import { SOCKET_CONSTANTS } from './socket.js';

/** ip(7), ipv6(7), tcp(7), socket(7): the numbers of Linux. */
const AF_INET = 2;
const AF_INET6 = 10;
const SO_REUSEADDR = 2;
const LISTEN_BACKLOG = 128;

const calls = lazily(() => ({
  socket: libcFunction<(domain: number, type: number, protocol: number) => number>(
    'int socket(int domain, int type, int protocol)',
  ),
  setsockopt: libcFunction<
    (fd: number, level: number, name: number, value: Uint8Array, length: number) => number
  >('int setsockopt(int fd, int level, int name, void *value, uint length)'),
  bind: libcFunction<(fd: number, address: Uint8Array, length: number) => number>(
    'int bind(int fd, void *address, uint length)',
  ),
  listen: libcFunction<(fd: number, backlog: number) => number>('int listen(int fd, int backlog)'),
  getsockname: libcFunction<(fd: number, address: Uint8Array, length: Uint8Array) => number>(
    'int getsockname(int fd, void *address, void *length)',
  ),
}));

export interface TcpListener {
  /** Non-blocking; the caller closes it. */
  readonly fd: number;
  /** The port, also when 0 asked for any. */
  readonly port: number;
}

/** Listens at a numeric address. Throws `SystemCallError`: EADDRINUSE, EADDRNOTAVAIL, EACCES for a low port. */
export function listenTcp(address: string, port: number): TcpListener {
  const name = socketName(address, port);
  const { SOCK_STREAM, SOCK_CLOEXEC, SOCK_NONBLOCK, SOL_SOCKET } = SOCKET_CONSTANTS;
  const type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
  const fd = checked(calls().socket(name.readUInt16LE(0), type, 0), 'socket');
  try {
    const on = Buffer.from([1, 0, 0, 0]);
    checked(calls().setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, on, on.length), 'setsockopt');
    checked(calls().bind(fd, name, name.length), 'bind', `${address} port ${port}`);
    checked(calls().listen(fd, LISTEN_BACKLOG), 'listen');
    const length = Buffer.from([name.length, 0, 0, 0]);
    checked(calls().getsockname(fd, name, length), 'getsockname');
    return { fd, port: name.readUInt16BE(2) };
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

/**
 * struct sockaddr_in, ip(7):   0 u16 family | 2 u16 port, big-endian | 4 u32 address, big-endian | 8 zeros (16 bytes)
 * struct sockaddr_in6, ipv6(7): 0 u16 family | 2 u16 port | 4 u32 flow | 8 u8[16] address | 24 u32 scope (28 bytes)
 */
function socketName(address: string, port: number): Buffer {
  if (isIPv4(address)) {
    const name = Buffer.alloc(16);
    name.writeUInt16LE(AF_INET, 0);
    name.writeUInt16BE(port, 2);
    name.set(address.split('.').map(Number), 4);
    return name;
  }
  if (address !== '::1') {
    throw new RangeError(
      `an address must be IPv4 in numbers or ::1, got ${JSON.stringify(address)}`,
    );
  }
  const name = Buffer.alloc(28);
  name.writeUInt16LE(AF_INET6, 0);
  name.writeUInt16BE(port, 2);
  name[23] = 1;
  return name;
}
