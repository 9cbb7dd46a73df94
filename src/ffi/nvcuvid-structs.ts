/**
 * Structs of cuviddec.h and nvcuvid.h (Video Codec SDK), little-endian, checked against them by a test. `ulong` is 64
 * bits; what is not named is 0.
 */

/** Sizes and offsets, in bytes. */
export const NVCUVID_LAYOUT = Object.freeze({
  parserParamsBytes: 136,
  parserCodec: 0,
  parserMaxSurfaces: 4,
  parserClockRate: 8,
  parserDisplayDelay: 16,
  parserSequence: 48,
  parserDecode: 56,
  parserDisplay: 64,

  packetBytes: 32,
  packetFlags: 0,
  packetLength: 8,
  packetPayload: 16,
  packetTimestamp: 24,

  formatBytes: 64,
  formatCodec: 0,
  formatLumaDepth: 13,
  formatMinSurfaces: 15,
  formatCodedWidth: 16,
  formatCodedHeight: 20,
  formatLeft: 24,
  formatTop: 28,
  formatRight: 32,
  formatBottom: 36,
  formatChroma: 40,

  createInfoBytes: 176,
  createWidth: 0,
  createHeight: 8,
  createSurfaces: 16,
  createCodec: 24,
  createChroma: 28,
  createFlags: 32,
  createDepth: 40,
  createMaxWidth: 56,
  createMaxHeight: 64,
  createDisplayArea: 80,
  createOutputFormat: 88,
  createTargetWidth: 96,
  createTargetHeight: 104,
  createOutputSurfaces: 112,

  displayInfoBytes: 24,
  displayIndex: 0,
  displayProgressive: 4,
  displayTopFirst: 8,
  displayTimestamp: 16,

  processBytes: 264,
  processProgressive: 0,
  processTopFirst: 8,
  processStream: 56,

  statusBytes: 192,
});

/** Enumerators. */
export const NVCUVID_CONSTANTS = Object.freeze({
  CUVID_PKT_ENDOFSTREAM: 1,
  CUVID_PKT_TIMESTAMP: 2,
  CUVID_PKT_ENDOFPICTURE: 8,
  cudaVideoSurfaceFormat_NV12: 0,
  cudaVideoSurfaceFormat_P016: 1,
  cudaVideoCreate_PreferCUVID: 4,
  cuvidDecodeStatus_InProgress: 1,
  cuvidDecodeStatus_Success: 2,
  cuvidDecodeStatus_Error: 8,
});

/** Units a second of the times that go through the parser as they are. */
const CLOCK_RATE = 10_000_000;

const L = NVCUVID_LAYOUT;

/** CUVIDPARSERPARAMS; the callbacks are addresses. Each picture is given out as soon as its turn has come. */
export function packParserParams(
  codec: number,
  callbacks: { readonly sequence: bigint; readonly decode: bigint; readonly display: bigint },
): Uint8Array {
  const params = Buffer.alloc(L.parserParamsBytes);
  params.writeInt32LE(codec, L.parserCodec);
  // The sequence callback says how many there are; until then one.
  params.writeUInt32LE(1, L.parserMaxSurfaces);
  params.writeUInt32LE(CLOCK_RATE, L.parserClockRate);
  params.writeBigUInt64LE(callbacks.sequence, L.parserSequence);
  params.writeBigUInt64LE(callbacks.decode, L.parserDecode);
  params.writeBigUInt64LE(callbacks.display, L.parserDisplay);
  return params;
}

/** CUVIDSOURCEDATAPACKET of one picture; without bytes: the end of the stream, which gives out all that is held back. */
export function packPacket(payload: bigint, byteLength: number, timestamp: number): Uint8Array {
  const { CUVID_PKT_ENDOFSTREAM, CUVID_PKT_TIMESTAMP, CUVID_PKT_ENDOFPICTURE } = NVCUVID_CONSTANTS;
  const packet = Buffer.alloc(L.packetBytes);
  const flags =
    byteLength === 0 ? CUVID_PKT_ENDOFSTREAM : CUVID_PKT_TIMESTAMP | CUVID_PKT_ENDOFPICTURE;
  packet.writeBigUInt64LE(BigInt(flags), L.packetFlags);
  packet.writeBigUInt64LE(BigInt(byteLength), L.packetLength);
  packet.writeBigUInt64LE(byteLength === 0 ? 0n : payload, L.packetPayload);
  packet.writeBigInt64LE(BigInt(timestamp), L.packetTimestamp);
  return packet;
}

