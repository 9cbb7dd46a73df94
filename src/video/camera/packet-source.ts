/** One connection to an input: an ffmpeg that only takes it apart, and its packets, pictures and sound. */
import { SluiceError } from '../../core/index.js';
import { PipeReader } from '../../ffi/index.js';
import {
  type CameraFailure,
  FfmpegChild,
  NutDemuxer,
  type NutFrame,
  type NutSink,
  type NutStream,
  readFailure,
  readingFailure,
} from '../ffmpeg/index.js';
import { FIRST_PICTURE, FirstPicture, mendTimes, WITHOUT_FIRST } from './first-picture.js';
import type { CameraInput } from './input.js';
import { OFFSET_SECONDS, packetPlace, type SourcePacket, sourcePacket } from './source-packet.js';

/** Packets are small: many are read at once, and copied to memory of their own. */
const READ_AHEAD_BYTES = 1 << 16;
export interface PacketSink {
  /** Before the first packet. */
  opened(video: NutStream, sound: NutStream | undefined): void;
  picture(packet: SourcePacket): void;
  sound(packet: SourcePacket): void;
}

const COPY = [
  ...['-c', 'copy', '-avoid_negative_ts', 'disabled', '-flush_packets', '1', '-f', 'nut'],
];
const LACKS_TIMES = /Negative pts not supported|unknown timestamp/;

export interface SourceOptions {
  readonly sound: boolean;
  /** Pictures without a time get one, and all are held back by one for it: of inputs that turned out to need it. */
  readonly mendsTimes: boolean;
}

/**
 * How the offset is added: behind ffmpeg's own work, and where times are taken as they are half of it before. ffmpeg
 * makes the first ones of decoding up, from 0 on, and a list counts from the first time that is known, so that those of
 * the pictures before that one would lie below 0, and be changed.
 */
function offsetOf({ kind }: CameraInput): {
  readonly before: readonly string[];
  readonly behind: readonly string[];
  /** Where counting begins, in seconds as a filter sees them. */
  readonly startsAt: number;
} {
  const startsAt = kind === 'url' ? OFFSET_SECONDS / 2 : 0;
  return {
    before: startsAt === 0 ? [] : ['-itsoffset', String(startsAt)],
    behind: ['-output_ts_offset', String(OFFSET_SECONDS - startsAt)],
    startsAt,
  };
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
  readonly #first: FirstPicture | undefined;
  #video: NutStream | undefined;
  #sound: NutStream | undefined;
  #holds = 0;
  #bytes: Uint8Array | undefined;

  constructor(channel: string, input: CameraInput, wanted: SourceOptions, sink: PacketSink) {
    this.#sink = sink;
    this.#input = input;
    this.#channel = channel;
    // Not the cover of a file of sound, or that of a film.
    const pictures = ['-map', '0:V:0'];
    const sound = wanted.sound ? ['-map', '0:a:0?'] : [];
    const isApart = input.losesFirstTime && !wanted.mendsTimes;
    const { before, behind, startsAt } = offsetOf(input);
    const copy = [...behind, ...COPY];
    const mend = mendTimes(startsAt);
    const beside = isApart ? [...pictures, ...FIRST_PICTURE, ...mend, ...copy, 'pipe:3'] : [];
    const filter = wanted.mendsTimes ? mend : isApart ? WITHOUT_FIRST : [];
    const all = [...pictures, ...sound, ...filter, ...copy, 'pipe:1'];
    this.#child = new FfmpegChild({
      args: [...before, ...input.args, ...beside, ...all],
      secrets: input.secrets,
      ...(isApart ? { second: 'output' } : {}),
    });
    if (isApart) {
      this.#first = new FirstPicture(this.#child.secondOutput, (packet) => sink.picture(packet));
    }
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
    await this.#first?.close();
    if (broken !== undefined) {
      // Of a file ffmpeg would send the same again.
      const isLasting = !this.#input.isLive && broken.code === 'CAMERA_FORMAT';
      return { error: broken, isLasting };
    }
    const attempt =
      this.#video === undefined
        ? `${this.#channel}: cannot open ${this.#input.shown}`
        : `${this.#channel}: ${this.#input.shown} is lost`;
    if (end.status !== 0 || this.#input.isLive) {
      const failure = readFailure(attempt, end);
      // A file stays as it is: what ffmpeg, unless it was killed, made of it once it would make of it again.
      const isFinal = !this.#input.isLive && end.status !== undefined;
      return isFinal ? { ...failure, isLasting: true } : failure;
    }
    if (this.#video !== undefined) return undefined;
    // A file that was read to its end, in which ffmpeg told no picture from the next.
    const details = { ffmpeg: end.lines };
    const words = `${attempt}: its pictures are damaged, or of another codec than it says`;
    return { error: new SluiceError('CAMERA_FORMAT', words, { details }), isLasting: true };
  }

  streams(streams: readonly NutStream[]): void {
    this.#video = streams.find((stream) => stream.class === 'video');
    this.#sound = streams.find((stream) => stream.class === 'audio');
    if (this.#video !== undefined) this.#sink.opened(this.#video, this.#sound);
  }

  frame(frame: NutFrame): Uint8Array | undefined {
    if (frame.stream !== this.#video && frame.stream !== this.#sound) return undefined;
    this.#bytes = packetPlace(frame);
    return this.#bytes;
  }

  whole(frame: NutFrame): void {
    const packet = sourcePacket(frame, this.#bytes as Uint8Array);
    if (frame.stream === this.#sound) this.#sink.sound(packet);
    else if (this.#first === undefined) this.#sink.picture(packet);
    else this.#first.take(packet);
  }
}
