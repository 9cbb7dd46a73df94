/** record: packets into files, as they were encoded. */
export type { RecordOptions } from './options.js';
export { openRecording, Recording, type RecordingStats } from './recording.js';
export {
  openPatternRecording,
  PatternRecording,
  type PatternRecordOptions,
  type RecordingChange,
} from './pattern-recording.js';
