/** replay: recordings as channels again. */
export { openReplay, Replay, type ReplayOptions, type ReplayStats } from './replay.js';
