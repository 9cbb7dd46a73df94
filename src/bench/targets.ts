/** Targets judged by the medians of a run. */
import { type Measurement, median, type Target } from './measurement.js';

/** A target with what the run says of it. Plain JSON: null where nothing was measured. */
export interface JudgedTarget extends Target {
  /** The median of the subject. */
  readonly value: number | null;
  /** The bound in the task's unit. */
  readonly boundValue: number | null;
  readonly met: boolean | null;
}

export function judgeTargets(
  targets: readonly Target[],
  measurements: readonly Measurement[],
): readonly JudgedTarget[] {
  return targets.map((target) => {
    const value = medianOf(target, target.subject, measurements);
    const reference = target.of === undefined ? 1 : medianOf(target, target.of, measurements);
    const boundValue = reference === null ? null : target.bound * reference;
    if (value === null || boundValue === null) return { ...target, value, boundValue, met: null };
    const met = target.better === 'lower' ? value <= boundValue : value >= boundValue;
    return { ...target, value, boundValue, met };
  });
}

function medianOf(
  { suite, task }: Target,
  subject: string,
  measurements: readonly Measurement[],
): number | null {
  const found = measurements.find(
    (entry) => entry.suite === suite && entry.task === task && entry.subject === subject,
  );
  const value = median(found?.samples ?? []);
  return Number.isFinite(value) ? value : null;
}