/** What a sequence header says: the part of CUVIDEOFORMAT that is used. */
export interface SequenceFormat {
  readonly codec: number;
  /** cudaVideoChromaFormat: 1 is 4:2:0. */
  readonly chroma: number;
  readonly bitDepth: number;
  readonly codedWidth: number;
  readonly codedHeight: number;
  /** The part to be shown, in pixels. */
  readonly area: {
    readonly left: number;
    readonly top: number;
    readonly right: number;
    readonly bottom: number;
  };
  /** Pictures that the decoder must be able to hold. */
  readonly minSurfaces: number;
}

export function readSequenceFormat(bytes: Uint8Array): SequenceFormat {
  const format = Buffer.from(bytes.buffer, bytes.byteOffset, L.formatBytes);
  return {
    codec: format.readInt32LE(L.formatCodec),
    chroma: format.readInt32LE(L.formatChroma),
    bitDepth: 8 + format.readUInt8(L.formatLumaDepth),
    codedWidth: format.readUInt32LE(L.formatCodedWidth),
    codedHeight: format.readUInt32LE(L.formatCodedHeight),
    area: {
      left: format.readInt32LE(L.formatLeft),
      top: format.readInt32LE(L.formatTop),
      right: format.readInt32LE(L.formatRight),
      bottom: format.readInt32LE(L.formatBottom),
    },
    minSurfaces: format.readUInt8(L.formatMinSurfaces),
  };
}

/**
 * CUVIDDECODECREATEINFO: decodes and gives out the area that is shown, unscaled. Sides are even for the decoder: an odd
 * one takes a row or column of what the encoder added.
 */
export function packCreateInfo(format: SequenceFormat, surfaces: number): Uint8Array {
  const { left, top, right, bottom } = format.area;
  const [width, height] = [evenUp(right - left), evenUp(bottom - top)];
  const info = Buffer.alloc(L.createInfoBytes);
  const long = (value: number, at: number): number => info.writeBigUInt64LE(BigInt(value), at);
  long(format.codedWidth, L.createWidth);
  long(format.codedHeight, L.createHeight);
  long(surfaces, L.createSurfaces);
  info.writeInt32LE(format.codec, L.createCodec);
  info.writeInt32LE(format.chroma, L.createChroma);
  long(NVCUVID_CONSTANTS.cudaVideoCreate_PreferCUVID, L.createFlags);
  long(format.bitDepth - 8, L.createDepth);
  long(format.codedWidth, L.createMaxWidth);
  long(format.codedHeight, L.createMaxHeight);
  [left, top, left + width, top + height].forEach((side, index) => {
    info.writeInt16LE(side, L.createDisplayArea + 2 * index);
  });
  const { cudaVideoSurfaceFormat_NV12: NV12, cudaVideoSurfaceFormat_P016: P016 } =
    NVCUVID_CONSTANTS;
  info.writeInt32LE(format.bitDepth > 8 ? P016 : NV12, L.createOutputFormat);
  long(width, L.createTargetWidth);
  long(height, L.createTargetHeight);
  long(2, L.createOutputSurfaces);
  return info;
}

function evenUp(side: number): number {
  return side + (side % 2);
}

/** CUVIDPARSERDISPINFO, as far as it is used. */
export interface DisplayInfo {
  readonly index: number;
  readonly progressive: number;
  readonly topFieldFirst: number;
  readonly timestamp: number;
}

export function readDisplayInfo(bytes: Uint8Array): DisplayInfo {
  const info = Buffer.from(bytes.buffer, bytes.byteOffset, L.displayInfoBytes);
  return {
    index: info.readInt32LE(L.displayIndex),
    progressive: info.readInt32LE(L.displayProgressive),
    topFieldFirst: info.readInt32LE(L.displayTopFirst),
    timestamp: Number(info.readBigInt64LE(L.displayTimestamp)),
  };
}

/** CUVIDPROCPARAMS: what is done to a picture for its way out is enqueued on `stream`. */
export function packProcessParams(display: DisplayInfo, stream: number): Uint8Array {
  const params = Buffer.alloc(L.processBytes);
  params.writeInt32LE(display.progressive, L.processProgressive);
  params.writeInt32LE(display.topFieldFirst, L.processTopFirst);
  params.writeBigUInt64LE(BigInt(stream), L.processStream);
  return params;
}
