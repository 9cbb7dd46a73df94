/** Programs in pseudo terminals of their own: started, read to the last byte, written to, resized, ended. */
export {
  MAX_INPUT_BYTES,
  PtyProcess,
  type PtyEnd,
  type PtyHandlers,
  type PtyProcessOptions,
} from './pty-process.js';
export { findProgram } from './find-program.js';
export { signalProcesses } from './session-processes.js';
