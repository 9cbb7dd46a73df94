/** mcap: any channels in a file, on one clock. */
export {
  type McapOptions,
  McapRecording,
  type McapStats,
  openMcapRecording,
} from './mcap-recording.js';
