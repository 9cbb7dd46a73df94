/** A report as one HTML file that loads nothing: tables, and the samples drawn as strips with their quartiles. */
import { quantile } from './baseline.js';
import type { Measurement } from './measurement.js';
import {
  type BenchReport,
  formatValue,
  isSluice,
  machineText,
  reportRows,
  targetValueText,
  verdictOf,
} from './report.js';
import { warnings } from './text-report.js';

const STYLE = `
:root {
  color-scheme: light dark;
  --ink: #1c2330; --dim: #667; --paper: #fff; --line: #d5d9e2;
  --own: #0a7d5a; --other: #8a63c9; --bad: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e7eaf0; --dim: #99a; --paper: #14171d; --line: #343a46;
    --own: #43d6a4; --other: #b79cf0; --bad: #ff8a80;
  }
}
body {
  font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
}
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td {
  text-align: left; vertical-align: top;
  padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line);
}
th { color: var(--dim); font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.note, .dim { color: var(--dim); }
.missed, .warning { color: var(--bad); }
.met { color: var(--own); }
svg { display: block; width: 100%; height: auto; margin: .5rem 0 1.5rem; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .axis { fill: var(--dim); }
svg .rule { stroke: var(--line); }
.own { fill: var(--own); stroke: var(--own); }
.other { fill: var(--other); stroke: var(--other); }
.box { fill-opacity: .2; }
.dot { fill-opacity: .6; stroke: none; }
`;

/** Text for an element or a quoted attribute. Characters that XML cannot hold are replaced. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/g, '\ufffd');
}

export function htmlReport(report: BenchReport): string {
  const suites = [...new Set(report.measurements.map(({ suite }) => suite))];
  const alerts = warnings(report).map((line) => `<p class="warning">${escapeHtml(line)}</p>`);
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head><meta charset="utf-8"/><meta name="viewport" content="width=device-width"/>',
    `<title>Sluice benchmarks</title><style>${STYLE}</style></head>`,
    '<body>',
    '<h1>Sluice benchmarks</h1>',
    `<p>${escapeHtml(machineText(report))}</p>`,
    `<p class="dim">${escapeHtml(report.startedAt)}, ${report.seconds.toFixed(0)} s, ${report.rounds} rounds</p>`,
    ...alerts,
    targetTable(report),
    ...suites.map((suite) => suiteSection(suite, report.measurements)),
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

function table(titles: readonly string[], rows: readonly string[]): string {
  const heads = titles.map((title) => `<th>${title}</th>`).join('');
  return `<table><thead><tr>${heads}</tr></thead><tbody>\n${rows.join('\n')}\n</tbody></table>`;
}

function targetTable({ targets, measurements }: BenchReport): string {
  if (targets.length === 0) return '';
  const rows = targets.map((target) => {
    const verdict = verdictOf(target);
    const kind = target.met === null ? 'dim' : verdict;
    return (
      `<tr><td class="${kind}">${verdict}</td><td>${escapeHtml(target.suite)}</td>` +
      `<td>${escapeHtml(`${target.task}, ${target.subject}`)}</td><td>${escapeHtml(target.text)}</td>` +
      `<td class="number">${escapeHtml(targetValueText(target, measurements))}</td></tr>`
    );
  });
  return `<h2>Targets</h2>\n${table(['', 'suite', 'what', 'target', 'measured'], rows)}`;
}

function suiteSection(suite: string, all: readonly Measurement[]): string {
  const own = all.filter((measurement) => measurement.suite === suite);
  const rows = reportRows(own).map(({ measurement, median, range, ratio }) => {
    const { task, subject, note } = measurement;
    const remark = note === undefined ? '' : `<br/><span class="note">${escapeHtml(note)}</span>`;
    const numbers = [median, range, ratio]
      .map((cell) => `<td class="number">${escapeHtml(cell)}</td>`)
      .join('');
    return `<tr><td>${escapeHtml(task)}</td><td>${escapeHtml(subject)}${remark}</td>${numbers}</tr>`;
  });
  const titles = ['task', 'subject', 'median', 'min–max', 'to sluice'];
  const tasks = [...new Set(own.map(({ task }) => task))];
  const plots = tasks.map((task) =>
    plot(
      task,
      own.filter((measurement) => measurement.task === task && measurement.samples.length > 0),
    ),
  );
  return `<h2>${escapeHtml(suite)}</h2>\n${table(titles, rows)}\n${plots.join('\n')}`;
}

const WIDTH = 900;
const LEFT = 230;
const ROW = 26;
const TOP = 22;

/** Where a value stands, in pixels; logarithmic where samples are more than 20 times apart. */
function makeScale(values: readonly number[]): { at(value: number): number; isLog: boolean } {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const isLog = low > 0 && high / low > 20;
  const place = isLog ? Math.log : (value: number): number => value;
  const from = isLog ? place(low) : Math.min(0, low);
  const span = place(high) - from || 1;
  const width = WIDTH - LEFT - 20;
  return { at: (value) => LEFT + ((place(value) - from) / span) * width, isLog };
}

/** One line a subject: every sample as a dot, the quartiles as a box, the median as a stroke. */
function plot(task: string, measurements: readonly Measurement[]): string {
  const values = measurements.flatMap(({ samples }) => samples);
  if (values.length === 0) return '';
  const { at, isLog } = makeScale(values);
  const height = TOP + measurements.length * ROW + 18;
  const unit = measurements[0]?.unit ?? '';
  const low = isLog ? Math.min(...values) : Math.min(0, ...values);
  const high = formatValue(Math.max(...values));
  const axisY = TOP + measurements.length * ROW + 13;
  const scaleText = `${unit}${isLog ? ', logarithmic' : ''}`;
  return [
    `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeHtml(task)}">`,
    `<text x="0" y="14">${escapeHtml(task)}</text>`,
    ...measurements.map((measurement, index) => strip(measurement, TOP + index * ROW, at)),
    `<text class="axis" x="${LEFT}" y="${axisY}">${formatValue(low)} ${escapeHtml(scaleText)}</text>`,
    `<text class="axis" x="${WIDTH - 20}" y="${axisY}" text-anchor="end">${high}</text>`,
    '</svg>',
  ].join('\n');
}

function strip(measurement: Measurement, top: number, at: (value: number) => number): string {
  const sorted = [...measurement.samples].sort((a, b) => a - b);
  const kind = isSluice(measurement) ? 'own' : 'other';
  const middle = top + ROW / 2;
  const place = (share: number): number => at(quantile(sorted, share));
  const [q1, q2, q3] = [place(0.25), place(0.5), place(0.75)];
  const boxWidth = Math.max(1, q3 - q1).toFixed(1);
  const dots = sorted.map(
    (value) =>
      `<circle class="dot ${kind}" cx="${at(value).toFixed(1)}" cy="${middle}" r="2.5">` +
      `<title>${value.toPrecision(4)}</title></circle>`,
  );
  return [
    `<text x="12" y="${middle + 4}">${escapeHtml(measurement.subject)}</text>`,
    `<line class="rule" x1="${LEFT}" x2="${WIDTH - 20}" y1="${middle}" y2="${middle}"/>`,
    `<rect class="box ${kind}" x="${q1.toFixed(1)}" y="${top + 5}" width="${boxWidth}" height="${ROW - 10}"/>`,
    `<path class="${kind}" d="M${q2.toFixed(1)} ${top + 3}v${ROW - 6}" stroke-width="2"/>`,
    ...dots,
  ].join('');
}
