/** Times of packets as a file has them: from its beginning on, and never backwards. */

/** How far apart two packets are put where the times of a channel began anew. */
const STEP_NS = 40_000_000;

export class PacketClock {
  #originNs: number | undefined;
  #lastNs = Number.NEGATIVE_INFINITY;

  /** What is taken off the times of this packet of pictures; those of sound follow it. */
  origin(dtsNs: number): number {
    this.#originNs ??= dtsNs;
    if (dtsNs - this.#originNs <= this.#lastNs) this.#originNs = dtsNs - this.#lastNs - STEP_NS;
    this.#lastNs = dtsNs - this.#originNs;
    return this.#originNs;
  }

  /** That of the pictures so far. Undefined before the first. */
  get currentOriginNs(): number | undefined {
    return this.#originNs;
  }
}
