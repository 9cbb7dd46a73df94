/** What `filter` and `mosaic` have in common: options of what they make, and a run from the opening to the end. */
import { type Command, Option } from 'commander';
import { printable } from '../core/index.js';
import type { CloseReason, PublisherStats } from '../bus/index.js';
import type { DerivedOptions, MosaicOptions } from '../video/index.js';
import { describeFailure } from './failure.js';
import { memoryName, type MemoryName } from './gpu-options.js';
import { atLeast, channelPattern, listOf } from './option-values.js';
import { addEndOptions } from './program.js';
import { type CommonOptions, opensAsUsage, type Run } from './run.js';
import { safeJson } from './safe-json.js';

export interface DerivedCommandOptions extends CommonOptions {
  readonly memory?: MemoryName;
  readonly slots?: number;
  readonly label?: string;
}

export type ResizeName = 'auto' | 'bilinear' | 'area';

export function resizeOption(standard: ResizeName): Option {
  return new Option('--resize <filter>', `default ${standard}`).choices([
    'auto',
    'bilinear',
    'area',
  ]);
}

export interface OverlayCommandOptions {
  readonly detections?: readonly string[];
  readonly maxDetectionAge?: number;
}

export function addOverlayOptions(command: Command): void {
  command
    .option(
      '--detections <channel>',
      "draws what was found over the pictures: channels of detections, or 'detect/*'",
      listOf(channelPattern),
    )
    .option(
      '--max-detection-age <ms>',
      'detections of another frame fade, and are gone after so long (default 1000)',
      atLeast('--max-detection-age', 1),
    );
}

export function overlayOptions({
  detections,
  maxDetectionAge,
}: OverlayCommandOptions): Pick<MosaicOptions, 'detections' | 'maxDetectionAgeMs'> {
  return {
    ...(detections === undefined ? {} : { detections }),
    ...(maxDetectionAge === undefined ? {} : { maxDetectionAgeMs: maxDetectionAge }),
  };
}

/** The last ones of a command. */
export function addDerivedOptions(command: Command, what: string): void {
  command
    .addOption(
      new Option(
        '--memory <memory>',
        'of the output and the work: host (default), cuda or cuda:N',
      ).argParser(memoryName('--memory')),
    )
    .option('--slots <n>', 'of the output', atLeast('--slots', 2))
    .option('--label <text>', `how lists call this ${what}`);
  addEndOptions(command);
}

export function derivedOptions(run: Run, options: DerivedCommandOptions): DerivedOptions {
  const { memory, slots, label, dir } = options;
  return {
    signal: run.signal,
    onProblem: (input, error) =>
      run.note(`${input} is left out: ${printable(describeFailure(error).message)}`),
    ...(memory === undefined ? {} : { memory }),
    ...(slots === undefined ? {} : { slots }),
    ...(label === undefined ? {} : { label }),
    ...(dir === undefined ? {} : { directory: dir }),
  };
}

interface Derived<S extends PublisherStats> {
  readonly closed: Promise<CloseReason>;
  stats(): S;
  close(): Promise<void>;
}

export interface DerivedRun<S extends PublisherStats> {
  readonly output: string;
  readonly inputs: readonly string[];
  readonly open: () => Promise<Derived<S>>;
  /** Said when it runs. */
  readonly opened: string;
  /** What is counted beside `published` and `dropped`. */
  readonly counts: (stats: S) => object;
  /** Said at the end. */
  readonly made: (stats: S) => string;
}

/** Until it ends. */
export async function runDerived<S extends PublisherStats>(
  run: Run,
  { output, inputs, open, opened, counts, made }: DerivedRun<S>,
): Promise<void> {
  const derived = await opensAsUsage(open);
  if (run.json) run.print(safeJson({ event: 'open', channel: output, inputs }));
  else run.note(`${opened}; Ctrl-C ends it`);
  const { reason, error } = await derived.closed;
  await derived.close();
  const stats = derived.stats();
  const { published, dropped } = stats;
  const facts = { channel: output, published, ...counts(stats), dropped };
  if (run.json) run.print(safeJson({ event: 'end', ...facts }));
  run.note(`${made(stats)}${dropped === 0 ? '' : `, ${dropped} dropped`}`);
  if (reason === 'failed' && error !== undefined) throw error;
}
