/**
 * Descriptors, memfds, seals, locks: thin wrappers over libc. Each failing call throws a {@link SystemCallError}.
 * Every descriptor made here is born close-on-exec.
 */
import { fstatSync, readdirSync } from 'node:fs';
import { invariant } from '../core/index.js';
import { koffi, lastErrno, lazily, libcFunction } from './koffi.js';

/** A C call that failed. `code` is the symbol of errno, such as 'ENOENT'. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  readonly call: string;
  readonly errno: number;
  readonly code: string;

  constructor(call: string, errno: number, attempt?: string) {
    const code = errnoCode(errno);
    super(`${call} failed with ${code}${attempt === undefined ? '' : `: ${attempt}`}`);
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}

/** errno values of Linux on x86-64 and arm64 (errno(3)) that decide something in this layer. */
export const ERRNO = Object.freeze({
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EBADF: 9,
  EAGAIN: 11,
  EINVAL: 22,
  ENOPROTOOPT: 92,
  ECONNABORTED: 103,
  ENODATA: 61,
});

/** memfd_create(2), linux/memfd.h. */
export const MFD = Object.freeze({ CLOEXEC: 0x1, ALLOW_SEALING: 0x2, NOEXEC_SEAL: 0x8 });

/** fcntl(2) "File Sealing", linux/fcntl.h. Compare by mask: MFD_NOEXEC_SEAL adds EXEC. */
export const SEAL = Object.freeze({
  SEAL: 0x1,
  SHRINK: 0x2,
  GROW: 0x4,
  WRITE: 0x8,
  FUTURE_WRITE: 0x10,
  EXEC: 0x20,
});

/** fcntl(2), flock(2), prctl(2), open(2), statfs(2): the commands and flags used here. */
export const FILE_CONSTANTS = Object.freeze({
  F_SETFD: 2,
  FD_CLOEXEC: 1,
  F_GETFL: 3,
  F_SETFL: 4,
  F_DUPFD_CLOEXEC: 1030,
  F_ADD_SEALS: 1033,
  F_GET_SEALS: 1034,
  O_NONBLOCK: 0o4000,
  LOCK_EX: 2,
  LOCK_NB: 4,
  PR_SET_DUMPABLE: 4,
});

/** `fileSystemMagic` of a memfd (statfs(2), linux/magic.h). */
export const TMPFS_MAGIC = 0x01021994;

const calls = lazily(() => ({
  memfdCreate: libcFunction<(name: string, flags: number) => number>(
    'int memfd_create(const char *name, uint flags)',
  ),
  ftruncate: libcFunction<(fd: number, length: number) => number>(
    'int ftruncate(int fd, int64_t length)',
  ),
  fallocate: libcFunction<(fd: number, mode: number, offset: number, length: number) => number>(
    'int fallocate(int fd, int mode, int64_t offset, int64_t length)',
  ),
  // Variadic in C. The third argument is declared 64 bits wide because the kernel checks the whole register.
  fcntl: libcFunction<(fd: number, command: number, argument: number) => number>(
    'int fcntl(int fd, int command, int64_t argument)',
  ),
  fstatfs: libcFunction<(fd: number, status: Uint8Array) => number>(
    'int fstatfs(int fd, void *status)',
  ),
  close: libcFunction<(fd: number) => number>('int close(int fd)'),
  flock: libcFunction<(fd: number, operation: number) => number>(
    'int flock(int fd, int operation)',
  ),
  prctl: libcFunction<(option: number, a: number, b: number, c: number, d: number) => number>(
    'int prctl(int option, int64_t a, int64_t b, int64_t c, int64_t d)',
  ),
}));

/** Descriptors watched by this thread's event loop: closing one of them would abort the process later. */
const watchedDescriptors = new Set<number>();

/** For poll.ts: states that the event loop watches `fd`, or no longer does. */
export function markWatched(fd: number, watched: boolean): void {
  if (watched) watchedDescriptors.add(fd);
  else watchedDescriptors.delete(fd);
}

export function isWatched(fd: number): boolean {
  return watchedDescriptors.has(fd);
}

/** The symbol of an errno value, 'E<number>' when it has none. */
export function errnoCode(errno: number): string {
  for (const [code, value] of Object.entries(koffi().os.errno)) if (value === errno) return code;
  return `E${errno}`;
}

/** memfd_create(2). An anonymous file of length 0 that can be sealed; `name` is seen in /proc/PID/maps only. */
export function memfdCreate(name: string, _options: { readonly sealing: true }): number {
  const flags = MFD.CLOEXEC | MFD.ALLOW_SEALING;
  let fd = calls().memfdCreate(name, flags | MFD.NOEXEC_SEAL);
  // Kernels before 6.3 do not know MFD_NOEXEC_SEAL.
  if (fd < 0 && lastErrno() === ERRNO.EINVAL) fd = calls().memfdCreate(name, flags);
  return checked(fd, 'memfd_create');
}

