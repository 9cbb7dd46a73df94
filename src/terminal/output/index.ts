/** output: what reaches the user's terminal. Pictures as bytes, modes on and off, exact writes, pacing. */
export { askTerminal } from './ask-terminal.js';
export {
  CAPABILITY_QUERY,
  CapabilityAnswers,
  assumedCapabilities,
  type TerminalCapabilities,
} from './capabilities.js';
export { colorDepthOf, type ColorDepth } from './color-depth.js';
export { FrameEncoder, type FrameEncoderOptions } from './frame-encoder.js';
export { GlyphByteTable } from './glyph-bytes.js';
export { FRAME_INTERVAL_MS, FramePacer } from './frame-pacer.js';
export { type ByteSink, FrameWriter } from './frame-writer.js';
export { OutputBytes } from './output-bytes.js';
export { Pen, type PenOptions } from './pen.js';
export { clipboardSequence, type TerminalModes } from './terminal-modes.js';
export { UserTerminal, type UserTerminalEvents } from './user-terminal.js';
