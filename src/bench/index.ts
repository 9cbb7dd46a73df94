/** bench: measures Sluice and what it is compared with on this machine, and judges the targets of the project. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertInteger, assertOneOf } from '../core/index.js';
import { cudaProblem } from '../gpu/index.js';
import { stopEveryChild } from './child-program.js';
import { describeMachine } from './machine.js';
import type { BenchContext, Measurement, Suite } from './measurement.js';
import type { BenchReport } from './report.js';
import { judgeTargets } from './targets.js';

export {
  findRegressions,
  loadBaseline,
  type Regression,
  regressionText,
  saveBaseline,
} from './baseline.js';
export { htmlReport } from './html-report.js';
export { type Measurement, median, type Target } from './measurement.js';
export {
  type BenchReport,
  formatValue,
  machineText,
  type ReportRow,
  reportRows,
  targetValueText,
  verdictOf,
} from './report.js';
export type { JudgedTarget } from './targets.js';
export { textReport, warnings } from './text-report.js';

export interface BenchOptions {
  /** Names of `SUITE_NAMES`, or of `GROUPS` for several; default all, those of the GPU only where one is. */
  readonly suites?: readonly string[];
  /** Fewer and shorter samples: to see that everything runs. */
  readonly quick?: boolean;
  /** Samples of each subject, 1 to 1000. Default 5, quick 1. */
  readonly rounds?: number;
  /** Told what is being measured. */
  readonly log?: (text: string) => void;
  /** Ends the run; it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Where the runtime directory of the run is made and removed again. Default the one for temporary files. */
  readonly directory?: string;
}

const DEFAULT_ROUNDS = 5;
const MAX_ROUNDS = 1000;
/** A suite that was told to end gives back what it holds, but is not waited for longer. */
const FAREWELL_MS = 2000;

const LOADERS: Readonly<Record<string, () => Promise<Suite>>> = {
  messages: async () => (await import('./suites/messages.js')).messages,
  roundtrip: async () => (await import('./suites/roundtrip.js')).roundtrip,
  handover: async () => (await import('./suites/handover.js')).handover,
  subscribers: async () => (await import('./suites/subscribers.js')).subscribers,
  allocation: async () => (await import('./suites/allocation.js')).allocation,
  start: async () => (await import('./suites/start.js')).start,
  'python-frames': async () => (await import('./suites/python-frames.js')).pythonFrames,
  'python-messages': async () => (await import('./suites/python-messages.js')).pythonMessages,
  'python-deaths': async () => (await import('./suites/python-deaths.js')).pythonDeaths,
  pixels: async () => (await import('./suites/pixels.js')).pixels,
  taps: async () => (await import('./suites/taps.js')).taps,
  video: async () => (await import('./suites/video.js')).videoSuite,
  terminal: async () => (await import('./suites/terminal.js')).terminal,
  'gpu-fences': async () => (await import('./suites/gpu-fences.js')).gpuFences,
  'gpu-ring': async () => (await import('./suites/gpu-ring.js')).gpuRing,
  'gpu-frames': async () => (await import('./suites/gpu-frames.js')).gpuFrames,
  'gpu-peers': async () => (await import('./suites/gpu-peers.js')).gpuPeers,
  'gpu-open': async () => (await import('./suites/gpu-open.js')).gpuOpen,
  'gpu-python': async () => (await import('./suites/gpu-python.js')).gpuPython,
  'gpu-pixels': async () => (await import('./suites/gpu-pixels.js')).gpuPixels,
  'gpu-cameras': async () => (await import('./suites/gpu-cameras.js')).gpuCameras,
};

/** Each stands for all suites whose names begin with it: those that need a GPU, those of the Python client. */
const GROUPS = ['gpu', 'python'] as const;

/** In the order in which they run. */
export const SUITE_NAMES: readonly string[] = Object.freeze(Object.keys(LOADERS));

/** Throws `TypeError` or `RangeError` for what `runBench` does not take. */
export function checkBenchOptions({ suites = [], rounds = 1 }: BenchOptions): void {
  for (const name of suites) assertOneOf('suite', name, [...SUITE_NAMES, ...GROUPS]);
  assertInteger('rounds', rounds, 1, MAX_ROUNDS);
}

const isOf = (group: string, name: string): boolean => name.startsWith(`${group}-`);
const isOfGpu = (name: string): boolean => isOf('gpu', name);

/** In the order in which they run. */
function suitesOf(wanted: readonly string[] | undefined): readonly string[] {
  if (wanted === undefined) {
    return SUITE_NAMES.filter((name) => !isOfGpu(name) || cudaProblem() === undefined);
  }
  return SUITE_NAMES.filter(
    (name) =>
      wanted.includes(name) || GROUPS.some((group) => wanted.includes(group) && isOf(group, name)),
  );
}

/** Runs the suites one after the other. A suite that fails leaves a measurement without samples that says why. */
export async function runBench(options: BenchOptions = {}): Promise<BenchReport> {
  const { quick = false, log = () => undefined, signal } = options;
  checkBenchOptions(options);
  signal?.throwIfAborted();
  const rounds = options.rounds ?? (quick ? 1 : DEFAULT_ROUNDS);
  const names = suitesOf(options.suites);
  const machine = describeMachine(names.some(isOfGpu));
  const started = new Date();
  const directory = mkdtempSync(join(options.directory ?? tmpdir(), 'sluice-bench-'));
  const removeAtExit = (): void => rmSync(directory, { recursive: true, force: true });
  process.once('exit', removeAtExit);
  const context: BenchContext = { quick, rounds, directory, log };
  const measurements: Measurement[] = [];
  const targets: Suite['targets'][number][] = [];
  try {
    for (const name of names) {
      const suite = await (LOADERS[name] as () => Promise<Suite>)();
      targets.push(...suite.targets);
      measurements.push(...(await runSuite(suite, context, signal)));
    }
  } finally {
    await stopEveryChild();
    process.off('exit', removeAtExit);
    removeAtExit();
  }
  return {
    machine,
    startedAt: started.toISOString(),
    seconds: (Date.now() - started.getTime()) / 1000,
    quick,
    rounds,
    measurements,
    targets: judgeTargets(targets, measurements),
  };
}

async function runSuite(
  suite: Suite,
  context: BenchContext,
  signal: AbortSignal | undefined,
): Promise<readonly Measurement[]> {
  signal?.throwIfAborted();
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<'aborted'>((resolve) => {
    onAbort = () => resolve('aborted');
    signal?.addEventListener('abort', onAbort, { once: true });
  });
  const running = suite.run(context).catch((error: unknown): readonly Measurement[] => {
    const note = `failed: ${error instanceof Error ? error.message : String(error)}`;
    if (signal?.aborted !== true) context.log(`${suite.name} ${note}`);
    const task = 'the whole suite';
    return [
      { suite: suite.name, task, subject: 'sluice', unit: '', better: 'lower', samples: [], note },
    ];
  });
  const result = await Promise.race([running, aborted]);
  if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  if (result !== 'aborted') return result;
  await stopEveryChild();
  await Promise.race([running, sleep(FAREWELL_MS, undefined, { ref: false })]);
  throw signal?.reason;
}
