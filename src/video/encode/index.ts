/** encode: frames made packets again, by an ffmpeg. */
export { Encoder, type EncoderOptions, type EncoderStats, openEncoder } from './encoder.js';