/** ftruncate(2). */
export function ftruncate(fd: number, byteLength: number): void {
  checked(calls().ftruncate(fd, byteLength), 'ftruncate');
}

/** fallocate(2) of all bytes: fails now with ENOSPC where a later store would be SIGBUS. Check limits before. */
export function fallocate(fd: number, byteLength: number): void {
  checked(calls().fallocate(fd, 0, 0, byteLength), 'fallocate');
}

/** fcntl(2) F_ADD_SEALS; `mask` is made of {@link SEAL}. */
export function addSeals(fd: number, mask: number): void {
  checked(calls().fcntl(fd, FILE_CONSTANTS.F_ADD_SEALS, mask), 'fcntl(F_ADD_SEALS)');
}

/** fcntl(2) F_GET_SEALS. EINVAL for a file that cannot be sealed. */
export function getSeals(fd: number): number {
  return checked(calls().fcntl(fd, FILE_CONSTANTS.F_GET_SEALS, 0), 'fcntl(F_GET_SEALS)');
}

export interface FileStatus {
  readonly byteLength: number;
  /** Bytes that have storage behind them: st_blocks * 512. Less than byteLength in a sparse file. */
  readonly allocatedBytes: number;
  readonly isRegular: boolean;
  readonly isSocket: boolean;
  /** f_type of fstatfs(2), for example {@link TMPFS_MAGIC}. */
  readonly fileSystemMagic: number;
}

/** fstat(2) and fstatfs(2). */
export function fileStatus(fd: number): FileStatus {
  // struct statfs (statfs(2)): the 64-bit f_type comes first, 120 bytes in all on glibc and musl.
  const fileSystem = Buffer.alloc(128);
  checked(calls().fstatfs(fd, fileSystem), 'fstatfs');
  const status = fstatSync(fd);
  return {
    byteLength: status.size,
    allocatedBytes: status.blocks * 512,
    isRegular: status.isFile(),
    isSocket: status.isSocket(),
    fileSystemMagic: fileSystem.readUInt32LE(0),
  };
}

/**
 * close(2). The descriptor is gone whatever the result, so EINTR is no failure (close(2), "Dealing with error
 * returns"). Not fs.closeSync: that warns in a worker about descriptors that fs did not open.
 */
export function closeDescriptor(fd: number): void {
  invariant(
    !watchedDescriptors.has(fd),
    `descriptor ${fd} is closed while it is watched; close its watch first`,
  );
  if (calls().close(fd) === -1 && lastErrno() !== ERRNO.EINTR)
    throw new SystemCallError('close', lastErrno());
}

/** fcntl(2) F_DUPFD_CLOEXEC: a second descriptor of the same open file, owned by the caller. */
export function duplicateDescriptor(fd: number): number {
  return checked(calls().fcntl(fd, FILE_CONSTANTS.F_DUPFD_CLOEXEC, 3), 'fcntl(F_DUPFD_CLOEXEC)');
}

/**
 * fcntl(2) F_SETFD: every descriptor of this process but the standard ones is closed in what it starts from now on, also
 * those that it was started with. Streams that a child is given are duplicates, and not concerned.
 */
export function closeOthersOnExec(): void {
  for (const name of readdirSync('/proc/self/fd')) {
    // The one that read the list is closed by now: EBADF.
    if (Number(name) > 2)
      calls().fcntl(Number(name), FILE_CONSTANTS.F_SETFD, FILE_CONSTANTS.FD_CLOEXEC);
  }
}

/** fcntl(2) F_SETFL with O_NONBLOCK added. The flag belongs to the open file: every duplicate sees it. */
export function setNonBlocking(fd: number): void {
  const flags = checked(calls().fcntl(fd, FILE_CONSTANTS.F_GETFL, 0), 'fcntl(F_GETFL)');
  checked(
    calls().fcntl(fd, FILE_CONSTANTS.F_SETFL, flags | FILE_CONSTANTS.O_NONBLOCK),
    'fcntl(F_SETFL)',
  );
}

/** flock(2) LOCK_EX | LOCK_NB. False when another open file holds the lock; never waits. */
export function tryLockExclusive(fd: number): boolean {
  if (calls().flock(fd, FILE_CONSTANTS.LOCK_EX | FILE_CONSTANTS.LOCK_NB) === 0) return true;
  const errno = lastErrno();
  if (errno === ERRNO.EAGAIN) return false;
  throw new SystemCallError('flock', errno);
}

/**
 * prctl(2) PR_SET_DUMPABLE 0: other processes of this user can no longer open /proc/PID/mem or /proc/PID/fd/N. It
 * also ends core dumps and debuggers.
 */
export function setNotDumpable(): void {
  checked(calls().prctl(FILE_CONSTANTS.PR_SET_DUMPABLE, 0, 0, 0, 0), 'prctl(PR_SET_DUMPABLE)');
}

/** The result of a C call that returns -1 on failure. */
export function checked(result: number, call: string, attempt?: string): number {
  if (result === -1) throw new SystemCallError(call, lastErrno(), attempt);
  return result;
}
