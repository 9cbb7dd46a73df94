/** An ffmpeg that is given raw pictures and gives packets, for pictures of one format. */
import type { Frame } from '../../bus/index.js';
import type { SluiceError } from '../../core/index.js';
import { PipeReader } from '../../ffi/index.js';
import { tightByteLength, type VideoFormat, videoPlanes } from '../../format/index.js';
import {
  FfmpegChild,
  NutDemuxer,
  type NutFrame,
  nutFrameHeader,
  nutHeader,
  type NutStream,
  readingFailure,
  rescale,
} from '../ffmpeg/index.js';
import { AccessUnits, type VideoCodec } from '../packets/index.js';
import { encoderFailure } from './encoder-failure.js';

/** Times go in as microseconds since the first picture. */
const TIME_BASE = Object.freeze({ numerator: 1, denominator: 1_000_000 });
/** How raw pictures are called in NUT, which has no name for p010: it becomes yuv420p10le. */
export const RAW_FOURCC: Readonly<Partial<Record<VideoFormat['pixelFormat'], string>>> = {
  nv12: 'NV12',
  i420: 'I420',
  p010: 'Y3\x0b\x0a',
};
/** Of the 16 of a sample of p010, below its 10. */
const P010_SHIFT_BITS = 6;
/** Pictures that may be on their way to the encoder. */
const MAX_BEHIND = 2;
const READ_AHEAD_BYTES = 1 << 16;

/** What a packet has of the frame that it was made of. */
export interface EncodedFrom {
  readonly ptsNs: number;
  readonly captureTimeNs: number;
  readonly id: bigint;
}

export interface EncodedPacket {
  readonly bytes: Uint8Array;
  readonly keyFrame: boolean;
  readonly from: EncodedFrom;
}

export class EncodingChild {
  readonly format: VideoFormat;
  /** When it has given all its packets. Never rejects. */
  readonly ended: Promise<void>;
  failure: SluiceError | undefined;
  readonly #child: FfmpegChild;
  readonly #reader: PipeReader;
  readonly #underWay = new Map<number, EncodedFrom>();
  /** The time of a frame that is 0 for the encoder. */
  #originNs: number | undefined;
  #lastNs = Number.NEGATIVE_INFINITY;
  #lastUs = -1;
  #packets = 0;
  #ending = false;

