/**
 * Pseudo terminals (pty(7), pts(4), ioctl_tty(2)): a master that this process reads and writes, a slave that a program
 * takes for its terminal. Both are born close-on-exec, so that no program inherits the terminal of another.
 */
import { lastErrno, lazily, libcFunction } from './koffi.js';
import { checked, closeDescriptor, ERRNO, SystemCallError } from './libc.js';

/** open(2), ioctl_tty(2), termios(3); asm-generic, so the same on x86-64 and arm64. */
export const PTY_CONSTANTS = Object.freeze({
  O_RDWR: 0o2,
  O_NOCTTY: 0o400,
  O_NONBLOCK: 0o4000,
  O_CLOEXEC: 0o2000000,
  TCGETS: 0x5401,
  TCSETS: 0x5402,
  TIOCSWINSZ: 0x5414,
  TIOCGPGRP: 0x540f,
  TIOCSPTLCK: 0x4004_5431,
  TIOCGPTPEER: 0x5441,
  IUTF8: 0o40000,
  EIO: 5,
});

/** sizeof struct termios of the kernel: four flag words, the line discipline, 19 characters; generously. */
const TERMIOS_BYTES = 64;
/** struct winsize, ioctl_tty(2): u16 rows, columns, and two in pixels that nobody needs. */
const WINSIZE_BYTES = 8;
/** The largest that struct winsize can say. */
export const MAX_TERMINAL_CELLS = 0xffff;

const calls = lazily(() => ({
  open: libcFunction<(path: string, flags: number, mode: number) => number>(
    'int open(const char *path, int flags, uint mode)',
  ),
  // Variadic in C; its third argument is a pointer for some requests and a number for others.
  ioctlBytes: libcFunction<(fd: number, request: number, bytes: Uint8Array) => number>(
    'int ioctl(int fd, ulong request, void *bytes)',
  ),
  ioctlNumber: libcFunction<(fd: number, request: number, value: number) => number>(
    'int ioctl(int fd, ulong request, int64_t value)',
  ),
  read: libcFunction<(fd: number, into: Uint8Array, length: number) => number>(
    'intptr_t read(int fd, void *into, size_t length)',
  ),
  write: libcFunction<(fd: number, bytes: Uint8Array, length: number) => number>(
    'intptr_t write(int fd, void *bytes, size_t length)',
  ),
}));

/** Columns and rows of a terminal, each from 1 to 65535. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** Both ends of a pseudo terminal; the caller closes them. */
export interface PtyPair {
  /** Non-blocking. */
  readonly master: number;
  /** For the standard streams of a child. */
  readonly slave: number;
}

/**
 * A new pseudo terminal of this size, its line discipline told that input is UTF-8. The slave is opened by TIOCGPTPEER
 * (Linux 4.13), which needs no path and so works whatever is mounted at /dev/pts. Throws {@link SystemCallError}:
 * ENOSPC when the system has no terminal left, EMFILE.
 */
export function openPty(size: TerminalSize): PtyPair {
  const { O_RDWR, O_NOCTTY, O_NONBLOCK, O_CLOEXEC } = PTY_CONSTANTS;
  const flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
  const master = checked(calls().open('/dev/ptmx', flags | O_NONBLOCK, 0), 'open', '/dev/ptmx');
  try {
    const unlocked = calls().ioctlBytes(master, PTY_CONSTANTS.TIOCSPTLCK, new Uint8Array(4));
    checked(unlocked, 'ioctl(TIOCSPTLCK)');
    setTerminalSize(master, size);
    const slave = calls().ioctlNumber(master, PTY_CONSTANTS.TIOCGPTPEER, flags);
    checked(slave, 'ioctl(TIOCGPTPEER)');
    markUtf8(slave);
    return { master, slave };
  } catch (error) {
    closeDescriptor(master);
    throw error;
  }
}

/** IUTF8, termios(3): erasing takes a whole character. Kept out of the way when the ioctl is refused. */
function markUtf8(slave: number): void {
  const modes = Buffer.alloc(TERMIOS_BYTES);
  if (calls().ioctlBytes(slave, PTY_CONSTANTS.TCGETS, modes) === -1) return;
  modes.writeUInt32LE((modes.readUInt32LE(0) | PTY_CONSTANTS.IUTF8) >>> 0, 0);
  calls().ioctlBytes(slave, PTY_CONSTANTS.TCSETS, modes);
}

/** ioctl_tty(2) TIOCSWINSZ: the foreground processes get SIGWINCH when it is another size than before. */
export function setTerminalSize(fd: number, { columns, rows }: TerminalSize): void {
  const size = Buffer.alloc(WINSIZE_BYTES);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  checked(calls().ioctlBytes(fd, PTY_CONSTANTS.TIOCSWINSZ, size), 'ioctl(TIOCSWINSZ)');
}

/** ioctl_tty(2) TIOCGPGRP of a master: the process group in the foreground, undefined where there is none. */
export function foregroundGroup(master: number): number | undefined {
  const group = Buffer.alloc(4);
  if (calls().ioctlBytes(master, PTY_CONSTANTS.TIOCGPGRP, group) === -1) return undefined;
  const id = group.readInt32LE(0);
  return id > 0 ? id : undefined;
}

/**
 * read(2) of a non-blocking terminal: bytes now at the start of `into`, -1 when there is nothing yet, 0 at its end,
 * which a master tells by EIO once every slave is closed and what was written to them has been read.
 */
export function readTerminal(fd: number, into: Uint8Array): number {
  const byteLength = calls().read(fd, into, into.byteLength);
  if (byteLength >= 0) return byteLength;
  const errno = lastErrno();
  if (errno === ERRNO.EAGAIN || errno === ERRNO.EINTR) return -1;
  if (errno === PTY_CONSTANTS.EIO) return 0;
  throw new SystemCallError('read', errno);
}

/**
 * write(2) to a non-blocking terminal: how many bytes from `offset` on it took, perhaps fewer than there are; 0 when it
 * is full. EIO, when nobody has the other end any more, throws like every other failure.
 */
export function writeTerminal(fd: number, bytes: Uint8Array, offset: number): number {
  const rest = offset === 0 ? bytes : bytes.subarray(offset);
  if (rest.byteLength === 0) return 0;
  const written = calls().write(fd, rest, rest.byteLength);
  if (written >= 0) return written;
  const errno = lastErrno();
  if (errno === ERRNO.EAGAIN || errno === ERRNO.EINTR) return 0;
  throw new SystemCallError('write', errno);
}
