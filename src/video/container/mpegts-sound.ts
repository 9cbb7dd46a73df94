/**
 * Sound as a transport stream carries it: what its tables say of it, and what stands before each packet.
 *
 * ```text
 * AAC   ADTS (ISO/IEC 13818-7, 6.2): fff 1 | 2 bits profile, 4 bits rate, 0, 3 bits channels, 0000 | 13 bits length with
 *       these 7 bytes | 0x7ff fullness | 00 one packet
 * Opus  ETSI TS 103 491: 11 bits 0x3ff, 00000 | length in steps of 255
 * ```
 */

export interface TsSound {
  readonly codec: string;
  readonly channels: number;
  /** Of AAC its AudioSpecificConfig; none where packets have headers of their own. */
  readonly configuration: Uint8Array;
}

export interface SoundFraming {
  /** `stream_type` and descriptors in the map of the programme. */
  readonly streamType: number;
  readonly descriptors: readonly number[];
  readonly streamId: number;
  /** What stands before a packet; undefined for one that cannot be carried. */
  header(packet: Uint8Array): Uint8Array | undefined;
}

const AAC_STREAM_TYPE = 0x0f;
const PRIVATE_STREAM_TYPE = 0x06;
const AUDIO_STREAM_ID = 0xc0;
const PRIVATE_STREAM_ID = 0xbd;
const ADTS_BYTES = 7;
const MAX_ADTS_BYTES = (1 << 13) - 1;
const NO_HEADER = new Uint8Array(0);

/** Undefined for sound that a transport stream does not carry: A-law, µ-law, AAC of unusual kinds. */
export function soundFraming(sound: TsSound): SoundFraming | undefined {
  if (sound.codec === 'aac') return aacFraming(sound.configuration);
  return sound.codec === 'opus' ? opusFraming(sound.channels) : undefined;
}

function aacFraming(configuration: Uint8Array): SoundFraming | undefined {
  const common = { streamType: AAC_STREAM_TYPE, descriptors: [], streamId: AUDIO_STREAM_ID };
  const isAdts = (packet: Uint8Array): boolean =>
    packet.length > ADTS_BYTES && packet[0] === 0xff && (packet[1]! & 0xf6) === 0xf0;
  if (configuration.length === 0) {
    return { ...common, header: (packet) => (isAdts(packet) ? NO_HEADER : undefined) };
  }
  const found = readAudioConfig(configuration);
  if (found === undefined) return undefined;
  const { profile, rateIndex, channels } = found;
  return {
    ...common,
    header: ({ length }) => {
      const total = length + ADTS_BYTES;
      if (total > MAX_ADTS_BYTES) return undefined;
      return Uint8Array.of(
        0xff,
        0xf1,
        (profile << 6) | (rateIndex << 2) | (channels >> 2),
        ((channels & 3) << 6) | (total >> 11),
        (total >> 3) & 0xff,
        ((total & 7) << 5) | 0x1f,
        0xfc,
      );
    },
  };
}

/**
 * AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1): 5 bits type | 4 bits rate | 4 bits channels. Types 5 and 29 are AAC of
 * half the rate with what restores the rest: 4 bits of the full rate and the type below follow.
 */
function readAudioConfig(
  bytes: Uint8Array,
): { readonly profile: number; readonly rateIndex: number; readonly channels: number } | undefined {
  const word = ((bytes[0] ?? 0) << 16) | ((bytes[1] ?? 0) << 8) | (bytes[2] ?? 0);
  const outer = word >> 19;
  const rateIndex = (word >> 15) & 15;
  const channels = (word >> 11) & 15;
  const isExtended = outer === 5 || outer === 29;
  // A rate of its own would take 24 bits more.
  if (rateIndex > 12 || (isExtended && ((word >> 7) & 15) > 12)) return undefined;
  const type = isExtended ? (word >> 2) & 31 : outer;
  if (type < 1 || type > 4 || channels < 1 || channels > 7) return undefined;
  return { profile: type - 1, rateIndex, channels };
}

function opusFraming(channels: number): SoundFraming | undefined {
  if (channels < 1 || channels > 2) return undefined;
  const registration = [0x05, 4, ...Buffer.from('Opus', 'latin1')];
  return {
    streamType: PRIVATE_STREAM_TYPE,
    descriptors: [...registration, 0x7f, 2, 0x80, channels],
    streamId: PRIVATE_STREAM_ID,
    header: ({ length }) => {
      const steps = Array.from({ length: Math.floor(length / 255) }, () => 255);
      return Uint8Array.of(0x7f, 0xe0, ...steps, length % 255);
    },
  };
}
