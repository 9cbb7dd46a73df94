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
  readonly #fit: PictureFit;
  readonly #memory: PictureMemory;
  #frame: Frame<VideoFormat> | undefined;
  #made: Uint8Array | undefined;
  #readers = 0;
  #superseded = false;

  constructor(number: number, frame: Frame<VideoFormat>, fit: PictureFit, memory: PictureMemory) {
    this.number = number;
    this.ptsNs = frame.ptsNs;
    this.#frame = frame;
    this.#fit = fit;
    this.#memory = memory;
  }

  /** Whether {@link bytes} are the publisher's, to be given up when this picture is superseded. */
  get inPlace(): boolean {
    return this.#made === undefined && this.#fit.inPlace;
  }

  /** Without padding, in the tap's format. */
  bytes(): ReadonlyBytes {
    if (this.#made !== undefined) return this.#made;
    const { bytes } = this.#frame as Frame<VideoFormat>;
    if (this.#fit.inPlace) return bytes.subarray(0, this.#fit.byteLength);
    this.#made = this.#memory.take();
    this.#fit.make(bytes, this.#made);
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
      copy.set(this.#frame.bytes.subarray(0, this.#fit.byteLength) as Uint8Array);
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
