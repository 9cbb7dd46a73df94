/**
 * Writes docs/benchmarks.md: node scripts/write-benchmarks.mjs [report.json…]
 * Without a file it runs `sluice bench`; with some it takes what `sluice bench --json` printed. Suites of
 * GPUs, of the Python client, of cameras, of terminals and of the rest stand in parts of the page of their own; a part that no report is
 * given for stays as it is, and so do the notes, which are written by hand. Build first.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  machineText,
  reportRows,
  targetValueText,
  verdictOf,
  warnings,
} from '../dist/src/bench/index.js';
import { root } from './command.mjs';

const PAGE = join(root, 'docs/benchmarks.md');

function measure() {
  const words = [join(root, 'dist/src/cli/main.js'), 'bench', '--json'];
  const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 26 };
  const { status, stdout } = spawnSync(process.execPath, words, options);
  if (status !== 0) {
    console.error(`sluice bench ended with ${status}`);
    process.exit(1);
  }
  return stdout;
}

/** A row of a Markdown table; a bar would end a cell, angle brackets would be HTML. */
function row(cells) {
  const escaped = cells.map((cell) =>
    cell.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll(/\s+/g, ' '),
  );
  return `| ${escaped.join(' | ')} |`;
}

function table(titles, align, rows) {
  return [row(titles), `|${align.join('|')}|`, ...rows.map(row)].join('\n');
}

function suiteSection(suite, measurements, level) {
  const own = measurements.filter((measurement) => measurement.suite === suite);
  const rows = reportRows(own).map(({ measurement, median, range, ratio }) => {
    const { task, subject, note } = measurement;
    return [task, subject, median, range, ratio, note ?? ''];
  });
  const titles = ['task', 'subject', 'median', 'min–max', 'to sluice', ''];
  return `${'#'.repeat(level)} ${suite}\n\n${table(titles, ['---', '---', '--:', '--:', '--:', '---'], rows)}\n`;
}

function targetSection({ targets, measurements }, level) {
  const rows = targets.map((target) => [
    verdictOf(target),
    target.suite,
    `${target.task}, ${target.subject}`,
    target.text,
    targetValueText(target, measurements),
  ]);
  const titles = ['', 'suite', 'what', 'target', 'measured'];
  return `${'#'.repeat(level)} Targets\n\n${table(titles, ['---', '---', '---', '---', '--:'], rows)}\n`;
}

/** What one report measured, on its machine. */
function reportSections(report, level) {
  const { measurements, rounds, machine } = report;
  const suites = [...new Set(measurements.map(({ suite }) => suite))];
  return [
    `Machine: ${machineText(report)}; load average at the start ${machine.loadAverageAtStart.toFixed(2)}; ${rounds} rounds.\n`,
    ...warnings(report).map((warning) => `**${warning}**\n`),
    targetSection(report, level),
    ...suites.map((suite) => suiteSection(suite, measurements, level)),
  ].join('\n');
}

/** Without what could not be measured there, for want of a second GPU for example. */
function measuredOnly(report) {
  const measurements = report.measurements.filter(({ samples }) => samples.length > 0);
  const targets = report.targets.filter(({ value }) => value !== null && value !== undefined);
  return { ...report, measurements, targets };
}

/** The parts of the page. A suite stands in the first that its name fits. */
const PARTS = [
  { name: 'gpu-python', title: 'PyTorch on a GPU', suites: /^gpu-python/ },
  { name: 'gpu-video', title: 'Pictures and cameras on a GPU', suites: /^gpu-(?:pixels|cameras)$/ },
  { name: 'gpu', title: 'On a GPU', suites: /^gpu-/ },
  { name: 'python', title: 'The Python client', suites: /^python-/ },
  { name: 'video', title: 'Pictures and cameras', suites: /^(?:pixels|taps|video)$/ },
  { name: 'terminal', title: 'Programs in terminals', suites: /^terminal$/ },
  { name: 'processors', title: 'On processors', suites: /^/ },
];

/** What a report says of the suites of one part. */
function reportOf(part, report) {
  const isOwn = ({ suite }) => PARTS.find(({ suites }) => suites.test(suite)) === part;
  const measurements = report.measurements.filter(isOwn);
  return { ...report, measurements, targets: report.targets.filter(isOwn) };
}

/** The part of the page between its marks, as it was. */
function formerPart(page, name) {
  const part = new RegExp(`<!-- ${name} -->[\\s\\S]*?<!-- /${name} -->`).exec(page);
  return part?.[0] ?? `<!-- ${name} -->\n<!-- /${name} -->`;
}

function partOf(name, reports, former, level) {
  if (reports.length === 0) return formerPart(former, name);
  const text = reports.map((report) => reportSections(report, level)).join('\n');
  return `<!-- ${name} -->\n\n${text}\n<!-- /${name} -->`;
}

function pageOf(reports, former) {
  return [
    '# Benchmarks\n',
    'Written by `npm run bench:docs`; `npm run bench` repeats the measurements on your machine, `sluice bench python` those ' +
      'of the Python client, `sluice bench gpu` those of a GPU. Medians of rounds in which the subjects take turns, with ' +
      "the smallest and the largest sample; *to sluice* is the median as a multiple of Sluice's in the same task.\n",
    `${formerPart(former, 'notes')}\n`,
    ...PARTS.flatMap((part) => {
      const own = reports.map((report) => reportOf(part, report));
      const measured = own.filter(({ measurements }) => measurements.length > 0);
      if (measured.length === 0 && !former.includes(`<!-- ${part.name} -->`)) return [];
      return [`## ${part.title}\n\n${partOf(part.name, measured, former, 3)}\n`];
    }),
  ].join('\n');
}

const files = process.argv.slice(2);
const texts = files.length === 0 ? [measure()] : files.map((file) => readFileSync(file, 'utf8'));
const reports = texts.map((text) => measuredOnly(JSON.parse(text)));
const former = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '';
writeFileSync(PAGE, pageOf(reports, former));
