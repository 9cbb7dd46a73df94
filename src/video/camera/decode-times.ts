/** Decode times, which NUT does not carry: pictures come in the order of decoding, with the times of presentation. */

/** H.264 and HEVC hold back 16 pictures at most. */
const MAX_DELAY = 16;

/**
 * With `delay` pictures of reordering, the decode time of a picture is the smallest presentation time among it and the
 * `delay` before it that no picture has had: they increase, and none is beyond its presentation time.
 */
export class DecodeTimes {
  readonly #delay: number;
  readonly #waiting: number[] = [];
  #last = Number.NEGATIVE_INFINITY;
  #first: number | undefined;
  #count = 0;

  constructor(delay: number) {
    this.#delay = Math.min(delay, MAX_DELAY);
  }

  /** All in one unit; returns the decode time of the picture whose presentation time is given. */
  next(pts: number): number {
    this.#first ??= pts;
    this.#count += 1;
    const waiting = this.#waiting;
    let at = waiting.length;
    while (at > 0 && (waiting[at - 1] as number) > pts) at -= 1;
    waiting.splice(at, 0, pts);
    // The first pictures are decoded before any presentation: their times lie before the first, a unit apart.
    const early = this.#count <= this.#delay;
    const dts = early ? this.#first - (this.#delay - this.#count + 1) : (waiting.shift() as number);
    this.#last = Math.min(Math.max(dts, this.#last + 1), Math.max(pts, this.#last + 1));
    return this.#last;
  }
}
