/** `sluice bench [suites…]`: measures this machine, judges the targets, and compares with an earlier run. */
import { accessSync, constants, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { BenchReport, Regression } from '../../bench/index.js';
import { atLeast } from '../option-values.js';
import type { Start } from '../program.js';
import { asUsage, type CommonOptions, ExitCode, type Run, UsageError } from '../run.js';
import { safeJson } from '../safe-json.js';
import { plural } from '../units.js';

interface BenchCommandOptions extends CommonOptions {
  readonly quick?: boolean;
  readonly rounds?: number;
  readonly html?: string;
  readonly saveBaseline?: string;
  readonly baseline?: string;
}

export const EXAMPLES = [
  'sluice bench',
  'sluice bench handover start --quick',
  'sluice bench terminal --rounds 3',
  'sluice bench --save-baseline before.json',
  'sluice bench --baseline before.json --html report.html',
];

export function configure(command: Command, start: Start): void {
  command
    .argument(
      '[suites...]',
      'messages, roundtrip, handover, subscribers, allocation, start, pixels, taps, video, terminal; python-frames, ' +
        'python-messages, python-deaths, or python for these; gpu-fences, gpu-ring, gpu-frames, gpu-peers, gpu-open, ' +
        'gpu-python, gpu-pixels, gpu-cameras, or gpu for these; ' +
        'default all that the machine can run',
    )
    .option('--quick', 'fewer and shorter samples: to see that everything runs')
    .addOption(
      new Option('--rounds <n>', 'samples of each; default 5, quick 1').argParser(
        atLeast('--rounds', 1),
      ),
    )
    .option('--html <file>', 'also write the report as one HTML file')
    .option('--save-baseline <file>', 'keep this run to compare with')
    .option('--baseline <file>', 'compare with a run kept before; exit 1 when something is worse')
    .action((suites: string[], options: BenchCommandOptions) =>
      start(options, (run) => bench(run, suites, options)),
    );
}

async function bench(
  run: Run,
  suites: readonly string[],
  { quick, rounds, html, saveBaseline, baseline: baselinePath }: BenchCommandOptions,
): Promise<number> {
  const benches = await import('../../bench/index.js');
  const chosen = {
    ...(suites.length === 0 ? {} : { suites }),
    ...(rounds === undefined ? {} : { rounds }),
  };
  // All that can be wrong with the words shows before the minutes that a run takes.
  asUsage(() => benches.checkBenchOptions(chosen));
  for (const path of [html, saveBaseline]) assertWritable(path);
  const baseline =
    baselinePath === undefined ? undefined : asUsage(() => benches.loadBaseline(baselinePath));
  const { dir } = run.options;
  const report = await benches.runBench({
    ...chosen,
    quick: quick === true,
    signal: run.signal,
    log: (text) => run.note(text),
    ...(dir === undefined ? {} : { directory: dir }),
  });
  if (html !== undefined) writeFileSync(html, benches.htmlReport(report));
  if (saveBaseline !== undefined) benches.saveBaseline(saveBaseline, report);
  const regressions =
    baseline && benches.findRegressions(report.measurements, baseline.measurements);
  if (run.json) {
    run.print(safeJson({ ...report, ...(regressions === undefined ? {} : { regressions }) }));
  } else {
    printReport(run, report, regressions, benches);
  }
  return regressions !== undefined && regressions.length > 0 ? ExitCode.failed : ExitCode.done;
}

function printReport(
  run: Run,
  report: BenchReport,
  regressions: readonly Regression[] | undefined,
  benches: typeof import('../../bench/index.js'),
): void {
  run.print(benches.textReport(report));
  if (regressions === undefined) return;
  const count =
    regressions.length === 0 ? 'nothing is worse' : plural(regressions.length, 'regression');
  run.print(`\nagainst the baseline: ${count}`);
  for (const regression of regressions) run.print(`  ${benches.regressionText(regression)}`);
}

function assertWritable(path: string | undefined): void {
  if (path === undefined) return;
  const folder = dirname(resolve(path));
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    throw new UsageError(`cannot write ${JSON.stringify(path)}: no folder to write into`);
  }
}
