/**
 * One line of time over all connections of a camera. An input counts from where it likes, and anew after a loss; the
 * frames of a channel must not run backwards. So the first connection counts as its container does, and a later one
 * goes on where the last one stopped, plus the time that went by.
 */
import { type Rational, toNs } from '../ffmpeg/index.js';

/** The times of the last picture: on the line, and when it arrived. */
interface Mark {
  readonly ptsNs: number;
  readonly captureTimeNs: number;
}

export class Timeline {
  #last: Mark | undefined;
  #offsetNs: number | undefined = 0;

  /** The next picture is the first of a new connection. */
  reconnect(): void {
    if (this.#last !== undefined) this.#offsetNs = undefined;
  }

  /** `pts` counts from the start of the input. */
  place(pts: number, timeBase: Rational, captureTimeNs: number): number {
    const ownNs = toNs(pts, timeBase);
    if (this.#offsetNs === undefined) {
      const { ptsNs, captureTimeNs: before } = this.#last as Mark;
      this.#offsetNs = ptsNs + Math.max(1, captureTimeNs - before) - ownNs;
    }
    const ptsNs = ownNs + this.#offsetNs;
    if (this.#last === undefined || ptsNs > this.#last.ptsNs) this.#last = { ptsNs, captureTimeNs };
    return ptsNs;
  }

  /**
   * Sound of the same input, and when its pictures are decoded: on the line as the times of its pictures are, which say
   * where the connection lies. Undefined before the first picture of a later connection has said so.
   */
  placeBeside(pts: number, timeBase: Rational): number | undefined {
    return this.#offsetNs === undefined ? undefined : toNs(pts, timeBase) + this.#offsetNs;
  }
}
