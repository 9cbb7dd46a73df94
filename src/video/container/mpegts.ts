/**
 * Packets as an MPEG transport stream (ISO/IEC 13818-1): one programme of pictures, and sound where there is any, which a
 * reader may join at any key frame, because the tables stand before each.
 *
 * ```text
 * packet  0x47 | 3 flags, 13 bits PID | 2 bits scrambling, adaptation 1, payload 1, 4 bits counter | 184 bytes
 *         adaptation: length u8 | flags u8 (0x40 key frame, 0x10 clock) | [33 bits, 6, 9: clock] | 0xff…
 * PES     00 00 01 e0 | length 0: until the next | 0x84 | 0xc0: pts and dts | 10 | pts | dts | access unit
 *         00 00 01 c0 | length | 0x84 | 0x80: pts | 5 | pts | header and packet of sound
 * ```
 *
 * Times are 90 kHz in 33 bits: nanoseconds are rounded to 11 µs, and start over after 26 hours.
 */
import { crc32 } from '../ffmpeg/nut-format.js';
import type { SoundFraming } from './mpegts-sound.js';

export const TS_PACKET_BYTES = 188;
const PAYLOAD_BYTES = 184;
const TABLES_PID = 0;
const PROGRAMME_PID = 0x1000;
const VIDEO_PID = 0x100;
const SOUND_PID = 0x101;
const VIDEO_STREAM_ID = 0xe0;
const TIME_RANGE = 2 ** 33;
/** Added to every time: the clock runs ahead of decoding by half of it, and neither may be negative. */
const LEAD_TICKS = 90_000;
/** Tables come again after so many pictures without a key frame, for readers that look for them. */
const PICTURES_PER_TABLES = 25;

/** Of the header of a PES packet of sound, what its length counts. */
const SOUND_PES_BYTES = 8;

const STREAM_TYPES = Object.freeze({ h264: 0x1b, hevc: 0x24 });
/** Access unit delimiters, which a transport stream must have. */
const DELIMITERS = Object.freeze({
  h264: Buffer.from([0, 0, 0, 1, 0x09, 0xf0]),
  hevc: Buffer.from([0, 0, 0, 1, 0x46, 0x01, 0x50]),
});

export type TsCodec = keyof typeof STREAM_TYPES;
export const TS_CODECS = Object.freeze(Object.keys(STREAM_TYPES) as TsCodec[]);

/** An access unit in Annex B. */
export interface TsUnit {
  readonly bytes: Uint8Array;
  readonly ptsNs: number;
  readonly dtsNs: number;
  readonly keyFrame: boolean;
}

export class TsMuxer {
  readonly #codec: TsCodec;
  readonly #counters = new Map<number, number>();
  #sinceTables = PICTURES_PER_TABLES;
  #sound: SoundFraming | undefined;
  /** Of the map of the programme: another one for other contents. */
  #version = 0;

  constructor(codec: TsCodec) {
    this.#codec = codec;
  }

