/** ffi: the C library of Linux (memfds, mappings, Unix sockets, poll, clock, machine facts). Imports core only. */
export * from './clock.js';
export {
  FILE_CONSTANTS,
  MFD,
  SEAL,
  SystemCallError,
  TMPFS_MAGIC,
  addSeals,
  closeDescriptor,
  duplicateDescriptor,
  fallocate,
  fileStatus,
  ftruncate,
  getSeals,
  memfdCreate,
  setNonBlocking,
  setNotDumpable,
  tryLockExclusive,
  type FileStatus,
} from './libc.js';
export * from './machine.js';
export * from './mapping.js';
export { createPipe, type Pipe } from './pipe.js';
export * from './poll.js';
export * from './socket.js';
