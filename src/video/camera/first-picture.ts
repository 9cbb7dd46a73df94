/**
 * The first picture of RTSP, which ffmpeg takes the time from. Its parser finds the time of a picture by the place of
 * its packet in the file; packets of RTP have none, which it takes for -1, and the first one at -1 is never found. NUT
 * has no picture without a time. A filter could give it one, but holds every picture back by one to do so. So the
 * stream goes out without its first picture, and that one, with a time, by a pipe of its own, when the second is there:
 *
 * ```text
 * pipe:3   1 2        with times, two pictures only
 * pipe:1     2 3 4 …  as they come
 * ```
 */
import { PipeReader } from '../../ffi/index.js';
import { NutDemuxer, type NutFrame, type NutSink, type NutStream } from '../ffmpeg/index.js';
import { packetPlace, type SourcePacket, sourcePacket } from './source-packet.js';

/** The pipes are read apart, so the first picture may come a little later than the second; not by so many. */
const MAX_WAITING = 32;

/** A filter that gives a picture without a time one: where counting begins, or that behind the one before. */
export function mendTimes(startSeconds: number): readonly string[] {
  const time = String.raw`if(eq(PTS\,NOPTS)\,if(N\,PREV_OUTPTS+1\,${startSeconds}/TB)\,PTS)`;
  return ['-bsf:v', `setts=pts=${time}`];
}

/** Of the pipe beside, before that filter, which gives a picture when it has the next. */
export const FIRST_PICTURE = ['-frames:v', '2'];

/** Of the stream itself. What has no time later is a failure, as it is of every input. */
export const WITHOUT_FIRST = ['-bsf:v', String.raw`noise=drop=eq(pts\,nopts)*eq(n\,0)`];

export class FirstPicture implements NutSink {
  readonly #deliver: (packet: SourcePacket) => void;
  readonly #reader: PipeReader;
  #bytes: Uint8Array | undefined;
  #first: SourcePacket | undefined;
  /** Pictures that the stream may hold back, to be seen later than those behind them. */
  #decodeDelay = 0;
  /** The stream's own pictures, until the first is there; undefined when it has gone out. */
  #waiting: SourcePacket[] | undefined = [];

  /** Takes the descriptor of the pipe beside over. */
  constructor(descriptor: number | undefined, deliver: (packet: SourcePacket) => void) {
    this.#deliver = deliver;
    this.#reader = new PipeReader(descriptor, new NutDemuxer(this));
    // Without it, for whatever reason, the stream begins with its second picture.
    void this.#reader.ended.catch(() => undefined).then(() => this.#goOn());
  }

  /** Pictures of the stream, in order. */
  take(picture: SourcePacket): void {
    if (this.#waiting === undefined) return this.#deliver(picture);
    this.#waiting.push(picture);
    if (this.#waiting.length >= MAX_WAITING) this.#goOn();
    else this.#goOnWhenKnown();
  }

  streams([stream]: readonly NutStream[]): void {
    this.#decodeDelay = Math.min(stream?.decodeDelay ?? 0, MAX_WAITING - 2);
  }

  frame(frame: NutFrame): Uint8Array | undefined {
    this.#bytes = this.#first === undefined ? packetPlace(frame) : undefined;
    return this.#bytes;
  }

  whole(frame: NutFrame): void {
    if (this.#bytes === undefined) return;
    this.#first = sourcePacket(frame, this.#bytes);
    this.#goOnWhenKnown();
  }

  /** Of an ffmpeg that is gone: reads what is left in its pipe; resolves when all that came has been delivered. */
  async close(): Promise<void> {
    await this.#reader.ended.catch(() => undefined);
    this.#goOn();
  }

  /** When the first is there, and with it those that tell its time. */
  #goOnWhenKnown(): void {
    const count = this.#waiting?.length ?? 0;
    if (this.#first === undefined || count === 0) return;
    if (!this.#isLate || count >= this.#decodeDelay + 2) this.#goOn();
  }

  /** Its time is no earlier than that of the second: it was lost in a list, which counts from the second. */
  get #isLate(): boolean {
    const [first, second] = [this.#first, this.#waiting?.[0]];
    return first !== undefined && second !== undefined && second.rawPts <= first.rawPts;
  }

  #goOn(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const first = this.#isLate ? early(this.#first as SourcePacket, waiting) : this.#first;
    this.#waiting = undefined;
    // An ffmpeg that knew its time gives it in the stream too.
    const isTwice =
      first !== undefined &&
      first.bytes.length === waiting[0]?.bytes.length &&
      Buffer.compare(first.bytes, waiting[0].bytes) === 0;
    if (first !== undefined && !isTwice) this.#deliver(first);
    for (const picture of waiting) this.#deliver(picture);
  }
}

/** The first picture at the time before all others: by as much as the nearest two of them are apart. */
function early(first: SourcePacket, others: readonly SourcePacket[]): SourcePacket {
  const times = others.map(({ rawPts }) => rawPts).toSorted((one, other) => one - other);
  const steps = times.slice(1).map((time, index) => time - (times[index] as number));
  const step = Math.max(1, Math.min(...steps.filter((distance) => distance > 0), first.rawPts));
  const rawPts = (times[0] as number) - step;
  return { ...first, rawPts, pts: first.pts + rawPts - first.rawPts };
}
