/** `sluice pub --format y4m`: lines of text and raw pictures in turn. */
import type { VideoFormat } from '../../format/index.js';
import {
  MAX_Y4M_LINE_BYTES,
  parseY4mHeader,
  Y4M_FRAME,
  y4mError,
} from '../../video/container/y4m.js';
import type { PictureSink } from './picture-input.js';
import type { PictureSender } from './send-pictures.js';

const LINE_FEED = 0x0a;

export class Y4mInput implements PictureSink {
  /** As many pictures were sent as were wanted. */
  readonly enough = new AbortController();
  sender: PictureSender | undefined;
  readonly #open: (format: VideoFormat) => Promise<PictureSender>;
  readonly #line = new Uint8Array(MAX_Y4M_LINE_BYTES);
  #lineBytes = 0;
  /** Bytes of the line that are asked for at once. */
  #wanted = 1;
  #inPicture = false;
  #pictures = 0;
  /** From one picture to the next; undefined: the stream does not say. */
  #intervalNs: number | undefined;

  constructor(open: (format: VideoFormat) => Promise<PictureSender>) {
    this.#open = open;
  }

  next(): Uint8Array {
    if (this.#inPicture) return (this.sender as PictureSender).next();
    return this.#line.subarray(this.#lineBytes, this.#lineBytes + this.#wanted);
  }

  async whole(): Promise<void> {
    if (this.#inPicture) return this.#endPicture();
    this.#lineBytes += this.#wanted;
    this.#wanted = 1;
    if (this.#line[this.#lineBytes - 1] !== LINE_FEED) {
      if (this.#lineBytes === MAX_Y4M_LINE_BYTES) throw y4mError('a line without an end');
      return;
    }
    const line = Buffer.from(this.#line.subarray(0, this.#lineBytes - 1)).toString('latin1');
    this.#lineBytes = 0;
    if (this.sender === undefined) return this.#begin(line);
    if (line !== 'FRAME' && !line.startsWith('FRAME ')) {
      throw y4mError(`picture ${this.#pictures + 1} does not begin with FRAME`);
    }
    this.#inPicture = true;
  }

  /** `leftBytes`: of what was asked for last, and came before the end. What is wrong with the end, if anything. */
  end(leftBytes: number): string | undefined {
    if (this.sender === undefined) throw y4mError('it ends before its header does');
    if (!this.#inPicture) return undefined;
    const { pictureBytes } = this.sender;
    return `the input ended within a picture: ${leftBytes} of ${pictureBytes} bytes were left out`;
  }

  async #begin(line: string): Promise<void> {
    const { format, rate } = parseY4mHeader(line);
    if (rate !== undefined) this.#intervalNs = (rate.denominator * 1e9) / rate.numerator;
    this.sender = await this.#open(format);
    this.sender.signal.addEventListener('abort', () => this.enough.abort(), { once: true });
    this.#wanted = Y4M_FRAME.byteLength;
  }

  async #endPicture(): Promise<void> {
    const sender = this.sender as PictureSender;
    const ptsNs =
      this.#intervalNs === undefined ? undefined : Math.round(this.#pictures * this.#intervalNs);
    this.#pictures += 1;
    await sender.whole(ptsNs);
    this.#inPicture = false;
    this.#wanted = Y4M_FRAME.byteLength;
  }
}
