/** ffi: the C library of Linux (memfds, mappings, Unix sockets, poll, clock, machine facts) and CUDA. Imports core only. */
export * from './clock.js';
export { cudaDriver, cudaOut, outF32, outI32, outU64, type CudaDriver } from './cuda-driver.js';
export * from './cuda-errors.js';
export * from './cuda-structs.js';
export { addressOf, viewAt } from './koffi.js';
export {
  FILE_CONSTANTS,
  MFD,
  SEAL,
  SystemCallError,
  TMPFS_MAGIC,
  addSeals,
  closeDescriptor,
  closeOthersOnExec,
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
export * from './nvcuvid.js';
export * from './nvcuvid-structs.js';
export * from './nvrtc.js';
export {
  assertDescriptorsLeft,
  createLargePipe,
  createPipe,
  NOTHING_NOW,
  readInto,
  type Pipe,
} from './pipe.js';
export { PipeReader, type ByteTarget } from './pipe-reader.js';
export * from './poll.js';
export {
  foregroundGroup,
  MAX_TERMINAL_CELLS,
  openPty,
  readTerminal,
  setTerminalSize,
  writeTerminal,
  type PtyPair,
  type TerminalSize,
} from './pty.js';
export * from './socket.js';
export * from './termios.js';
export { listenTcp, type TcpListener } from './tcp.js';
