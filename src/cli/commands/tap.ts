/** `sluice tap <channel>`: serves a channel to programs that know nothing of Sluice. */
import { type Command, Option } from 'commander';
import { PIXEL_FORMATS, type PixelFormat } from '../../format/index.js';
import { openTap, TAP_FORMATS, type TapFormat, type TapOptions } from '../../video/index.js';
import { atLeast, channelName, framesPerSecond, listOf, pictureSize } from '../option-values.js';
import { addEndOptions, type Start } from '../program.js';
import { type CommonOptions, opensAsUsage, type Run } from '../run.js';
import { safeJson } from '../safe-json.js';
import { formatBytes, plural } from '../units.js';

interface TapCommandOptions extends CommonOptions {
  readonly as: TapFormat;
  readonly socket?: string;
  readonly tcp?: string;
  readonly size?: { readonly width: number; readonly height: number };
  readonly fps?: number;
  readonly pixelFormat?: PixelFormat;
  readonly whenLost?: 'hold' | 'close';
  readonly clients?: number;
  readonly allowUid?: readonly number[];
  readonly allowGid?: readonly number[];
  readonly label?: string;
}

export const EXAMPLES = [
  'sluice tap clip --as y4m --socket /tmp/clip.y4m',
  'sluice tap clip --as nut --socket /tmp/clip.nut --size 320x240 --fps 5 --when-lost hold',
  'sluice tap clip --as mpegts --tcp 127.0.0.1:8554',
  'sluice tap clip --as unixfd --socket /tmp/clip.fd',
];

export function configure(command: Command, start: Start): void {
  command
    .argument(
      '<channel>',
      'of pictures; for h264, hevc and mpegts its /packets are read',
      channelName,
    )
    .addOption(
      new Option('--as <format>', 'what clients read').choices(TAP_FORMATS).makeOptionMandatory(),
    )
    .addOption(new Option('--socket <path>', 'the Unix socket to listen at').conflicts('tcp'))
    .option('--tcp <host:port>', 'or a port of this machine, as 127.0.0.1:8554; 0 for any port')
    .addOption(
      new Option('--size <size>', 'of the pictures, as 640x480 (default: of the first)').argParser(
        pictureSize('--size'),
      ),
    )
    .addOption(
      new Option('--fps <n>', 'pictures a second at most').argParser(framesPerSecond('--fps')),
    )
    .addOption(
      new Option('--pixel-format <name>', 'default: i420 for y4m, else as they are').choices(
        PIXEL_FORMATS,
      ),
    )
    .addOption(
      new Option(
        '--when-lost <policy>',
        'when nothing comes: hold goes on with the last picture, close (default) ends clients',
      ).choices(['hold', 'close']),
    )
    .option('--clients <n>', 'at once, at most (default 64)', atLeast('--clients', 1))
    .option(
      '--allow-uid <uid>',
      'another user who may connect to the socket; may be repeated',
      listOf(atLeast('--allow-uid', 0)),
    )
    .option(
      '--allow-gid <gid>',
      'a group whose users may connect; may be repeated',
      listOf(atLeast('--allow-gid', 0)),
    )
    .option('--label <text>', 'how the publisher sees this tap')
    .action((channel: string, options: TapCommandOptions) =>
      start(options, (run) => tap(run, channel, options)),
    );
  addEndOptions(command);
}

async function tap(run: Run, channel: string, options: TapCommandOptions): Promise<void> {
  const open = await opensAsUsage(() => openTap(channel, tapOptions(run, options)));
  try {
    if (run.json) run.print(safeJson({ event: 'open', channel, url: open.url }));
    else run.print(open.url);
    const { error } = await open.closed;
    if (error !== undefined) throw error;
  } finally {
    await open.close();
    const stats = open.stats();
    if (run.json) run.print(safeJson({ event: 'end', channel, ...stats }));
    const { accepted, framesSent, framesSkipped, bytesSent } = stats;
    const skipped = framesSkipped === 0 ? '' : `, ${framesSkipped} passed over`;
    run.note(
      `${plural(accepted, 'client')}, ${plural(framesSent, 'frame')} sent, ${formatBytes(bytesSent)}${skipped}`,
    );
  }
}

function tapOptions(run: Run, options: TapCommandOptions): TapOptions {
  const { as, socket, tcp, size, fps, pixelFormat, whenLost, clients, label, dir } = options;
  const { allowUid, allowGid } = options;
  const allow = allowUid !== undefined || allowGid !== undefined;
  return {
    as,
    signal: run.signal,
    ...(socket === undefined ? {} : { socket }),
    ...(tcp === undefined ? {} : { tcp }),
    ...(size === undefined ? {} : { size }),
    ...(fps === undefined ? {} : { framesPerSecond: fps }),
    ...(pixelFormat === undefined ? {} : { pixelFormat }),
    ...(whenLost === undefined ? {} : { whenLost }),
    ...(clients === undefined ? {} : { maxClients: clients }),
    ...(allow ? { allow: { uids: allowUid ?? [], gids: allowGid ?? [] } } : {}),
    ...(label === undefined ? {} : { label }),
    ...(dir === undefined ? {} : { directory: dir }),
  };
}
