/** `sluice snap <channel> [file]`: one picture of a channel as a PNG or JPEG. */
import { writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { printable, SluiceError } from '../../core/index.js';
import { type PictureFileFormat, type Snapshot, takeSnapshot } from '../../video/index.js';
import { atLeast, channelName } from '../option-values.js';
import type { Start } from '../program.js';
import { type CommonOptions, opensAsUsage, type Run, UsageError } from '../run.js';
import { safeJson } from '../safe-json.js';
import { formatBytes } from '../units.js';

interface SnapOptions extends CommonOptions {
  readonly format?: PictureFileFormat;
  readonly width?: number;
  readonly height?: number;
  readonly quality?: number;
  readonly at?: 'key' | 'newest';
  readonly wait?: boolean;
}

export const EXAMPLES = [
  'sluice snap camera/door',
  'sluice snap camera/door door.jpg --width 640',
  'sluice snap camera/door - --format jpeg | upload',
];

const STANDARD_OUTPUT = '-';

export function configure(command: Command, start: Start): void {
  command
    .argument('<channel>', 'of pictures', channelName)
    .argument('[file]', 'where to, - for standard output (default: named after the channel)')
    .addOption(
      new Option('--format <format>', 'default by the file, else png').choices(['png', 'jpeg']),
    )
    .option('--width <pixels>', 'default as the channel', atLeast('--width', 1))
    .option('--height <pixels>', 'default by the shape', atLeast('--height', 1))
    .option('--quality <n>', 'of a JPEG, 1 to 100 (default 90)', atLeast('--quality', 1))
    .addOption(
      new Option('--at <picture>', 'default key for cameras, else newest').choices([
        'key',
        'newest',
      ]),
    )
    .option('--wait', 'for the channel, when nobody publishes it')
    .action((channel: string, file: string | undefined, options: SnapOptions) =>
      start(options, (run) => snap(run, channel, file, options)),
    );
}

async function snap(
  run: Run,
  channel: string,
  file: string | undefined,
  options: SnapOptions,
): Promise<void> {
  const as = options.format ?? formatOf(file);
  const path = file ?? `${channel.replaceAll('/', '-')}.${as === 'png' ? 'png' : 'jpg'}`;
  if (path === STANDARD_OUTPUT && run.json) {
    throw new UsageError('the picture or --json goes to standard output, not both');
  }
  const { width, height, quality, at, wait, dir } = options;
  const taken = await opensAsUsage(() =>
    takeSnapshot(channel, {
      as,
      signal: run.signal,
      whenMissing: wait === true ? 'wait' : 'fail',
      ...(width === undefined ? {} : { width }),
      ...(height === undefined ? {} : { height }),
      ...(quality === undefined ? {} : { quality }),
      ...(at === undefined ? {} : { at }),
      ...(dir === undefined ? {} : { directory: dir }),
    }),
  );
  await store(run, path, taken);
}

function formatOf(file = ''): PictureFileFormat {
  if (/\.jpe?g$/i.test(file)) return 'jpeg';
  if (file === '' || file === STANDARD_OUTPUT || /\.png$/i.test(file)) return 'png';
  throw new UsageError(`${JSON.stringify(file)} ends in neither .png nor .jpg; --format tells`);
}

async function store(run: Run, path: string, taken: Snapshot): Promise<void> {
  const { bytes, as, width, height, channel, epoch, sequence, id, ptsNs, captureDate } = taken;
  if (path === STANDARD_OUTPUT) {
    await new Promise<void>((resolve) => process.stdout.write(bytes, () => resolve()));
    return;
  }
  try {
    await writeFile(path, bytes);
  } catch (error) {
    const message = `cannot write ${printable(path)}: ${printable((error as Error).message)}`;
    throw new SluiceError('SYSTEM', message, { cause: error });
  }
  if (!run.json) {
    run.note(`${printable(path)}: ${width}x${height} ${as}, ${formatBytes(bytes.byteLength)}`);
    return;
  }
  const from = { channel, epoch, sequence, id: String(id), ptsNs };
  const date = captureDate.toISOString();
  run.print(safeJson({ file: path, format: as, width, height, ...from, captureDate: date }));
}
