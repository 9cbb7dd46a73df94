/** replay: recorded terminals as they were at any moment. Pure: the clock is the recording's, or is given. */
export { agentCast, type AgentCastOptions } from './agent-cast.js';
export { AgentSelection } from './agent-selection.js';
export { layoutCast, type LayoutCastOptions } from './layout-cast.js';
export { LayoutFrames, type LayoutFramesOptions } from './layout-frames.js';
export { Playback, type PlaybackOptions } from './playback.js';
export { PlayedAgent } from './played-agent.js';
export {
  MAX_RECORDING_BYTES,
  type RecordedAgent,
  type Recording,
  RecordingBuilder,
} from './recording.js';
export { PROGRAM_STARTS, RecordedEvents } from './recorded-events.js';
export { ReplayedAgent } from './replayed-agent.js';
export { ReplayedSession } from './replayed-session.js';
export { WrittenTime } from './written-time.js';
