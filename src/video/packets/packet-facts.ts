/** What a reader of packets must know beside the codec: in `userData` of the announcement, under `packets`. */
const NO_BYTES = new Uint8Array(0);

/** As it is announced. */
export interface PacketFacts {
  readonly timeBase: readonly [number, number];
  readonly width?: number;
  readonly height?: number;
  readonly sampleRateHz?: number;
  readonly channels?: number;
  /** What containers keep beside the packets, in Base64: of AAC its AudioSpecificConfig. */
  readonly configuration?: string;
}

/** As it is read, foreign text made safe: 0 and no bytes for what is not said, or is nonsense. */
export interface ReadPacketFacts {
  readonly width: number;
  readonly height: number;
  readonly sampleRateHz: number;
  readonly channels: number;
  readonly configuration: Uint8Array;
}

export function packetFacts(userData: Readonly<Record<string, unknown>>): ReadPacketFacts {
  const facts = (userData['packets'] ?? {}) as Readonly<Record<string, unknown>>;
  const count = (name: string, most: number): number => {
    const value = facts[name];
    return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= most
      ? value
      : 0;
  };
  const text = facts['configuration'];
  return {
    width: count('width', 16_384),
    height: count('height', 16_384),
    sampleRateHz: count('sampleRateHz', 768_000),
    channels: count('channels', 64),
    configuration: typeof text === 'string' ? Buffer.from(text.slice(0, 4096), 'base64') : NO_BYTES,
  };
}
