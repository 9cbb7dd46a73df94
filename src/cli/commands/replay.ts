/** `sluice replay <file>`: a recording as channels; agents in this terminal, or as an asciicast. */
import { basename, extname } from 'node:path';
import { type Command, Option } from 'commander';
import { openCamera, openReplay } from '../../video/index.js';
import { replayCast } from '../cast/replay-cast.js';
import { atLeast, channelName, positiveSeconds, replaySpeed } from '../option-values.js';
import { addEndOptions, type Start } from '../program.js';
import {
  addPlayOptions,
  PLAY_OPTIONS,
  playAgents,
  type PlayOptions,
} from '../replay/play-agents.js';
import { opensAsUsage, type Run, UsageError } from '../run.js';
import { safeJson } from '../safe-json.js';
import { plural } from '../units.js';

interface ReplayCommandOptions extends PlayOptions {
  readonly loop?: boolean;
  readonly prefix?: string;
  readonly subscribers?: number;
  readonly channel?: string;
  readonly label?: string;
}

/** What is for channels only. */
const CHANNEL_OPTIONS = ['loop', 'prefix', 'subscribers', 'channel', 'label'] as const;

export const EXAMPLES = [
  'sluice replay all.mcap',
  'sluice replay all.mcap --speed 4 --prefix again/ --loop',
  'sluice replay door.mp4 --channel camera/door',
  'sluice replay fix.cast --speed 2 --idle-limit 3',
  'sluice replay all.mcap --show --layout focus --mute lint',
  'sluice replay all.mcap --out all.cast --layout grid --size 120x40',
  'sluice replay all.mcap --out fix.cast --solo fix',
];

export function configure(command: Command, start: Start): void {
  command
    .argument(
      '<file...>',
      'of sluice record: .mcap, .mp4, .mkv, or .cast of asciinema too, also several',
    )
    .addOption(
      new Option(
        '--speed <x>',
        '.mcap, .cast: so many times as fast; max: as fast as it goes',
      ).argParser(replaySpeed('--speed')),
    )
    .option('--loop', 'begin again at the end')
    .option('--prefix <text>', '.mcap: before the names of the channels, as again/')
    .option(
      '--subscribers <n>',
      '.mcap, .cast: a channel begins when it has so many',
      atLeast('--subscribers', 1),
    )
    .option(
      '--channel <name>',
      '.mp4, .mkv, .cast: what to call it (default: as the file, agent/… for .cast)',
      channelName,
    )
    .option(
      '--idle-limit <s>',
      '.cast, --show, --out: longer pauses are so short',
      positiveSeconds('--idle-limit'),
    )
    .option('--label <text>', 'how lists call the publishers')
    .action((files: readonly string[], options: ReplayCommandOptions) =>
      start(options, (run) => replayFiles(run, files, options)),
    );
  addPlayOptions(command);
  addEndOptions(command.optionsGroup('Options:'));
}

async function replayFiles(
  run: Run,
  files: readonly string[],
  options: ReplayCommandOptions,
): Promise<void> {
  if (options.show === true || options.out !== undefined) {
    for (const name of CHANNEL_OPTIONS) {
      if (options[name] === undefined) continue;
      throw new UsageError(`--${name} is for channels, not for --show and --out`);
    }
    return playAgents(run, files, options);
  }
  const wrong = PLAY_OPTIONS.find((name) => options[name] !== undefined);
  if (wrong !== undefined) throw new UsageError(`--${wrong} is for --show and --out`);
  const [file, ...more] = files;
  if (file === undefined || more.length > 0) {
    throw new UsageError('several files are for --show and --out; one at a time becomes channels');
  }
  return replay(run, file, options);
}

async function replay(run: Run, file: string, options: ReplayCommandOptions): Promise<void> {
  if (extname(file) === '.cast') return replayAgent(run, file, options);
  if (options.idleLimit !== undefined) throw new UsageError('--idle-limit is for .cast');
  if (extname(file) !== '.mcap') return replayPackets(run, file, options);
  if (options.channel !== undefined) {
    throw new UsageError('--channel is for .mp4 and .mkv; a .mcap has names of its own: --prefix');
  }
  const { speed, loop, prefix, subscribers } = options;
  const playing = await opensAsUsage(() =>
    openReplay(file, {
      ...common(run, options),
      ...(speed === undefined ? {} : { speed }),
      ...(loop === undefined ? {} : { loop }),
      ...(prefix === undefined ? {} : { prefix }),
      ...(subscribers === undefined ? {} : { subscribers }),
    }),
  );
  const { error } = await playing.closed;
  const stats = playing.stats();
  if (run.json) run.print(safeJson({ event: 'end', file, ...stats }));
  run.note(`${plural(stats.units, 'unit')} of ${plural(stats.channels, 'channel')} played`);
  if (error !== undefined) throw error;
}

async function replayAgent(run: Run, file: string, options: ReplayCommandOptions): Promise<void> {
  const { speed = 1, idleLimit = Infinity, subscribers = 0, label, dir } = options;
  for (const name of ['prefix', 'loop'] as const) {
    if (options[name] !== undefined) throw new UsageError(`--${name} is not for .cast`);
  }
  const channel = options.channel ?? `agent/${stemOf(file)}`;
  const events = await replayCast(run, file, channel, {
    ...{ speed, idleLimitMs: idleLimit * 1000, subscribers },
    ...(label === undefined ? {} : { label }),
    ...(dir === undefined ? {} : { dir }),
  });
  if (run.json) run.print(safeJson({ event: 'end', file, channel, events }));
  run.note(`${plural(events, 'event')} of ${channel} played`);
}

/** A file of packets is a camera that ends: its pictures are decoded for whoever reads them. */
async function replayPackets(run: Run, file: string, options: ReplayCommandOptions): Promise<void> {
  for (const name of ['speed', 'prefix', 'subscribers'] as const) {
    if (options[name] !== undefined) throw new UsageError(`--${name} is for .mcap`);
  }
  const channel = options.channel ?? stemOf(file);
  const camera = await opensAsUsage(() =>
    openCamera(channel, {
      input: file,
      realtime: true,
      decode: 'demand',
      ...common(run, options),
      ...(options.loop === undefined ? {} : { loop: options.loop }),
    }),
  );
  if (run.json) run.print(safeJson({ event: 'open', channel }));
  run.note(`playing ${channel}`);
  const { error } = await camera.closed;
  if (error !== undefined) throw error;
}

function stemOf(file: string): string {
  try {
    return channelName(basename(file, extname(file)).toLowerCase());
  } catch {
    throw new UsageError(`${basename(file)} makes no name of a channel: say --channel`);
  }
}

function common(
  run: Run,
  { label, dir }: ReplayCommandOptions,
): { readonly signal: AbortSignal; readonly label?: string; readonly directory?: string } {
  return {
    signal: run.signal,
    ...(label === undefined ? {} : { label }),
    ...(dir === undefined ? {} : { directory: dir }),
  };
}
