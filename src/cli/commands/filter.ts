/** `sluice filter <out> <in...>`: pictures of channels as tensors for a detector, or as other pictures. */
import { type Command, Option } from 'commander';
import { type PixelFormat, PIXEL_FORMATS, video } from '../../format/index.js';
import { TENSOR_COLORS, TENSOR_DTYPES, TENSOR_LAYOUTS } from '../../pixels/index.js';
import { type FilterOptions, type FilterTarget, openFilter } from '../../video/index.js';
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
import {
  atLeast,
  channelName,
  channelPattern,
  listOf,
  numberList,
  pictureSize,
} from '../option-values.js';
import type { Start } from '../program.js';
import { type Run, UsageError } from '../run.js';
import { plural } from '../units.js';

interface FilterCommandOptions extends DerivedCommandOptions, OverlayCommandOptions {
  readonly letterbox?: PictureSize;
  readonly stretch?: PictureSize;
  readonly to: readonly string[];
  readonly mean?: readonly number[];
  readonly std?: readonly number[];
  readonly padding?: readonly number[];
  readonly resize?: ResizeName;
  readonly batch?: number;
  readonly maxWait?: number;
}

type PictureSize = ReturnType<ReturnType<typeof pictureSize>>;

export const EXAMPLES = [
  'sluice filter detect/door camera/door --letterbox 640x640 --to rgb,chw,f16',
  "sluice filter detect/all 'camera/*' --letterbox 640x640 --to rgb,chw,f32 --batch 16 --memory cuda",
  'sluice filter camera/door/small camera/door --letterbox 640x360 --to nv12',
  'sluice filter door/shown camera/door --letterbox 1280x720 --to nv12 --detections detect/door',
];

export function configure(command: Command, start: Start): void {
  command
    .argument('<out>', 'the channel to make', channelName)
    .argument('<in...>', 'channels of pictures, or patterns of them', listOf(channelPattern))
    .addOption(
      new Option('--letterbox <size>', 'for example 640x640: the shape is kept, the rest filled up')
        .argParser(pictureSize('--letterbox'))
        .conflicts('stretch'),
    )
    .addOption(
      new Option('--stretch <size>', 'to all of this size').argParser(pictureSize('--stretch')),
    )
    .requiredOption(
      '--to <what>',
      'rgb|bgr|gray, chw|hwc, u8|f16|bf16|f32 with commas, or the pixels of a picture, such as nv12',
      (value) => value.split(','),
    )
    .option(
      '--mean <numbers>',
      'taken off, of 0 to 1, a channel or one for all',
      numberList('--mean'),
    )
    .option('--std <numbers>', 'and divided by', numberList('--std'))
    .option(
      '--padding <r,g,b>',
      'colour of what is filled up (default 114,114,114)',
      numberList('--padding'),
    )
    .addOption(resizeOption('auto'))
    .option(
      '--batch <n>',
      'pictures in one frame at most; needed for patterns',
      atLeast('--batch', 1),
    )
    .option(
      '--max-wait <ms>',
      'for inputs that have no new frame (default 40)',
      atLeast('--max-wait', 0),
    )
    .action((output: string, inputs: readonly string[], options: FilterCommandOptions) =>
      start(options, (run) => filter(run, output, inputs, options)),
    );
  addOverlayOptions(command);
  addDerivedOptions(command, 'filter');
}

function filter(
  run: Run,
  output: string,
  inputs: readonly string[],
  options: FilterCommandOptions,
): Promise<void> {
  return runDerived(run, {
    output,
    inputs,
    open: () => openFilter(output, inputs, filterOptions(run, options)),
    opened: `filtering ${inputs.join(', ')} into ${output}`,
    counts: ({ pictures }) => ({ pictures }),
    made: ({ pictures, published }) =>
      `${plural(pictures, 'picture')} in ${plural(published, 'frame')}`,
  });
}

function filterOptions(run: Run, options: FilterCommandOptions): FilterOptions {
  const { padding, resize, batch, maxWait } = options;
  return {
    to: targetOf(options),
    fit: options.stretch === undefined ? 'letterbox' : 'stretch',
    ...derivedOptions(run, options),
    ...overlayOptions(options),
    ...(padding === undefined ? {} : { padding: padding as [number, number, number] }),
    ...(resize === undefined ? {} : { filter: resize }),
    ...(batch === undefined ? {} : { batch }),
    ...(maxWait === undefined ? {} : { maxWaitMs: maxWait }),
  };
}

function targetOf({ letterbox, stretch, to, mean, std }: FilterCommandOptions): FilterTarget {
  const size = letterbox ?? stretch;
  if (size === undefined)
    throw new UsageError('a size is needed: --letterbox 640x640 or --stretch');
  const [only = ''] = to;
  if (to.length === 1 && (PIXEL_FORMATS as readonly string[]).includes(only)) {
    if (mean !== undefined || std !== undefined) {
      throw new UsageError('--mean and --std are for tensors');
    }
    return video({ ...size, pixelFormat: only as PixelFormat });
  }
  const word = <T extends string>(what: string, words: readonly T[]): T => {
    const found = words.filter((one) => to.includes(one));
    if (found.length === 1) return found[0]!;
    throw new UsageError(`--to ${to.join(',')}: needs one ${what} of ${words.join(' ')}`);
  };
  const known: readonly string[] = [...TENSOR_COLORS, ...TENSOR_LAYOUTS, ...TENSOR_DTYPES];
  const wrong = to.find((one) => !known.includes(one));
  if (wrong !== undefined) {
    const pixels = PIXEL_FORMATS.join(' ');
    throw new UsageError(`--to ${wrong}: must be words of ${known.join(' ')}, or one of ${pixels}`);
  }
  return {
    ...size,
    colors: word('order of colours', TENSOR_COLORS),
    layout: word('layout', TENSOR_LAYOUTS),
    dtype: word('type', TENSOR_DTYPES),
    ...(mean === undefined ? {} : { mean }),
    ...(std === undefined ? {} : { std }),
  };
}
