/** Which frames go on where fewer are wanted than come, and how many a second there are. */
import { rateOfInterval, rationalRate } from '../container/frame-rate.js';
import type { Rational } from '../ffmpeg/rational.js';

/**
 * Frames are taken by their presentation times, not by when they come: of those that fall into the same interval of the
 * wanted rate the first. So the rate is right on average, jitter below half an interval loses nothing, and no clock is
 * asked.
 */
export class FramePace {
  readonly #framesPerSecond: number | undefined;
  #rate: Rational | undefined;
  #lastPtsNs = Number.NaN;
  #anchorNs = 0;
  #lastIndex = -1;

  /** Undefined: all frames are taken. */
  constructor(framesPerSecond: number | undefined) {
    this.#framesPerSecond = framesPerSecond;
    if (framesPerSecond !== undefined) this.#rate = rationalRate(framesPerSecond);
  }

  /** As wanted, else as the times of the first two frames say. */
  get rate(): Rational | undefined {
    return this.#rate;
  }

  /** Takes `rate` for the rate where none is known. */
  settle(rate: Rational): void {
    this.#rate ??= rate;
  }

  /** Reading begins anew, perhaps with the frame that was taken last. */
  restart(): void {
    this.#lastPtsNs = Number.NaN;
  }

  takes(ptsNs: number): boolean {
    const sinceLastNs = ptsNs - this.#lastPtsNs;
    this.#lastPtsNs = ptsNs;
    if (this.#framesPerSecond === undefined) {
      if (sinceLastNs > 0) this.#rate ??= rateOfInterval(sinceLastNs);
      return true;
    }
    // Times that run backwards, or the first one: what was taken before says nothing about them.
    if (!(sinceLastNs >= 0)) {
      this.#anchorNs = ptsNs;
      this.#lastIndex = -1;
    }
    const index = Math.round(((ptsNs - this.#anchorNs) / 1e9) * this.#framesPerSecond);
    if (index <= this.#lastIndex) return false;
    this.#lastIndex = index;
    return true;
  }
}