  /** From the next picture on the programme has sound like this, or none. */
  set sound(sound: SoundFraming | undefined) {
    if (sound === this.#sound) return;
    this.#sound = sound;
    if (this.#counters.size > 0) this.#version = (this.#version + 1) & 31;
    this.#sinceTables = PICTURES_PER_TABLES;
  }

  /** The packets of a packet of sound; none where it cannot be carried. */
  soundUnit(packet: Uint8Array, ptsNs: number): Uint8Array {
    const header = this.#sound?.header(packet);
    if (this.#sound === undefined || header === undefined) return NO_FIELD;
    const { streamId } = this.#sound;
    const length = SOUND_PES_BYTES + header.length + packet.length;
    if (length > 0xffff) return NO_FIELD;
    const start = Buffer.from([0, 0, 1, streamId, length >> 8, length & 0xff, 0x84, 0x80, 5]);
    const data = Buffer.concat([start, timeField(2, ticks(ptsNs)), header, packet]);
    return Buffer.concat(this.#packets(SOUND_PID, data, NO_FIELD));
  }

  /** The packets of one access unit, tables before a key frame. */
  unit({ bytes, ptsNs, dtsNs, keyFrame }: TsUnit): Uint8Array {
    const packets: Uint8Array[] = [];
    if (keyFrame || this.#sinceTables >= PICTURES_PER_TABLES) {
      packets.push(this.#section(TABLES_PID, association()));
      packets.push(
        this.#section(
          PROGRAMME_PID,
          programme(STREAM_TYPES[this.#codec], this.#version, this.#sound),
        ),
      );
      this.#sinceTables = 0;
    }
    this.#sinceTables += 1;
    const [pts, dts] = [ticks(ptsNs), ticks(dtsNs)];
    const delimiter = hasDelimiter(this.#codec, bytes) ? [] : [DELIMITERS[this.#codec]];
    const data = Buffer.concat([pesHeader(pts, dts), ...delimiter, bytes]);
    const clock = (dts - LEAD_TICKS / 2 + TIME_RANGE) % TIME_RANGE;
    packets.push(...this.#packets(VIDEO_PID, data, clockField(clock, keyFrame)));
    return Buffer.concat(packets);
  }

  /** `firstField`: the adaptation field of the first. */
  #packets(pid: number, data: Uint8Array, firstField: Uint8Array): Uint8Array[] {
    const packets: Uint8Array[] = [];
    for (let at = 0; at < data.length;) {
      const first = at === 0;
      const field = first ? firstField : NO_FIELD;
      const taken = Math.min(data.length - at, PAYLOAD_BYTES - field.length);
      packets.push(this.#packet(pid, first, field, data.subarray(at, at + taken)));
      at += taken;
    }
    return packets;
  }

  #section(pid: number, section: Uint8Array): Uint8Array {
    const payload = Buffer.alloc(PAYLOAD_BYTES, 0xff);
    payload[0] = 0;
    payload.set(section, 1);
    return this.#packet(pid, true, NO_FIELD, payload);
  }

  /** `field`: the adaptation field, which is made longer where the payload is too short. */
  #packet(pid: number, start: boolean, field: Uint8Array, payload: Uint8Array): Uint8Array {
    const counter = this.#counters.get(pid) ?? 0;
    this.#counters.set(pid, (counter + 1) & 15);
    const packet = Buffer.alloc(TS_PACKET_BYTES, 0xff);
    const fieldBytes = PAYLOAD_BYTES - payload.length;
    packet[0] = 0x47;
    packet[1] = (start ? 0x40 : 0) | (pid >> 8);
    packet[2] = pid & 0xff;
    packet[3] = (fieldBytes > 0 ? 0x30 : 0x10) | counter;
    if (fieldBytes > 0) {
      packet.set(field, 4);
      packet[4] = fieldBytes - 1;
      if (fieldBytes > 1 && field.length === 0) packet[5] = 0;
    }
    packet.set(payload, 4 + fieldBytes);
    return packet;
  }
}

const NO_FIELD = new Uint8Array(0);

/** An adaptation field with the clock, its length still to be filled in. */
function clockField(clock: number, keyFrame: boolean): Uint8Array {
  const field = Buffer.alloc(8);
  field[1] = 0x10 | (keyFrame ? 0x40 : 0);
  field.writeUInt32BE(Math.floor(clock / 2), 2);
  field[6] = ((clock % 2) << 7) | 0x7e;
  return field;
}

function ticks(timeNs: number): number {
  const time = Math.round((timeNs * 9) / 100_000) + LEAD_TICKS;
  return ((time % TIME_RANGE) + TIME_RANGE) % TIME_RANGE;
}

function pesHeader(pts: number, dts: number): Uint8Array {
  const header = Buffer.from([0, 0, 1, VIDEO_STREAM_ID, 0, 0, 0x84, 0xc0, 10]);
  return Buffer.concat([header, timeField(3, pts), timeField(1, dts)]);
}

/** 4 bits mark | 3 bits | 1 | 15 bits | 1 | 15 bits | 1 */
function timeField(mark: number, time: number): Uint8Array {
  const high = Math.floor(time / 2 ** 30);
  const middle = Math.floor(time / 2 ** 15) & 0x7fff;
  const low = time % 2 ** 15;
  return Buffer.from([
    (mark << 4) | (high << 1) | 1,
    middle >> 7,
    ((middle & 0x7f) << 1) | 1,
    low >> 7,
    ((low & 0x7f) << 1) | 1,
  ]);
}

/** Programme association: programme 1 is described at {@link PROGRAMME_PID}. */
function association(): Uint8Array {
  return withSum([0x00, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xe0 | (PROGRAMME_PID >> 8), 0]);
}

/** Programme map: pictures, which carry the clock as well, and sound. */
function programme(type: number, version: number, sound: SoundFraming | undefined): Uint8Array {
  const streams = [streamEntry(type, VIDEO_PID, [])];
  if (sound !== undefined) {
    streams.push(streamEntry(sound.streamType, SOUND_PID, sound.descriptors));
  }
  const clock = [0xe0 | (VIDEO_PID >> 8), VIDEO_PID & 0xff];
  const body = [0, 1, 0xc1 | (version << 1), 0, 0, ...clock, 0xf0, 0, ...streams.flat()];
  return withSum([0x02, 0xb0, body.length + 4, ...body]);
}

function streamEntry(type: number, pid: number, descriptors: readonly number[]): number[] {
  return [type, 0xe0 | (pid >> 8), pid & 0xff, 0xf0, descriptors.length, ...descriptors];
}

/** With its CRC, which starts at ones: the same as one from 0 over bytes of which the first four are inverted. */
function withSum(bytes: readonly number[]): Uint8Array {
  const inverted = bytes.map((byte, index) => (index < 4 ? byte ^ 0xff : byte));
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(Uint8Array.from(inverted)));
  return Buffer.concat([Buffer.from(bytes), sum]);
}

function hasDelimiter(codec: TsCodec, bytes: Uint8Array): boolean {
  const at = bytes[2] === 1 ? 3 : 4;
  const type = bytes[at] ?? 0;
  return codec === 'h264' ? (type & 0x1f) === 9 : ((type >> 1) & 0x3f) === 35;
}
