/** How sound is decoded: its elements, and what is made of its rate and channels. */
import { assertInteger, assertKnownKeys, assertOneOf } from '../../core/index.js';
import { audio, AUDIO_DTYPES, type AudioFormat } from '../../format/index.js';
import type { NutStream } from '../ffmpeg/index.js';

/** Samples as readers get them. What is left out is as the sound has it. */
export interface PcmOptions {
  /** `f32`: -1 to 1. Default 'f32'. */
  readonly dtype?: AudioFormat['dtype'];
  /** Resampled by ffmpeg where the sound has another rate. */
  readonly sampleRateHz?: number;
  /** 1 is mono: the mean of two channels. */
  readonly channels?: number;
}

/** A block of AAC has 1024 samples, of HE-AAC 2048, of Opus up to 5760: longer ones become several frames. */
const MAX_SAMPLES = 2048;
const MAX_RATE_HZ = 192_000;
/** ffmpeg knows what to make of so many. */
const MAX_CHANNELS = 8;

/** Throws `TypeError` or `RangeError` for what no sound can be made. */
export function checkPcmOptions(pcm: PcmOptions): void {
  assertKnownKeys('pcm', pcm, ['dtype', 'sampleRateHz', 'channels']);
  const { dtype, sampleRateHz, channels } = pcm;
  if (dtype !== undefined) assertOneOf<string>('pcm.dtype', dtype, AUDIO_DTYPES);
  if (sampleRateHz !== undefined)
    assertInteger('pcm.sampleRateHz', sampleRateHz, 1000, MAX_RATE_HZ);
  if (channels !== undefined) assertInteger('pcm.channels', channels, 1, MAX_CHANNELS);
}

/** The format of the samples of a stream. Undefined for one that does not say what it is. */
export function pcmFormat(pcm: PcmOptions, stream: NutStream): AudioFormat | undefined {
  if (stream.sampleRateHz < 1 || stream.channels < 1) return undefined;
  const { dtype = 'f32', sampleRateHz = stream.sampleRateHz, channels = stream.channels } = pcm;
  return audio({ dtype, sampleRateHz, channels, maxSamples: MAX_SAMPLES });
}
