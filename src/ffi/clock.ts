/** Time as JavaScript numbers of nanoseconds, read without making objects. */

/** Taken at import, so that a test which fakes the global clock cannot shift shared timestamps. */
const { performance } = globalThis;
const now = performance.now.bind(performance);

const CALIBRATION_ROUNDS = 16;

/**
 * CLOCK_MONOTONIC (clock_gettime(2)) at `performance.now() === 0`, in ns. Both clocks are the same kernel clock, so
 * their distance is constant: the narrowest of several measurements gives it to well below a microsecond.
 */
function measureOriginNs(): number {
  let originNs = 0;
  let narrowestNs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < CALIBRATION_ROUNDS; round += 1) {
    const beforeNs = Number(process.hrtime.bigint());
    const nowNs = now() * 1e6;
    const afterNs = Number(process.hrtime.bigint());
    if (afterNs - beforeNs >= narrowestNs) continue;
    narrowestNs = afterNs - beforeNs;
    originNs = (beforeNs + afterNs) / 2 - nowNs;
  }
  return originNs;
}

const originNs = measureOriginNs();

/** CLOCK_MONOTONIC in ns, comparable between the processes of one machine. Exact up to 104 days of uptime. */
export function monotonicNs(): number {
  return Math.round(originNs + now() * 1e6);
}

/** What to add to {@link monotonicNs} to get the wall clock in ns since 1970 (to about a millisecond). */
export function wallOffsetNs(): number {
  return Date.now() * 1e6 - monotonicNs();
}
