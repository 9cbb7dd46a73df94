/** The demo's live table and its final report as text. */
import pc from 'picocolors';
import type { ActorReport, Role } from './actor.js';
import type { DemoReport } from './report.js';

const ROLES: readonly Role[] = ['camera', 'detector', 'statistics', 'recorder'];
const WIDTHS = [12, 9, 8, 10, 9, 8, 8, 6, 6] as const;
const HEADER = [
  'PROCESS',
  'STATE',
  'FRAMES',
  'IN PLACE',
  'COPIED',
  'P50 us',
  'P99 us',
  'LOST',
  'TORN',
];

function row(cells: readonly string[]): string {
  return cells
    .map((cell, i) => (i < 2 ? cell.padEnd(WIDTHS[i] ?? 0) : cell.padStart(WIDTHS[i] ?? 0)))
    .join(' ');
}

/** `123 MB`; decimal units, as disks and networks use them. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

function actorRow(role: Role, report: ActorReport | undefined): string {
  if (report === undefined) return pc.red(row([role, 'killed', '', '', '', '', '', '', '']));
  const reads = role !== 'camera';
  const cells = [
    role,
    report.state,
    String(report.frames),
    formatBytes(report.bytesInPlace),
    reads ? formatBytes(report.bytesCopied) : '-',
    reads ? report.p50Us.toFixed(0) : '-',
    reads ? report.p99Us.toFixed(0) : '-',
    reads ? String(report.lost) : '-',
    reads ? String(report.torn) : '-',
  ];
  const line = row(cells);
  return report.state === 'live' ? line : pc.yellow(line);
}

/** The table at one moment, without cursor movements. */
export function liveTable(
  caption: string,
  reports: ReadonlyMap<Role, ActorReport | undefined>,
  secondsLeft: number,
): string[] {
  const notes = [...reports.values()].flatMap((report) =>
    report ? [`${report.role}: ${report.note}`] : [],
  );
  return [
    pc.bold(`sluice demo   ${Math.ceil(secondsLeft)} s left   ${caption}`),
    '',
    pc.dim(row(HEADER)),
    ...ROLES.filter((role) => reports.has(role)).map((role) => actorRow(role, reports.get(role))),
    '',
    ...notes.map((note) => pc.dim(note)),
  ];
}

/** What remains on the screen at the end. */
export function reportText(report: DemoReport): string[] {
  const { totals } = report;
  const verdict = report.passed ? pc.green('passed') : pc.red('FAILED');
  return [
    pc.bold(`sluice demo: ${verdict} in ${report.seconds.toFixed(1)} s, ${report.source}`),
    `  published      ${totals.published} frames of ${formatBytes(report.frameBytes)} by a camera that was killed once`,
    report.memory === 'host'
      ? `  read in place  ${totals.received} frames, ${formatBytes(totals.bytesInPlace)}; copied ${formatBytes(totals.bytesCopied)}`
      : `  read           ${totals.received} frames of ${report.memory}, ${formatBytes(totals.bytesCopied)} through host memory, as asked`,
    `  torn ${totals.torn}, lost ${totals.lost} (every frame compared with its checksum)`,
    `  latency        p50 ${report.latencyUs.p50.toFixed(0)} us, p99 ${report.latencyUs.p99.toFixed(0)} us from publish to read`,
    `  killed         ${report.killed.join(', ')}; reconnected by themselves ${totals.reconnects} times`,
    `  snapshots      ${report.snapshots} in ${report.snapshotFolder}`,
    ...report.problems.map((problem) => pc.red(`  problem        ${problem}`)),
  ];
}
