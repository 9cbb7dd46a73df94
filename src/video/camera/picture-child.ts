/** An ffmpeg that gives raw pictures, each read straight into the slot in which it is published. */
import { SluiceError } from '../../core/index.js';
import { PipeReader } from '../../ffi/index.js';
import {
  type ColorSpace,
  copyToSlot,
  PITCH_ALIGNMENT_BYTES,
  rawByteLength,
  type RowRun,
  rowRuns,
  type VideoFormat,
} from '../../format/index.js';
import {
  type ChildEnd,
  FfmpegChild,
  NutDemuxer,
  type NutFrame,
  type NutSink,
  type NutStream,
  readingFailure,
} from '../ffmpeg/index.js';
import type { CodedPicture } from './coded-picture.js';
import type { FrameOutput, PicturePlace } from './frame-output.js';

/** Headers of raw pictures, syncpoint included, have about 40 bytes; what is read beyond is copied. */
const READ_AHEAD_BYTES = 64;
const GUESSED_MATRICES: readonly string[] = ['bt601', 'bt709'];

export interface PictureEvents {
  /** Which picture this is; undefined: it is passed over. */
  pictureAt(frame: NutFrame): CodedPicture | undefined;
  opened?(stream: NutStream): void;
}

/** How the YUV of pictures that state their matrix becomes that of the format. */
export type MatrixPolicy = 'as it is' | 'converted';

/** By its filter that pads, which counts in whole samples of chroma, the last column or row would be lost. */
function comesTight({ width, height }: Pick<VideoFormat, 'width' | 'height'>): boolean {
  return width % 2 !== 0 || height % 2 !== 0;
}

/**
 * The options of ffmpeg that make its pictures as slots have them: rows padded to the pitch (those of an odd size have
 * their rows moved here), in the range that the format states (left to itself ffmpeg makes all nv12 limited) and by its
 * matrix. Encoder threads would each hold a picture back.
 */
export function pictureArguments(
  format: Pick<VideoFormat, 'width' | 'height' | 'pixelFormat' | 'color'>,
  policy: MatrixPolicy,
): string[] {
  const pixelFormat = format.pixelFormat === 'p010' ? 'p010le' : format.pixelFormat;
  const step = PITCH_ALIGNMENT_BYTES / (format.pixelFormat === 'p010' ? 2 : 1);
  const isPadded = format.width % step !== 0 && !comesTight(format);
  const pad = isPadded ? `,pad=ceil(iw/${step})*${step}` : '';
  const range = format.color?.range ?? 'limited';
  const scale = `scale=out_range=${range}${matrixWords(format.color, policy)}`;
  return [
    ...['-map', '0:v:0', '-vf', `${scale},format=${pixelFormat}${pad}`, '-fps_mode', 'passthrough'],
    ...['-enc_time_base', '-1', '-threads', '1', '-c:v', 'rawvideo', '-pix_fmt', pixelFormat],
    ...['-flush_packets', '1', '-f', 'nut', 'pipe:1'],
  ];
}

/** A guess is made true for RGB, which ffmpeg would make BT.601 of at any size. What is stated needs no words. */
function matrixWords(color: ColorSpace | undefined, policy: MatrixPolicy): string {
  if (color?.guessed !== true || !GUESSED_MATRICES.includes(color.matrix)) return '';
  const out = `:out_color_matrix=${color.matrix}`;
  return policy === 'converted' ? out : `:in_color_matrix=${color.matrix}${out}`;
}

/** A picture without padding, before its rows are moved to where the slot has them. */
interface TightPicture {
  readonly bytes: Uint8Array;
  readonly runs: readonly RowRun[];
}

export class PictureChild implements NutSink {
  readonly child: FfmpegChild;
  /** When all it had to give was published, or it has failed. Never rejects. */
  readonly ended: Promise<ChildEnd>;
  /** Pictures published or dropped. */
  pictures = 0;
  /** What broke the reading. */
  failure: SluiceError | undefined;
  readonly #reader: PipeReader;
  readonly #demuxer: NutDemuxer;
  readonly #output: FrameOutput;
  readonly #events: PictureEvents;
  #picture: CodedPicture | undefined;
  #place: PicturePlace | undefined;
  #tight: TightPicture | undefined;
  #closed = false;

  constructor(
    args: readonly string[],
    secrets: readonly string[],
    output: FrameOutput,
    events: PictureEvents,
  ) {
    this.#output = output;
    this.#events = events;
    this.child = new FfmpegChild({ args, secrets });
    this.#demuxer = new NutDemuxer(this, READ_AHEAD_BYTES);
    this.#reader = new PipeReader(this.child.output, this.#demuxer, { gathers: !output.waits });
    this.ended = this.#follow();
  }

  streams(streams: readonly NutStream[]): void {
    if (streams[0] !== undefined) this.#events.opened?.(streams[0]);
  }

  frame(frame: NutFrame): Uint8Array | undefined | 'later' {
    const picture = this.#closed ? undefined : this.#events.pictureAt(frame);
    if (picture === undefined) return undefined;
    this.#picture = picture;
    const place = this.#output.place();
    if (!(place instanceof Promise)) return this.#into(place, frame);
    void place.then(
      (found) => this.#reader.proceed(() => this.#demuxer.supply(this.#into(found, frame))),
      (error: unknown) => this.#reader.fail(error),
    );
    return 'later';
  }

  whole(): void {
    const [place, picture] = [this.#place, this.#picture];
    this.#place = undefined;
    this.pictures += 1;
    if (place === undefined || picture === undefined) return;
    if (this.#closed) {
      place.giveBack();
      return;
    }
    if (this.#tight !== undefined) copyToSlot(this.#tight.runs, this.#tight.bytes, place.bytes);
    place.publish(picture);
  }

  /** Nothing more goes in: resolves when all it had to give was published, or when it is stuck. */
  async finish(): Promise<ChildEnd> {
    // A reader who has every slot holds it up, and may do so for as long as it likes.
    await this.child.finish(() => (this.#demuxer.waits ? undefined : this.pictures));
    const end = await this.ended;
    await this.#output.settled();
    return end;
  }

  /** Stops it at once; a picture that is not whole is not published. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.child.stop();
    this.#reader.close();
    await this.ended;
  }

  #into(place: PicturePlace | undefined, { byteLength }: NutFrame): Uint8Array | undefined {
    if (place === undefined || this.#closed) {
      place?.giveBack();
      this.pictures += 1;
      return undefined;
    }
    const tight = this.#tightPicture();
    const needed = tight?.bytes.byteLength ?? this.#output.frameBytes;
    if (byteLength !== needed) {
      place.giveBack();
      throw new SluiceError(
        'CAMERA_FORMAT',
        `ffmpeg gave a picture of ${byteLength} bytes, a frame of this format has ${needed}`,
      );
    }
    this.#place = place;
    return tight?.bytes ?? place.bytes.subarray(0, byteLength);
  }

  /** A child has pictures of one format. */
  #tightPicture(): TightPicture | undefined {
    const { format } = this.#output;
    if (this.#tight !== undefined || format === undefined || !comesTight(format))
      return this.#tight;
    const bytes = new Uint8Array(rawByteLength(format));
    this.#tight = { bytes, runs: rowRuns(format) };
    return this.#tight;
  }

  async #follow(): Promise<ChildEnd> {
    await this.#reader.ended.catch((error: unknown) => (this.failure = readingFailure(error)));
    if (this.failure !== undefined) await this.child.stop();
    const end = await this.child.ended;
    this.#place?.giveBack();
    this.#place = undefined;
    return end;
  }
}
