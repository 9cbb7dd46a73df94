/** One connection to an input: an ffmpeg that only takes it apart, and its packets, pictures and sound. */
import type { SluiceError } from '../../core/index.js';
import { monotonicNs, PipeReader } from '../../ffi/index.js';
import {
  type CameraFailure,
  FfmpegChild,
  NutDemuxer,
  type NutFrame,
  type NutSink,
  type NutStream,
  readFailure,
  readingFailure,
  rescale,
} from '../ffmpeg/index.js';
import type { CameraInput } from './input.js';

/** Packets are small: many are read at once, and copied to memory of their own. */
const READ_AHEAD_BYTES = 1 << 16;
/** Added to all times, since NUT has none below 0, and taken away again. */
const OFFSET_SECONDS = 100;
const SECONDS = Object.freeze({ numerator: 1, denominator: 1 });
/** Larger than any picture that a ring of packets could take. */
const MAX_PACKET_BYTES = 64 << 20;

export interface SourcePacket {
  readonly bytes: Uint8Array;
  readonly keyFrame: boolean;
  /** As read, never below 0. */
  readonly rawPts: number;
  /** From the start of the input. */
  readonly pts: number;
  readonly captureTimeNs: number;
}

export interface PacketSink {
  /** Before the first packet. */
  opened(video: NutStream, sound: NutStream | undefined): void;
  picture(packet: SourcePacket): void;
  sound(packet: SourcePacket): void;
}

const OUTPUT = [
  ...['-c', 'copy', '-avoid_negative_ts', 'disabled', '-output_ts_offset', String(OFFSET_SECONDS)],
  ...['-flush_packets', '1', '-f', 'nut', 'pipe:1'],
];

/**
 * RTSP often leaves the first picture without a time, and with reordered pictures ffmpeg then knows none for it. This
 * filter gives it one, and holds each picture back by one to do so: for inputs that turn out to need it.
 */
const MEND_TIMES = [
  '-bsf:v',
  String.raw`setts=pts=if(eq(PTS\,NOPTS)\,if(N\,PREV_OUTPTS+1\,0)\,PTS)`,
];
const LACKS_TIMES = /Negative pts not supported|unknown timestamp/;

export interface SourceOptions {
  readonly sound: boolean;
  readonly mendsTimes: boolean;
}

/** Whether an input failed for pictures without a time. */
export function lacksTimes({ error }: CameraFailure): boolean {
  const lines = error.details['ffmpeg'];
  return Array.isArray(lines) && lines.some((line) => LACKS_TIMES.test(String(line)));
}

export class PacketSource implements NutSink {
  /** Why it ended; undefined at the end of a file. Never rejects. */
  readonly ended: Promise<CameraFailure | undefined>;
  readonly #child: FfmpegChild;
  readonly #reader: PipeReader;
  readonly #sink: PacketSink;
  readonly #input: CameraInput;
  readonly #channel: string;
  #video: NutStream | undefined;
  #sound: NutStream | undefined;
  #holds = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(channel: string, input: CameraInput, wanted: SourceOptions, sink: PacketSink) {
    this.#sink = sink;
    this.#input = input;
    this.#channel = channel;
    const sound = wanted.sound ? ['-map', '0:a:0?'] : [];
    const mend = wanted.mendsTimes ? MEND_TIMES : [];
    this.#child = new FfmpegChild({
      args: [...input.args, '-map', '0:v:0', ...sound, ...mend, ...OUTPUT],
      secrets: input.secrets,
    });
    this.#child.input.end(input.script ?? '');
    this.#reader = new PipeReader(this.#child.output, new NutDemuxer(this, READ_AHEAD_BYTES));
    this.ended = this.#follow();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** No more packets until as many `release()`, but for those that were read already. */
  hold(): void {
    this.#holds += 1;
    this.#reader.hold();
  }

  release(): void {
    this.#holds -= 1;
    if (this.#holds === 0) this.#reader.release();
  }

  async close(): Promise<void> {
    await this.#child.stop();
    this.#reader.close();
    await this.ended;
  }

  async #follow(): Promise<CameraFailure | undefined> {
    let broken: SluiceError | undefined;
    await this.#reader.ended.catch((error: unknown) => (broken = readingFailure(error)));
    if (broken !== undefined) await this.#child.stop();
    const end = await this.#child.ended;
    if (broken !== undefined) return { error: broken, isLasting: false };
    const attempt =
      this.#video === undefined
        ? `${this.#channel}: cannot open ${this.#input.shown}`
        : `${this.#channel}: ${this.#input.shown} is lost`;
    if (end.status === 0 && !this.#input.isLive && this.#video !== undefined) return undefined;
    return readFailure(attempt, end);
  }

  streams(streams: readonly NutStream[]): void {
    this.#video = streams.find((stream) => stream.class === 'video');
    this.#sound = streams.find((stream) => stream.class === 'audio');
    if (this.#video !== undefined) this.#sink.opened(this.#video, this.#sound);
  }

  frame({ stream, byteLength }: NutFrame): Uint8Array | undefined {
    if (stream !== this.#video && stream !== this.#sound) return undefined;
    if (byteLength > MAX_PACKET_BYTES || byteLength === 0) return undefined;
    // Of its own memory, and not filled with zeros first.
    this.#bytes = Buffer.allocUnsafeSlow(byteLength);
    return this.#bytes;
  }

  whole({ stream, pts, keyFrame }: NutFrame): void {
    const packet: SourcePacket = {
      bytes: this.#bytes,
      keyFrame,
      rawPts: pts,
      pts: pts - rescale(OFFSET_SECONDS, SECONDS, stream.timeBase),
      captureTimeNs: monotonicNs(),
    };
    if (stream === this.#video) this.#sink.picture(packet);
    else this.#sink.sound(packet);
  }
}
