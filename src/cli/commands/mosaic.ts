/** `sluice mosaic <out> <in...>`: many channels in one picture. */
import { type Command, Option } from 'commander';
import { type PixelFormat, PIXEL_FORMATS } from '../../format/index.js';
import { type MosaicOptions, openMosaic } from '../../video/index.js';
import {
  addDerivedOptions,
  addOverlayOptions,
  type DerivedCommandOptions,
  derivedOptions,
  type OverlayCommandOptions,
  overlayOptions,
  resizeOption,
  type ResizeName,
  runDerived,
} from '../derived-options.js';
import { atLeast, channelName, channelPattern, listOf, pictureSize } from '../option-values.js';
import type { Start } from '../program.js';
import type { Run } from '../run.js';
import { plural } from '../units.js';

interface MosaicCommandOptions extends DerivedCommandOptions, OverlayCommandOptions {
  readonly size?: { readonly width: number; readonly height: number };
  readonly fps?: number;
  readonly pixelFormat?: PixelFormat;
  readonly columns?: number;
  readonly labels: boolean;
  readonly stale?: number;
  readonly leave?: number;
  readonly resize?: ResizeName;
}

export const EXAMPLES = [
  "sluice mosaic wall 'camera/*'",
  'sluice mosaic wall camera/door camera/yard --size 1280x720 --fps 10 --no-labels',
  "sluice mosaic wall 'camera/*' --memory cuda --detections 'detect/*'",
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
    .addOption(resizeOption('bilinear'))
    .action((output: string, inputs: readonly string[], options: MosaicCommandOptions) =>
      start(options, (run) => mosaic(run, output, inputs, options)),
    );
  addOverlayOptions(command);
  addDerivedOptions(command, 'mosaic');
}

function mosaic(
  run: Run,
  output: string,
  inputs: readonly string[],
  options: MosaicCommandOptions,
): Promise<void> {
  return runDerived(run, {
    output,
    inputs,
    open: () => openMosaic(output, inputs, mosaicOptions(run, options)),
    opened: `showing ${inputs.join(', ')} in ${output}`,
    counts: () => ({}),
    made: ({ published }) => plural(published, 'picture'),
  });
}

function mosaicOptions(run: Run, options: MosaicCommandOptions): MosaicOptions {
  const { size, fps, pixelFormat, columns, labels, stale, leave, resize } = options;
  return {
    labels,
    ...derivedOptions(run, options),
    ...size,
    ...(fps === undefined ? {} : { framesPerSecond: fps }),
    ...(pixelFormat === undefined ? {} : { pixelFormat }),
    ...(columns === undefined ? {} : { columns }),
    ...overlayOptions(options),
    ...(stale === undefined ? {} : { staleMs: stale }),
    ...(leave === undefined ? {} : { leaveMs: leave }),
    ...(resize === undefined ? {} : { filter: resize }),
  };
}
