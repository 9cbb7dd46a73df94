/** `sluice mosaic <out> <in...>`: many channels in one picture. */
import { type Command, Option } from 'commander';
import { printable } from '../../core/index.js';
import { type PixelFormat, PIXEL_FORMATS } from '../../format/index.js';
import { type MosaicOptions, openMosaic } from '../../video/index.js';
import { describeFailure } from '../failure.js';
import { memoryName, type MemoryName } from '../gpu-options.js';
import { atLeast, channelName, channelPattern, listOf, pictureSize } from '../option-values.js';
import { addEndOptions, type Start } from '../program.js';
import { type CommonOptions, opensAsUsage, type Run } from '../run.js';
import { safeJson } from '../safe-json.js';
import { plural } from '../units.js';

interface MosaicCommandOptions extends CommonOptions {
  readonly size?: { readonly width: number; readonly height: number };
  readonly fps?: number;
  readonly pixelFormat?: PixelFormat;
  readonly columns?: number;
  readonly labels: boolean;
  readonly stale?: number;
  readonly leave?: number;
  readonly resize?: 'auto' | 'bilinear' | 'area';
  readonly memory?: MemoryName;
  readonly slots?: number;
  readonly label?: string;
}

export const EXAMPLES = [
  "sluice mosaic wall 'camera/*'",
  'sluice mosaic wall camera/door camera/yard --size 1280x720 --fps 10 --no-labels',
  "sluice mosaic wall 'camera/*' --memory cuda",
];

export function configure(command: Command, start: Start): void {
  command
    .argument('<out>', 'the channel to make', channelName)
    .argument(
      '<in...>',
      'up to 36 channels of pictures, or patterns of them',
      listOf(channelPattern),
    )
    .addOption(
      new Option('--size <size>', 'of the mosaic (default 1920x1080)').argParser(
        pictureSize('--size'),
      ),
    )
    .option('--fps <n>', 'pictures a second (default 25)', atLeast('--fps', 1))
    .addOption(new Option('--pixel-format <name>', 'default nv12').choices(PIXEL_FORMATS))
    .option('--columns <n>', 'default as many as rows, or one more', atLeast('--columns', 1))
    .option('--no-labels', 'without the names of the channels')
    .option(
      '--stale <ms>',
      'without a frame for so long an input is dead (default 2000)',
      atLeast('--stale', 1),
    )
    .option(
      '--leave <ms>',
      'dead for so long, one of a pattern leaves (default 30000)',
      atLeast('--leave', 1),
    )
    .addOption(
      new Option('--resize <filter>', 'default bilinear').choices(['auto', 'bilinear', 'area']),
    )
    .addOption(
      new Option(
        '--memory <memory>',
        'of the output and the work: host (default), cuda or cuda:N',
      ).argParser(memoryName('--memory')),
    )
    .option('--slots <n>', 'of the output', atLeast('--slots', 2))
    .option('--label <text>', 'how lists call this mosaic')
    .action((output: string, inputs: readonly string[], options: MosaicCommandOptions) =>
      start(options, (run) => mosaic(run, output, inputs, options)),
    );
  addEndOptions(command);
}

async function mosaic(
  run: Run,
  output: string,
  inputs: readonly string[],
  options: MosaicCommandOptions,
): Promise<void> {
  const opened = await opensAsUsage(() => openMosaic(output, inputs, mosaicOptions(run, options)));
  if (run.json) run.print(safeJson({ event: 'open', channel: output, inputs }));
  else run.note(`showing ${inputs.join(', ')} in ${output}; Ctrl-C ends it`);
  const { reason, error } = await opened.closed;
  await opened.close();
  const { published, dropped } = opened.stats();
  if (run.json) run.print(safeJson({ event: 'end', channel: output, published, dropped }));
  run.note(`${plural(published, 'picture')}${dropped === 0 ? '' : `, ${dropped} dropped`}`);
  if (reason === 'failed' && error !== undefined) throw error;
}

function mosaicOptions(run: Run, options: MosaicCommandOptions): MosaicOptions {
  const { size, fps, pixelFormat, columns, labels, stale, leave, resize } = options;
  const { memory, slots, label, dir } = options;
  return {
    labels,
    signal: run.signal,
    onProblem: (input, error) =>
      run.note(`${input} is left out: ${printable(describeFailure(error).message)}`),
    ...size,
    ...(fps === undefined ? {} : { framesPerSecond: fps }),
    ...(pixelFormat === undefined ? {} : { pixelFormat }),
    ...(columns === undefined ? {} : { columns }),
    ...(stale === undefined ? {} : { staleMs: stale }),
    ...(leave === undefined ? {} : { leaveMs: leave }),
    ...(resize === undefined ? {} : { filter: resize }),
    ...(memory === undefined ? {} : { memory }),
    ...(slots === undefined ? {} : { slots }),
    ...(label === undefined ? {} : { label }),
    ...(dir === undefined ? {} : { directory: dir }),
  };
}
