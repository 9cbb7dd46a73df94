/** The result of a run, and the rows in which every kind of report shows it. */
import type { Machine } from './machine.js';
import { type Measurement, median } from './measurement.js';
import type { JudgedTarget } from './targets.js';

/** Plain JSON. */
export interface BenchReport {
  readonly machine: Machine;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly quick: boolean;
  readonly rounds: number;
  readonly measurements: readonly Measurement[];
  readonly targets: readonly JudgedTarget[];
}

/** A measurement as text; empty where there are no samples. */
export interface ReportRow {
  readonly measurement: Measurement;
  readonly median: string;
  readonly range: string;
  /** The median as a multiple of Sluice's in the same task. */
  readonly ratio: string;
}

/** Whether it is Sluice itself, not something that it is compared with. */
export function isSluice({ subject }: Pick<Measurement, 'subject'>): boolean {
  return subject.startsWith('sluice');
}

/** Three significant digits, and no exponent. */
export function formatValue(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size >= 99.95) return value.toFixed(0);
  if (size >= 9.995) return value.toFixed(1);
  if (size >= 0.01) return value.toFixed(size >= 0.9995 ? 2 : 3);
  return value.toFixed(5);
}

export function reportRows(measurements: readonly Measurement[]): readonly ReportRow[] {
  return measurements.map((measurement) => {
    const { samples, unit } = measurement;
    if (samples.length === 0) return { measurement, median: '', range: '', ratio: '' };
    const range = `${formatValue(Math.min(...samples))}–${formatValue(Math.max(...samples))}`;
    return {
      measurement,
      median: `${formatValue(median(samples))} ${unit}`,
      range,
      ratio: ratioToSluice(measurement, measurements),
    };
  });
}

function ratioToSluice(measurement: Measurement, all: readonly Measurement[]): string {
  if (isSluice(measurement)) return '';
  const reference = all.find(
    (other) =>
      isSluice(other) && other.suite === measurement.suite && other.task === measurement.task,
  );
  const ratio = median(measurement.samples) / median(reference?.samples ?? []);
  return Number.isFinite(ratio) ? `${formatValue(ratio)} ×` : '';
}

/** What the numbers were taken on, in one line. */
export function machineText({ machine }: BenchReport): string {
  const { cpu, cores, memoryBytes, kernel, node, gpus, cuda } = machine;
  const memory = `${(memoryBytes / 2 ** 30).toFixed(1)} GiB`;
  const gpu = gpus === undefined ? '' : `; ${gpus.join(' and ')}, CUDA ${cuda}`;
  return `${cpu}, ${cores} cores, ${memory}; ${kernel}; Node ${node}${gpu}`;
}

/** `met`, `missed`, or that it was not measured. */
export function verdictOf({ met }: JudgedTarget): string {
  if (met === null) return 'not measured';
  return met ? 'met' : 'missed';
}

/** `32.1 us, bound 40.0 us`. */
export function targetValueText(
  target: JudgedTarget,
  measurements: readonly Measurement[],
): string {
  const { value, boundValue } = target;
  if (value === null) return '';
  const unit = measurements.find(
    ({ suite, task, subject }) =>
      suite === target.suite && task === target.task && subject === target.subject,
  )?.unit;
  const shown = `${formatValue(value)} ${unit ?? ''}`.trim();
  if (boundValue === null) return shown;
  return `${shown}, bound ${formatValue(boundValue)}`;
}
