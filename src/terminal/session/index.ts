/** A session of agents: the process that hosts them, what they are, and how it is asked. */
export {
  AGENT_DEFAULTS,
  type AgentOptions,
  checkAgentOptions,
  DEFAULT_KILL_AFTER_MS,
  RESTART_POLICIES,
  type RestartPolicy,
} from './agent-options.js';
export { MIN_LOG_BYTES } from './agent-log.js';
export {
  CLIPBOARD_PERMISSIONS,
  type ClipboardPermission,
  DEFAULT_PERMISSIONS,
  type Permissions,
} from '../policy/index.js';
export { ControlClient, type RequestHandlers } from './control-client.js';
export { connectOrLaunch, hostLogPath, type LaunchOptions } from './host-launch.js';
export { listSegments, type LogPiece, readLogPiece } from './log-files.js';
export {
  type AgentInput,
  type AgentScreenText,
  type AgentStart,
  type KillOptions,
  openSession,
  SessionClient,
  type SessionClientOptions,
} from './session-client.js';
export type { AgentInfo, AgentStatus } from './session-pane.js';
export {
  agentChannel,
  assertAgentName,
  DEFAULT_SESSION,
  isAgentName,
  sessionChannel,
  stateDirectory,
} from './session-paths.js';
export { RemoteViewer, type RemoteViewerOptions } from './remote-viewer.js';
export { MAX_TRANSCRIPT_LINES } from './viewer-link.js';
