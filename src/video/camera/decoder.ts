/** What decodes the pictures of one look, and gives its frames to the output. */
import type { SluiceError } from '../../core/index.js';
import type { CodedPicture } from './coded-picture.js';

export interface Decoder {
  /** 'ffmpeg' or 'nvdec'. */
  readonly name: string;
  /** Of the process that decodes; undefined when it is this one. */
  readonly pid: number | undefined;
  /** The first is a key frame. `alone`: nothing that depends on it follows, so it must come out at once. */
  decode(picture: CodedPicture, alone: boolean): void;
  /** It is so far behind that no more should be given to it now. */
  readonly isFull: boolean;
  /** Resolves when it is no longer full, or has failed. */
  whenReady(): Promise<void>;
  /** Why it gives nothing any more. */
  readonly failure: SluiceError | undefined;
  /** Publishes what it has still to give, and ends. */
  finish(): Promise<void>;
  /** Ends at once. */
  close(): Promise<void>;
  /** Milliseconds from a picture's going in to its frame's coming out, over the last ones; undefined before any. */
  readonly delayMs: number | undefined;
}

/** A mean over about the last 16 values. */
export class MovingMean {
  #mean: number | undefined;

  add(value: number): void {
    this.#mean = this.#mean === undefined ? value : this.#mean + (value - this.#mean) / 16;
  }

  get value(): number | undefined {
    return this.#mean;
  }
}
