/** What a subscriber counts over all its sessions, and how its publisher gets to see it. */
import { PageStatistic } from '../../layout/index.js';
import type { SubscriberStats } from '../endpoint.js';
import { LatencyHistogram } from '../latency-histogram.js';

/** Percentiles are worked out again after this many samples. */
const SUMMARY_EVERY = 32;

export class SubscriberCounters {
  received = 0;
  skipped = 0;
  lost = 0;
  bytesInPlace = 0;
  bytesCopied = 0;
  lastSequence = 0;
  lastPtsNs = 0;
  readonly #latency = new LatencyHistogram();
  #untilSummary = 1;

  recordLatency(latencyUs: number, page: Float64Array): void {
    this.#latency.record(latencyUs);
    if (--this.#untilSummary > 0) return;
    this.#untilSummary = SUMMARY_EVERY;
    const { p50, p99, max } = this.#latency.summary();
    page[PageStatistic.latencyP50Us] = p50;
    page[PageStatistic.latencyP99Us] = p99;
    page[PageStatistic.latencyMaxUs] = max;
  }

  /** Plain stores: the publisher shows these and decides nothing by them. */
  show(page: Float64Array, reconnects: number): void {
    page[PageStatistic.received] = this.received;
    page[PageStatistic.skipped] = this.skipped;
    page[PageStatistic.lost] = this.lost;
    page[PageStatistic.bytesInPlace] = this.bytesInPlace;
    page[PageStatistic.bytesCopied] = this.bytesCopied;
    page[PageStatistic.lastSequence] = this.lastSequence;
    page[PageStatistic.reconnects] = reconnects;
  }

  snapshot(reconnects: number, lag: number, held: number): SubscriberStats {
    const { received, skipped, lost, bytesInPlace, bytesCopied, lastSequence, lastPtsNs } = this;
    return Object.freeze({
      received,
      skipped,
      lost,
      reconnects,
      lag,
      held,
      lastSequence,
      lastPtsNs,
      bytesInPlace,
      bytesCopied,
      latencyUs: Object.freeze({ ...this.#latency.summary() }),
    });
  }
}
