/** `sluice doctor`: checks this machine and the channels on it, and says what mends what is wrong. */
import type { Command } from 'commander';
import { printable, SluiceError } from '../../core/index.js';
import { cleanDebris, type Debris, findDebris } from '../../bus/directory/debris.js';
import {
  resolveRuntimeDirectory,
  type RuntimeDirectory,
} from '../../bus/directory/runtime-directory.js';
import { reportChannels } from '../channel-reports.js';
import { channelChecks, debrisText } from '../doctor/channel-checks.js';
import { type Check, failed, type Level } from '../doctor/check.js';
import { gpuChecks } from '../doctor/gpu-checks.js';
import type { GpuFacts } from '../doctor/gpu-facts.js';
import { probeGpus } from '../doctor/gpu-probe.js';
import { checkDirectory, machineChecks } from '../doctor/machine-checks.js';
import { pathFacts, type PathFacts, reachChecks } from '../doctor/path-checks.js';
import { describeFailure } from '../failure.js';
import { loadPaint, type Paint } from '../paint.js';
import type { Start } from '../program.js';
import { type CommonOptions, ExitCode, type Run } from '../run.js';
import { safeJson } from '../safe-json.js';
import { displayWidth, pad } from '../table.js';
import { plural } from '../units.js';

interface DoctorOptions extends CommonOptions {
  readonly clean?: boolean;
}

export const EXAMPLES = ['sluice doctor', 'sluice doctor --clean'];

export function configure(command: Command, start: Start): void {
  command
    .option('--clean', 'remove what dead publishers left behind')
    .action((options: DoctorOptions) =>
      start(options, (run) => doctor(run, options.clean === true)),
    );
}

interface Screen {
  readonly checks: readonly Check[];
  readonly debris: readonly Debris[];
  readonly removed: readonly Debris[];
}

interface Findings extends Screen {
  readonly gpu: GpuFacts;
  readonly paths: readonly PathFacts[];
}

async function doctor(run: Run, clean: boolean): Promise<number> {
  const findings = await examine(run, clean);
  const failures = count(findings.checks, 'FAIL');
  if (run.json) {
    const { checks, gpu, paths, debris, removed } = findings;
    const warnings = count(checks, 'warn');
    run.print(safeJson({ checks, failures, warnings, gpu, paths, debris, removed }));
  } else {
    const width = process.stdout.columns || 80;
    for (const line of doctorLines(findings, width, await loadPaint())) run.print(line);
  }
  return failures > 0 ? ExitCode.failed : ExitCode.done;
}

async function examine(run: Run, clean: boolean): Promise<Findings> {
  const probing = probeGpus({ signal: run.signal });
  const machine = machineChecks();
  let directory: RuntimeDirectory;
  try {
    directory = resolveRuntimeDirectory(run.options.dir);
  } catch (error) {
    const gpu = await probing;
    const checks = [failed('directory', error), ...machine, ...gpuChecks(gpu)];
    return { checks, gpu, paths: [], debris: [], removed: [] };
  }
  const problems: Check[] = [];
  const removed: Debris[] = [];
  if (clean) {
    const result = await cleanDebris(directory);
    removed.push(...result.removed);
    for (const { channel, error } of result.failed) problems.push(cleanFailure(channel, error));
  }
  const reports = await reportChannels(directory, '**', (_path, error) => {
    problems.push(failed('manifest', error));
  });
  const debris = await findDebris(directory, (channel, error) => {
    if (!clean) problems.push(cleanFailure(channel, error));
  });
  const gpu = await probing;
  // What was cut short by the end of the run tells nothing of the driver.
  run.signal.throwIfAborted();
  const checks = [
    checkDirectory(directory),
    ...machine,
    ...gpuChecks(gpu),
    ...channelChecks(reports),
    ...reachChecks(reports, gpu),
    ...problems,
  ];
  return { checks, gpu, paths: pathFacts(reports), debris, removed };
}

function cleanFailure(channel: string, error: unknown): Check {
  if (error instanceof SluiceError) return failed(channel, error);
  return { level: 'FAIL', topic: channel, text: describeFailure(error).message };
}

function count(checks: readonly Check[], level: Level): number {
  return checks.filter((check) => check.level === level).length;
}

export function doctorLines(findings: Screen, width: number, paint: Paint): readonly string[] {
  const { checks, debris, removed } = findings;
  const short = checks.filter(({ remedy, level }) => remedy === undefined && level !== 'COPY');
  const long = checks.filter((check) => !short.includes(check));
  const lines = [...shortLines(short, width, paint)];
  for (const level of ['COPY', 'warn', 'FAIL'] as const) {
    for (const check of long) if (check.level === level) lines.push(...longLines(check, paint));
  }
  const failures = plural(count(checks, 'FAIL'), 'failure');
  const warnings = plural(count(checks, 'warn'), 'warning');
  for (const { channel, reason } of removed) {
    lines.push(`removed what was left of ${printable(channel)} (${reason})`);
  }
  return [...lines, `${failures}, ${warnings}. ${debrisText(debris)}`];
}

function mark(level: Level, paint: Paint): string {
  const colors: Readonly<Record<Level, (text: string) => string>> = {
    ok: paint.green,
    none: paint.dim,
    warn: paint.yellow,
    COPY: paint.yellow,
    FAIL: paint.red,
  };
  return colors[level](pad(level, 4, 'left'));
}

/** Two findings a line where both fit. */
function shortLines(checks: readonly Check[], width: number, paint: Paint): readonly string[] {
  const cell = Math.floor((width - 2) / 2);
  const lines: string[] = [];
  let left: Check | undefined;
  const flush = (): void => {
    if (left !== undefined) lines.push(`${mark(left.level, paint)}  ${left.text}`);
    left = undefined;
  };
  for (const check of checks) {
    const fits = displayWidth(check.text) + 6 <= cell;
    if (!fits) {
      flush();
      lines.push(`${mark(check.level, paint)}  ${check.text}`);
    } else if (left === undefined) {
      left = check;
    } else {
      const first = `${mark(left.level, paint)}  ${pad(left.text, cell - 6, 'left')}`;
      lines.push(`${first}  ${mark(check.level, paint)}  ${check.text}`);
      left = undefined;
    }
  }
  flush();
  return lines;
}

function longLines({ level, text, remedy, code }: Check, paint: Paint): readonly string[] {
  const more = code === undefined ? '' : `   sluice help ${code}`;
  const lines = [`${mark(level, paint)}  ${text}`];
  if (remedy !== undefined) lines.push(`      ${remedy}${more}`);
  return lines;
}
