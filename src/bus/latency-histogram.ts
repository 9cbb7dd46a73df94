/**
 * Latencies in logarithmic buckets: percentiles within 5 %, a few hundred bytes, no allocation a sample.
 * Old samples fade: when 8192 are in, all counts are halved, so that percentiles speak of the recent past.
 */
const BUCKETS_PER_OCTAVE = 16;
/** 2^-4 µs = 62.5 ns is the lowest bucket, 2^26 µs = 67 s the highest. */
const LOWEST_EXPONENT = -4;
const BUCKETS = (26 - LOWEST_EXPONENT) * BUCKETS_PER_OCTAVE;
const FADE_AT = 8192;

export interface LatencySummary {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;
  #maxUs = 0;

  record(latencyUs: number): void {
    if (!(latencyUs >= 0)) return;
    if (latencyUs > this.#maxUs) this.#maxUs = latencyUs;
    const exponent = Math.log2(latencyUs) - LOWEST_EXPONENT;
    const bucket = Math.max(0, Math.min(BUCKETS - 1, Math.floor(exponent * BUCKETS_PER_OCTAVE)));
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    if (++this.#total >= FADE_AT) this.#fade();
  }

  /** In µs; 0 before the first sample. */
  summary(): LatencySummary {
    return { p50: this.#percentile(0.5), p99: this.#percentile(0.99), max: this.#maxUs };
  }

  #percentile(part: number): number {
    const rank = this.#total * part;
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket] ?? 0;
      if (seen < rank || seen === 0) continue;
      const middle = 2 ** ((bucket + 0.5) / BUCKETS_PER_OCTAVE + LOWEST_EXPONENT);
      return Math.min(middle, this.#maxUs);
    }
    return 0;
  }

  #fade(): void {
    this.#total = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const half = Math.floor((this.#counts[bucket] ?? 0) / 2);
      this.#counts[bucket] = half;
      this.#total += half;
    }
  }
}