  constructor(
    channel: string,
    format: VideoFormat,
    codec: VideoCodec,
    encoder: readonly string[],
    onPacket: (packet: EncodedPacket, units: AccessUnits) => void,
  ) {
    this.format = format;
    this.#child = new FfmpegChild({
      args: [
        ...['-copyts', '-probesize', '32', '-analyzeduration', '1', '-f', 'nut', '-i', 'pipe:0'],
        ...['-map', '0:v:0', '-fps_mode', 'passthrough'],
        ...['-enc_time_base', '-1', ...encoder],
        ...['-flush_packets', '1', '-f', 'nut', 'pipe:1'],
      ],
    });
    let units: AccessUnits | undefined;
    let bytes: Uint8Array = new Uint8Array(0);
    const demuxer = new NutDemuxer(
      {
        streams: ([stream]) => {
          if (stream !== undefined) units = new AccessUnits(codec, stream.extra);
        },
        frame: ({ byteLength }) => (bytes = new Uint8Array(byteLength)),
        whole: (frame) => {
          this.#packets += 1;
          const from = this.#sourceOf(frame);
          const unit = units?.take(bytes, frame.keyFrame);
          if (from !== undefined && unit !== undefined) onPacket({ ...unit, from }, units!);
        },
      },
      READ_AHEAD_BYTES,
    );
    this.#reader = new PipeReader(this.#child.output, demuxer);
    const { width, height } = format;
    const about: Omit<NutStream, 'id'> = {
      ...{
        class: 'video',
        fourcc: Buffer.from(RAW_FOURCC[format.pixelFormat]!),
        timeBase: TIME_BASE,
      },
      ...{ decodeDelay: 0, extra: new Uint8Array(0), width, height, sampleRateHz: 0, channels: 0 },
    };
    this.#child.input.write(nutHeader(about));
    this.ended = this.#follow(channel);
  }

  /** So many pictures wait that another one would only grow old. */
  get isBehind(): boolean {
    return this.#child.input.writableLength > MAX_BEHIND * tightByteLength(this.format);
  }

  /** Copies the picture: the frame can be released afterwards. */
  encode(frame: Frame<VideoFormat>): void {
    const { ptsNs, captureTimeNs, id } = frame;
    // Times that run backwards, as those of a clip that begins again, go on from where they were.
    if (ptsNs < this.#lastNs) this.#originNs = ptsNs - (this.#lastUs + 1) * 1000;
    this.#originNs ??= ptsNs;
    this.#lastNs = ptsNs;
    const us = Math.max(this.#lastUs + 1, Math.round((ptsNs - this.#originNs) / 1000));
    this.#lastUs = us;
    this.#underWay.set(us, { ptsNs, captureTimeNs, id });
    const { input } = this.#child;
    const picture =
      frame.format.pixelFormat === 'p010' ? planarPicture(frame) : tightPicture(frame);
    input.cork();
    input.write(nutFrameHeader(us, true, picture.length));
    input.write(picture);
    input.uncork();
  }

  /** Resolves when what it was given is encoded. */
  async finish(): Promise<void> {
    this.#ending = true;
    await this.#child.finish(() => this.#packets);
    await this.ended;
  }

  async close(): Promise<void> {
    this.#ending = true;
    await this.#child.stop();
    this.#reader.close();
    await this.ended;
  }

  #sourceOf({ stream, pts }: NutFrame): EncodedFrom | undefined {
    const us = rescale(pts, stream.timeBase, TIME_BASE);
    const from = this.#underWay.get(us);
    for (const [earlier] of this.#underWay) {
      if (earlier > us) break;
      this.#underWay.delete(earlier);
    }
    return from;
  }

  async #follow(channel: string): Promise<void> {
    await this.#reader.ended.catch((error: unknown) => (this.failure = readingFailure(error)));
    if (this.failure !== undefined) await this.#child.stop();
    const end = await this.#child.ended;
    this.#reader.close();
    if (this.failure !== undefined) return;
    if (!this.#ending || end.status !== 0) {
      if (this.#ending && end.status === undefined) return;
      this.failure = encoderFailure(`${channel}: cannot encode`, end);
    }
  }
}

/** A picture of p010 with u and v apart, and its bits at the lower end. */
function planarPicture(frame: Frame<VideoFormat>): Uint8Array {
  const picture = new Uint8Array(tightByteLength(frame.format));
  const samples = new Uint16Array(picture.buffer);
  let at = 0;
  for (const [index, { bytes, width, height, pitchBytes }] of frame.planes.entries()) {
    const step = index + 1;
    const all = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
    for (let channel = 0; channel < step; channel += 1) {
      for (let row = 0; row < height; row += 1) {
        let from = (row * pitchBytes) / 2 + channel;
        for (let column = 0; column < width; column += 1, from += step) {
          samples[at] = all[from]! >> P010_SHIFT_BITS;
          at += 1;
        }
      }
    }
  }
  return picture;
}

/** The rows of a picture one behind another. */
function tightPicture(frame: Frame<VideoFormat>): Uint8Array {
  const picture = new Uint8Array(tightByteLength(frame.format));
  const layout = videoPlanes(frame.format);
  let at = 0;
  for (const [index, { bytes }] of frame.planes.entries()) {
    const { rowBytes, pitchBytes, height } = layout[index]!;
    const source = bytes as Uint8Array;
    if (rowBytes === pitchBytes) {
      picture.set(source.subarray(0, rowBytes * height), at);
      at += rowBytes * height;
      continue;
    }
    for (let row = 0; row < height; row += 1) {
      picture.set(source.subarray(row * pitchBytes, row * pitchBytes + rowBytes), at);
      at += rowBytes;
    }
  }
  return picture;
}
