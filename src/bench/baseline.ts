/** A run kept for later, and what has become worse since. */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Measurement, median } from './measurement.js';
import { type BenchReport, formatValue, isSluice } from './report.js';

/** Smaller changes are not worth a name, however steady the samples are. */
const SMALLEST_CHANGE = 0.05;

export interface Regression {
  readonly suite: string;
  readonly task: string;
  readonly subject: string;
  readonly unit: string;
  /** Medians. */
  readonly before: number;
  readonly after: number;
  /** The larger of both interquartile ranges, in the unit. */
  readonly spread: number;
  /** How much worse, in percent of before; Infinity when before was 0. */
  readonly worsePercent: number;
}

export function saveBaseline(path: string, report: BenchReport): void {
  writeFileSync(path, `${JSON.stringify(report, undefined, 2)}\n`);
}

/** Throws `RangeError` for a file that cannot be read or is no report. */
export function loadBaseline(path: string): BenchReport {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new RangeError(
      `cannot read a baseline from ${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const measurements = (value as { measurements?: unknown } | null)?.measurements;
  if (!Array.isArray(measurements) || !measurements.every(isMeasurement)) {
    throw new RangeError(`${path} is no report of sluice bench --save-baseline`);
  }
  return value as BenchReport;
}

function isMeasurement(value: unknown): value is Measurement {
  if (typeof value !== 'object' || value === null) return false;
  const { suite, task, subject, samples } = value as Record<string, unknown>;
  return (
    [suite, task, subject].every((text) => typeof text === 'string') &&
    Array.isArray(samples) &&
    samples.every((sample) => typeof sample === 'number')
  );
}

/** The distance between the first and the third quartile, interpolated; 0 for fewer than two samples. */
export function interquartileRange(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted.length < 2 ? 0 : quantile(sorted, 0.75) - quantile(sorted, 0.25);
}

/** `sorted` ascending and not empty; linear between neighbours. */
export function quantile(sorted: readonly number[], share: number): number {
  const position = (sorted.length - 1) * share;
  const low = Math.floor(position);
  const first = sorted[low] ?? Number.NaN;
  const second = sorted[Math.min(low + 1, sorted.length - 1)] ?? first;
  return first + (second - first) * (position - low);
}

/** What Sluice does worse than in the baseline, by more than the spread of both and by more than 5 %. */
export function findRegressions(
  now: readonly Measurement[],
  baseline: readonly Measurement[],
): readonly Regression[] {
  return now.filter(isSluice).flatMap((measurement) => {
    const { suite, task, subject, unit, better, samples } = measurement;
    const former = baseline.find(
      (entry) => entry.suite === suite && entry.task === task && entry.subject === subject,
    );
    if (former === undefined || former.samples.length === 0 || samples.length === 0) return [];
    const before = median(former.samples);
    const after = median(samples);
    const worse = better === 'lower' ? after - before : before - after;
    const spread = Math.max(interquartileRange(samples), interquartileRange(former.samples));
    if (!(worse > spread && worse > SMALLEST_CHANGE * Math.abs(before))) return [];
    const worsePercent = (100 * worse) / Math.abs(before);
    return [{ suite, task, subject, unit, before, after, spread, worsePercent }];
  });
}

export function regressionText(regression: Regression): string {
  const { suite, task, subject, unit, before, after, spread, worsePercent } = regression;
  const percent = Number.isFinite(worsePercent) ? `${worsePercent.toFixed(0)} % worse` : 'worse';
  return (
    `${suite}: ${task}, ${subject}: ${formatValue(before)} → ${formatValue(after)} ${unit}, ` +
    `${percent} (spread ${formatValue(spread)})`
  );
}
