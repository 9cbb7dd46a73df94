/** Sound of an input: which codecs a channel can carry, and what their readers must know. */
import type { PacketCodec } from '../../format/index.js';
import type { NutStream } from '../ffmpeg/index.js';
import type { PacketFacts } from '../packets/index.js';

/** NUT names sound by the two bytes of WAVE files, and Opus by its own name. */
const CODECS: Readonly<Record<string, PacketCodec>> = {
  '\x06\0\0\0': 'pcm-alaw',
  '\x06\0': 'pcm-alaw',
  '\x07\0\0\0': 'pcm-mulaw',
  '\x07\0': 'pcm-mulaw',
  '\xff\0\0\0': 'aac',
  '\xff\0': 'aac',
  mp4a: 'aac',
  Opus: 'opus',
  OPUS: 'opus',
};

/** Undefined for sound that no channel carries. */
export function soundCodec(fourcc: Uint8Array): PacketCodec | undefined {
  return CODECS[Buffer.from(fourcc).toString('latin1')];
}

export function soundFacts({ timeBase, sampleRateHz, channels, extra }: NutStream): PacketFacts {
  const { numerator, denominator } = timeBase;
  return {
    timeBase: [numerator, denominator],
    sampleRateHz,
    channels,
    ...(extra.length === 0 ? {} : { configuration: Buffer.from(extra).toString('base64') }),
  };
}
