/** The picture that a tap shows at the moment, and the memory of those that clients still read. */
import type { ReadonlyBytes } from '../../core/index.js';
import type { VideoFormat } from '../../format/index.js';
import type { Frame } from '../../bus/index.js';
import type { PictureFit } from './picture-fit.js';

/** Memory of the tap's own that pictures are made in, used again when no client reads it any more. */
export class PictureMemory {
  readonly #byteLength: number;
  readonly #spare: Uint8Array[] = [];

  constructor(byteLength: number) {
    this.#byteLength = byteLength;
  }

  take(): Uint8Array {
    return this.#spare.pop() ?? new Uint8Array(this.#byteLength);
  }

  giveBack(bytes: Uint8Array): void {
    this.#spare.push(bytes);
  }
}

/**
 * One picture for all clients. In place it is the publisher's slot, which is held for as long as this is the newest picture
 * and no longer; otherwise it is made in memory of the tap, when the first client wants it.
 */
export class ShownPicture {
  /** Counts what the tap shows, repetitions included. */
  number: number;
  ptsNs: number;
  readonly #fit: PictureFit | undefined;
  readonly #memory: PictureMemory;
  #frame: Frame<VideoFormat> | undefined;
  #made: Uint8Array | undefined;
  #readers = 0;
  #superseded = false;

  private constructor(number: number, ptsNs: number, memory: PictureMemory, fit?: PictureFit) {
    this.number = number;
    this.ptsNs = ptsNs;
    this.#memory = memory;
    this.#fit = fit;
  }

  /** Takes the frame over. */
  static of(
    number: number,
    frame: Frame<VideoFormat>,
    fit: PictureFit,
    memory: PictureMemory,
  ): ShownPicture {
    const picture = new ShownPicture(number, frame.ptsNs, memory, fit);
    picture.#frame = frame;
    return picture;
  }

  /** A picture that has been made in bytes of `memory`, which are taken over. */
  static made(
    number: number,
    ptsNs: number,
    bytes: Uint8Array,
    memory: PictureMemory,
  ): ShownPicture {
    const picture = new ShownPicture(number, ptsNs, memory);
    picture.#made = bytes;
    return picture;
  }

  /** Whether {@link bytes} are the publisher's, to be given up when this picture is superseded. */
  get inPlace(): boolean {
    return this.#made === undefined && this.#fit?.inPlace === true;
  }

  /** Without padding, in the tap's format. */
  bytes(): ReadonlyBytes {
    if (this.#made !== undefined) return this.#made;
    const { bytes } = this.#frame as Frame<VideoFormat>;
    const fit = this.#fit as PictureFit;
    if (fit.inPlace) return bytes.subarray(0, fit.byteLength);
    this.#made = this.#memory.take();
    fit.make(bytes, this.#made);
    return this.#made;
  }

  /** A client begins to read the bytes. */
  begin(): void {
    this.#readers += 1;
  }

  /** It has all of them, or has left, or has a copy. */
  finish(): void {
    this.#readers -= 1;
    this.#recycle();
  }

  /** Gives the slot back and stays: the picture is the tap's own from here on. Readers must have detached. */
  keep(): void {
    if (this.#frame === undefined) return;
    if (this.inPlace) {
      const copy = this.#memory.take();
      copy.set(this.bytes() as Uint8Array);
      this.#made = copy;
    } else {
      this.bytes();
    }
    this.#release();
  }

  /** Another picture is shown. Readers of the slot must have detached. */
  supersede(): void {
    this.#superseded = true;
    this.#release();
    this.#recycle();
  }

  #release(): void {
    if (this.#frame?.released === false) this.#frame.release();
    this.#frame = undefined;
  }

  #recycle(): void {
    if (!this.#superseded || this.#readers > 0 || this.#made === undefined) return;
    this.#memory.giveBack(this.#made);
    this.#made = undefined;
  }
}
