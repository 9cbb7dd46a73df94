/**
 * Packets of a container made into access units that stand by themselves: start codes, and the parameter sets before
 * each key frame, so that a decoder can begin at any of them.
 */
import { behindDelimiter, readAv1Sequence, sequenceHeaderOf } from './av1.js';
import { joinNals, lengthsToStartCodes, nalPlaces } from './annex-b.js';
import { readConfiguration } from './configuration.js';
import { H264_NAL, h264NalType, h264ParameterSetId, readH264Sps } from './h264.js';
import { HEVC_NAL, hevcNalType, hevcParameterSetId, readHevcSps } from './hevc.js';
import type { VideoParameters } from './video-parameters.js';

export const VIDEO_CODECS_OF_PACKETS = Object.freeze(['h264', 'hevc', 'av1'] as const);
/** Codecs of pictures that a packet channel can carry. */
export type VideoCodec = (typeof VIDEO_CODECS_OF_PACKETS)[number];

/** One coded picture. */
export interface AccessUnit {
  /** H.264 and HEVC: NAL units with start codes. AV1: a temporal unit in the low-overhead format. */
  readonly bytes: Uint8Array;
  /** A decoder can start here: the parameter sets are in the bytes. */
  readonly keyFrame: boolean;
}

/** How many parameter sets of a stream are kept: more than the standards allow ids of any kind in use. */
const MAX_SETS = 64;

interface NalRules {
  typeOf(nal: Uint8Array): number;
  /** In the order in which a decoder wants them. */
  readonly sets: readonly number[];
  readonly sps: number;
  readonly delimiter: number;
  isKey(type: number): boolean;
  idOf(nal: Uint8Array): number | undefined;
  read(sps: Uint8Array): VideoParameters | undefined;
}

const RULES: Readonly<Record<'h264' | 'hevc', NalRules>> = {
  h264: {
    typeOf: h264NalType,
    sets: [H264_NAL.sps, H264_NAL.pps],
    sps: H264_NAL.sps,
    delimiter: H264_NAL.delimiter,
    isKey: (type) => type === H264_NAL.idr,
    idOf: h264ParameterSetId,
    read: readH264Sps,
  },
  hevc: {
    typeOf: hevcNalType,
    sets: [HEVC_NAL.vps, HEVC_NAL.sps, HEVC_NAL.pps],
    sps: HEVC_NAL.sps,
    delimiter: HEVC_NAL.delimiter,
    isKey: (type) => type >= HEVC_NAL.firstRandomAccess && type <= HEVC_NAL.lastRandomAccess,
    idOf: hevcParameterSetId,
    read: readHevcSps,
  },
};

/** Follows one stream. Bytes that make no sense are passed on as they are or refused, and never thrown at. */
export class AccessUnits {
  readonly codec: VideoCodec;
  readonly #lengthBytes: number;
  /** By type and id, each the last that was seen. */
  readonly #sets = new Map<number, Uint8Array>();
  #sequenceHeader: Uint8Array | undefined;
  #parameters: VideoParameters | undefined;

  /** `extra`: what the container keeps outside the packets. Throws `RangeError` when it is not of the codec. */
  constructor(codec: VideoCodec, extra: Uint8Array) {
    this.codec = codec;
    const configuration = readConfiguration(codec, extra);
    if (configuration === undefined) {
      const found = `the ${extra.length} bytes that describe the stream are damaged or of another codec`;
      throw new RangeError(`the container says ${codec}, but ${found}`);
    }
    this.#lengthBytes = configuration.lengthBytes;
    for (const set of configuration.parameterSets) {
      if (codec === 'av1') this.#keepSequence(set);
      else this.#keep(RULES[codec], set);
    }
  }

  /** What the newest sequence parameter set, or sequence header, says; undefined before the first. */
  get parameters(): VideoParameters | undefined {
    return this.#parameters;
  }

  /** `isKey`: what the container says. The packet's bytes may become the unit's. Undefined for a packet whose units lead out of it. */
  take(packet: Uint8Array, isKey: boolean): AccessUnit | undefined {
    if (this.codec === 'av1') return this.#takeUnits(packet, isKey);
    const bytes = this.#lengthBytes === 0 ? packet : lengthsToStartCodes(packet, this.#lengthBytes);
    return bytes === undefined ? undefined : this.#takeNals(RULES[this.codec], bytes, isKey);
  }

  #takeNals(rules: NalRules, bytes: Uint8Array, isKey: boolean): AccessUnit {
    let keyFrame = isKey;
    let behind = 0;
    const present = new Set<number>();
    for (const { start, end } of nalPlaces(bytes)) {
      const nal = bytes.subarray(start, end);
      const type = rules.typeOf(nal);
      if (rules.isKey(type)) keyFrame = true;
      if (type === rules.delimiter) behind = end;
      if (!rules.sets.includes(type)) continue;
      present.add(type);
      this.#keep(rules, nal);
    }
    if (!keyFrame || rules.sets.every((type) => present.has(type))) return { bytes, keyFrame };
    const missing = rules.sets.flatMap((type) => (present.has(type) ? [] : this.#setsOf(type)));
    if (missing.length === 0) return { bytes, keyFrame };
    const pieces = [bytes.subarray(0, behind), joinNals(missing), bytes.subarray(behind)];
    return { bytes: Buffer.concat(pieces), keyFrame };
  }

  #takeUnits(bytes: Uint8Array, isKey: boolean): AccessUnit {
    const header = sequenceHeaderOf(bytes);
    if (header !== undefined) this.#keepSequence(bytes.subarray(header.start, header.end));
    if (!isKey || header !== undefined || this.#sequenceHeader === undefined) {
      return { bytes, keyFrame: isKey };
    }
    const behind = behindDelimiter(bytes);
    const pieces = [bytes.subarray(0, behind), this.#sequenceHeader, bytes.subarray(behind)];
    return { bytes: Buffer.concat(pieces), keyFrame: isKey };
  }

  #setsOf(type: number): Uint8Array[] {
    return [...this.#sets].flatMap(([key, nal]) => (key >> 8 === type ? [nal] : []));
  }

  #keep(rules: NalRules, nal: Uint8Array): void {
    const type = rules.typeOf(nal);
    const id = rules.idOf(nal);
    if (id === undefined || !rules.sets.includes(type)) return;
    const key = (type << 8) | id;
    const known = this.#sets.get(key);
    if (known !== undefined && Buffer.compare(known, nal) === 0) return;
    if (known === undefined && this.#sets.size >= MAX_SETS) return;
    this.#sets.set(key, nal.slice());
    if (type === rules.sps) this.#parameters = rules.read(nal) ?? this.#parameters;
  }

  #keepSequence(unit: Uint8Array): void {
    const header = sequenceHeaderOf(unit);
    if (header === undefined) return;
    this.#sequenceHeader = unit.slice(header.start, header.end);
    this.#parameters =
      readAv1Sequence(unit.subarray(header.payload, header.end)) ?? this.#parameters;
  }
}
