/** `sluice pub --format nut`: raw pictures with exact times, as `ffmpeg -f nut -c:v rawvideo` writes them. */
import { printable, SluiceError } from '../../core/index.js';
import { rawByteLength, video, type VideoFormat } from '../../format/index.js';
import { pixelFormatOfFourcc } from '../../video/container/raw-fourcc.js';
import {
  NutDemuxer,
  NutError,
  type NutFrame,
  type NutStream,
  toNs,
} from '../../video/ffmpeg/index.js';
import type { PictureSink } from './picture-input.js';
import type { PictureSender } from './send-pictures.js';

const REMEDY = 'Let ffmpeg make it: -an -c:v rawvideo -pix_fmt nv12 -f nut.';

/** How the demuxer is fed: it says where bytes go, and what it finds there decides what is to be done before more come. */
export class NutInput implements PictureSink {
  /** As many pictures were sent as were wanted. */
  readonly enough = new AbortController();
  sender: PictureSender | undefined;
  readonly #open: (format: VideoFormat) => Promise<PictureSender>;
  readonly #demuxer: NutDemuxer;
  #asked = 0;
  #format: VideoFormat | undefined;
  #stream: NutStream | undefined;
  #whole: NutFrame | undefined;

  constructor(open: (format: VideoFormat) => Promise<PictureSender>) {
    this.#open = open;
    this.#demuxer = new NutDemuxer({
      streams: (streams) => this.#choose(streams),
      frame: (frame) => {
        if (frame.stream !== this.#stream) return undefined;
        this.#assertSize(frame);
        return 'later';
      },
      whole: (frame) => (this.#whole = frame),
    });
  }

  next(): Uint8Array {
    const target = this.#demuxer.next();
    this.#asked = target.byteLength;
    return target;
  }

  async whole(): Promise<void> {
    await this.#advance(this.#asked);
  }

  end(leftBytes: number): string | undefined {
    this.#attempt(() => this.#demuxer.advance(leftBytes));
    if (this.sender === undefined) throw notNut('it ends before its first picture');
    return this.#demuxer.isBetweenFrames
      ? undefined
      : 'the input ended within a picture, which was left out';
  }

  async #advance(byteLength: number): Promise<void> {
    this.#attempt(() => this.#demuxer.advance(byteLength));
    // One read may end a picture and begin the next, never more: the demuxer asks for data by itself.
    while (this.#whole !== undefined || this.#demuxer.waits) {
      await this.#publish();
      if (!this.#demuxer.waits) continue;
      this.sender ??= await this.#begin(this.#format as VideoFormat);
      const { pictureBytes } = this.sender;
      const target = this.sender.next().subarray(0, pictureBytes);
      this.#attempt(() => this.#demuxer.supply(target));
    }
  }

  async #publish(): Promise<void> {
    const frame = this.#whole;
    this.#whole = undefined;
    if (frame === undefined) return;
    await this.sender?.whole(toNs(frame.pts, frame.stream.timeBase));
  }

  async #begin(format: VideoFormat): Promise<PictureSender> {
    const sender = await this.#open(format);
    sender.signal.addEventListener('abort', () => this.enough.abort(), { once: true });
    return sender;
  }

  #choose(streams: readonly NutStream[]): void {
    const stream = streams.find((candidate) => candidate.class === 'video');
    if (stream === undefined) throw notNut('there are no pictures in it');
    const { width, height, fourcc } = stream;
    const pixelFormat = pixelFormatOfFourcc(fourcc);
    if (pixelFormat === undefined) {
      const name = printable(Buffer.from(fourcc).toString('latin1'));
      throw notNut(`its pictures are ${name}, which no channel carries as it is`);
    }
    if (width < 1 || width > 16384 || height < 1 || height > 16384) {
      throw notNut(`its size is ${width}x${height}, and 1 to 16384 pixels each way are needed`);
    }
    this.#stream = stream;
    this.#format = video({ width, height, pixelFormat });
  }

  #assertSize({ byteLength }: NutFrame): void {
    const needed = rawByteLength(this.#format as VideoFormat);
    if (byteLength === needed) return;
    throw notNut(`a picture has ${byteLength} bytes, and ${needed} are needed`);
  }

  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      throw error instanceof NutError ? notNut(error.message) : error;
    }
  }
}

function notNut(what: string): SluiceError {
  const message = `standard input is no NUT that can be published: ${what}`;
  return new SluiceError('FORMAT_MISMATCH', message, { remedy: REMEDY });
}
