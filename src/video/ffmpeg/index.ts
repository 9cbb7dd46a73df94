/** ffmpeg: the child processes that read inputs and decode, and the container between them and us. */
export {
  FfmpegChild,
  PIPE_BYTES,
  STARTING_DESCRIPTORS,
  type ChildEnd,
  type ChildOptions,
} from './child.js';
export { graphFailure, readFailure, readingFailure, type CameraFailure } from './failure-words.js';
export { NutDemuxer, type NutSink } from './nut-demuxer.js';
export type { NutFrame, NutStream } from './nut-format.js';
export { NutError } from './nut-header.js';
export { nutFrameHeader, nutHeader } from './nut-muxer.js';
export { rescale, toNs, type Rational } from './rational.js';
export { isShortage, startFailure } from './start-failure.js';
export { hideSecrets, MIN_SECRET_LENGTH, redact, type ShownUrl } from './redaction.js';
