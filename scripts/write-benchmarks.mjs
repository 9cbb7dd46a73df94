/**
 * Writes docs/benchmarks.md: node scripts/write-benchmarks.mjs [report.json]
 * Without a file it runs `sluice bench`; with one it takes what `sluice bench --json` printed. What stands between
 * the marks for notes in the page is written by hand and kept. Build first.
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
const NOTES = /<!-- notes -->[\s\S]*?<!-- \/notes -->/;
const NO_NOTES = '<!-- notes -->\n<!-- /notes -->';

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

function suiteSection(suite, measurements) {
  const own = measurements.filter((measurement) => measurement.suite === suite);
  const rows = reportRows(own).map(({ measurement, median, range, ratio }) => {
    const { task, subject, note } = measurement;
    return [task, subject, median, range, ratio, note ?? ''];
  });
  const titles = ['task', 'subject', 'median', 'min–max', 'to sluice', ''];
  return `## ${suite}\n\n${table(titles, ['---', '---', '--:', '--:', '--:', '---'], rows)}\n`;
}

function targetSection({ targets, measurements }) {
  const rows = targets.map((target) => [
    verdictOf(target),
    target.suite,
    `${target.task}, ${target.subject}`,
    target.text,
    targetValueText(target, measurements),
  ]);
  const titles = ['', 'suite', 'what', 'target', 'measured'];
  return `## Targets\n\n${table(titles, ['---', '---', '---', '---', '--:'], rows)}\n`;
}

function pageOf(report, notes) {
  const { measurements, rounds } = report;
  const suites = [...new Set(measurements.map(({ suite }) => suite))];
  return [
    '# Benchmarks\n',
    `Written by \`npm run bench:docs\`; \`npm run bench\` repeats the measurements on your machine. ` +
      `Medians of ${rounds} rounds in which the subjects take turns, with the smallest and the largest sample; ` +
      `*to sluice* is the median as a multiple of Sluice's in the same task.\n`,
    `Machine: ${machineText(report)}; load average at the start ${report.machine.loadAverageAtStart.toFixed(2)}.\n`,
    ...warnings(report).map((warning) => `**${warning}**\n`),
    `${notes}\n`,
    targetSection(report),
    ...suites.map((suite) => suiteSection(suite, measurements)),
  ].join('\n');
}

const file = process.argv[2];
const report = JSON.parse(file === undefined ? measure() : readFileSync(file, 'utf8'));
const former = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '';
const notes = NOTES.exec(former)?.[0] ?? NO_NOTES;
writeFileSync(PAGE, pageOf(report, notes));
