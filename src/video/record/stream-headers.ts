/** What ffmpeg has to know of packets before the first: headers of NUT. */
import type { PacketCodec } from '../../format/index.js';
import { nutHeader, type Rational } from '../ffmpeg/index.js';

const NANOSECONDS: Rational = Object.freeze({ numerator: 1, denominator: 1_000_000_000 });
const NO_BYTES = new Uint8Array(0);

/** Names of codecs of sound as FFmpeg's NUT knows them: numbers of WAVE, low byte first, and one of four letters. */
const SOUND_NAMES: Readonly<Partial<Record<PacketCodec, Uint8Array>>> = Object.freeze({
  aac: Buffer.from([0xff, 0x00]),
  opus: Buffer.from('Opus', 'latin1'),
  'pcm-alaw': Buffer.from([0x06, 0x00]),
  'pcm-mulaw': Buffer.from([0x07, 0x00]),
});

export interface SoundStream {
  readonly codec: PacketCodec;
  readonly sampleRateHz: number;
  readonly channels: number;
  /** Of AAC its AudioSpecificConfig. */
  readonly configuration: Uint8Array;
}

export function soundHeader(sound: SoundStream): Uint8Array {
  return nutHeader({
    class: 'audio',
    fourcc: SOUND_NAMES[sound.codec] ?? NO_BYTES,
    timeBase: NANOSECONDS,
    decodeDelay: 0,
    extra: sound.configuration,
    width: 0,
    height: 0,
    sampleRateHz: sound.sampleRateHz,
    channels: sound.channels,
  });
}

/** Pictures that no transport stream carries: AV1. */
export function pictureHeader({ width, height }: { width: number; height: number }): Uint8Array {
  return nutHeader({
    class: 'video',
    fourcc: Buffer.from('AV01', 'latin1'),
    timeBase: NANOSECONDS,
    decodeDelay: 0,
    extra: NO_BYTES,
    width,
    height,
    sampleRateHz: 0,
    channels: 0,
  });
}
