/** terminal: programs in terminals of their own, their screens beside each other, over bus. */
export type { TerminalSize } from '../ffi/index.js';
export {
  type CellGrid,
  type PaneContent,
  type PaneCursor,
  type PaneModes,
  paletteColor,
  rgbColor,
} from './cells/index.js';
export {
  type ClipboardPermission,
  type CopyRequest,
  DEFAULT_PERMISSIONS,
  type Permissions,
} from './policy/index.js';
export { type PtyEnd, type PtyHandlers, PtyProcess, type PtyProcessOptions } from './pty/index.js';
export { AgentScreen, type AgentScreenOptions, type ScreenSignal } from './screen/index.js';
export {
  type AgentInfo,
  type AgentInput,
  type AgentOptions,
  type AgentScreenText,
  type AgentStart,
  type AgentStatus,
  type KillOptions,
  openSession,
  type RestartPolicy,
  type SessionClient,
  type SessionClientOptions,
} from './session/index.js';
export {
  type Attention,
  type AttentionSource,
  type AttentionState,
  decodeTerminalEvent,
  encodeTerminalEvent,
  type ProgramEnd,
  TERMINAL_MEDIA_TYPE,
  TERMINAL_TYPE,
  type TerminalEvent,
  TEXT_TYPE,
  type TextTypeName,
} from './stream/index.js';
export {
  coloredLines,
  type LayoutKind,
  type PaneState,
  type PlaybackCommand,
  type PlaybackState,
  plainLines,
  type ViewPane,
} from './view/index.js';
export {
  LocalViewer,
  type LocalViewerOptions,
  type ViewerEnd,
  type ViewerOwner,
} from './viewer/index.js';
export type { ColorDepth } from './output/index.js';
