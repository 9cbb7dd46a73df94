/** A report for a terminal. */
import { printable } from '../core/index.js';
import { QUIET_LOAD } from './machine.js';
import { type BenchReport, machineText, reportRows, targetValueText, verdictOf } from './report.js';

/** The machine, a table of the measurements, and the targets. */
export function textReport(report: BenchReport): string {
  const lines = [machineText(report), ...warnings(report), ''];
  const rows = reportRows(report.measurements).map(({ measurement, median, range, ratio }) => {
    const { suite, task, subject, note } = measurement;
    return [suite, task, subject, median, range, ratio, printable(note ?? '')];
  });
  const titles = ['suite', 'task', 'subject', 'median', 'min–max', 'to sluice', ''];
  lines.push(...columns([titles, ...rows], [3, 4, 5]));
  if (report.targets.length > 0) lines.push('', 'targets');
  const targets = report.targets.map((target) => [
    verdictOf(target),
    target.suite,
    `${target.task}, ${target.subject}: ${target.text}`,
    targetValueText(target, report.measurements),
  ]);
  lines.push(...columns(targets, []));
  const missed = report.targets.filter(({ met }) => met === false).length;
  if (missed > 0) lines.push('', `${missed} of ${report.targets.length} targets missed`);
  return lines.join('\n');
}

/** What makes the numbers less than they could be. */
export function warnings({ machine, quick }: BenchReport): readonly string[] {
  const load = machine.loadAverageAtStart;
  const found: string[] = [];
  if (load > QUIET_LOAD) {
    found.push(
      `warning: the load average was ${load.toFixed(2)} at the start; other programs share these numbers`,
    );
  }
  if (quick) found.push('warning: a quick run shows that everything runs, not how fast');
  return found;
}

/** Columns two cells apart; `right` are those aligned to the right. */
function columns(rows: readonly (readonly string[])[], right: readonly number[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => (widths[index] = Math.max(widths[index] ?? 0, cell.length)));
  }
  return rows.map((row) =>
    row
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return right.includes(index) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd(),
  );
}
