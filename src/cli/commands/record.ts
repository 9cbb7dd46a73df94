/** `sluice record <channel | pattern> <file>`: packets as they were encoded, or any channels, into files. */
import { type Command } from 'commander';
import { isChannelPattern, SluiceError } from '../../core/index.js';
import { listChannels } from '../../bus/index.js';
import {
  openMcapRecording,
  openRecording,
  type Recording,
  type RecordOptions,
} from '../../video/index.js';
import { atLeast, channelPattern, duration, positiveSeconds } from '../option-values.js';
import { addEndOptions, type Start } from '../program.js';
import { type CommonOptions, opensAsUsage, type Run, UsageError } from '../run.js';
import { safeJson } from '../safe-json.js';
import { formatBytes, plural } from '../units.js';

interface RecordCommandOptions extends CommonOptions {
  readonly preRoll?: number;
  readonly segment?: number;
  readonly keep?: number;
  readonly maxBytes?: number;
  readonly label?: string;
}

/** Replaced in the name of the file, where several channels are recorded. */
const PLACE_OF_CHANNEL = '{channel}';
const PACKETS = '/packets';

export const EXAMPLES = [
  'sluice record camera/door door.mp4',
  'sluice record camera/door event.mkv --pre-roll 10 --seconds 30',
  "sluice record '**' all.mcap --seconds 60",
  "sluice record 'camera/*' '{channel}.mp4' --segment 600 --keep 7d --max-bytes 50000000000",
];

export function configure(command: Command, start: Start): void {
  command
    .argument(
      '<channel>',
      'of pictures, whose /packets are recorded; any for .mcap; or a pattern',
      channelPattern,
    )
    .argument('<file>', `ends in .mp4, .mkv or .mcap; ${PLACE_OF_CHANNEL} stands for the channel`)
    .option('--pre-roll <s>', 'begin so many seconds in the past', positiveSeconds('--pre-roll'))
    .option('--segment <s>', 'a new file after this time', positiveSeconds('--segment'))
    .option('--keep <time>', 'delete segments after 7d, 12h, 90m or 30s', duration('--keep'))
    .option('--max-bytes <n>', 'delete the oldest segments beyond', atLeast('--max-bytes', 1))
    .option('--label <text>', 'how the publisher sees this recording')
    .action((channel: string, file: string, options: RecordCommandOptions) =>
      start(options, (run) => record(run, channel, file, options)),
    );
  addEndOptions(command);
}

async function record(
  run: Run,
  channel: string,
  file: string,
  options: RecordCommandOptions,
): Promise<void> {
  if (file.endsWith('.mcap')) return recordMcap(run, channel, file, options);
  const channels = isChannelPattern(channel) ? await present(run, channel) : [channel];
  if (channels.length > 1 && !file.includes(PLACE_OF_CHANNEL)) {
    throw new UsageError(
      `${channels.length} channels match: put ${PLACE_OF_CHANNEL} in the name of the file`,
    );
  }
  const recordings = await Promise.all(
    channels.map((name) =>
      opensAsUsage(() => openRecording(name, recordOptions(run, name, file, options))),
    ),
  );
  const failures = await Promise.all(recordings.map((recording) => follow(run, recording)));
  const failure = failures.find((error) => error !== undefined);
  if (failure !== undefined) throw failure;
}

/** Everything that matches, on one clock, until it is told to end. */
async function recordMcap(
  run: Run,
  pattern: string,
  file: string,
  options: RecordCommandOptions,
): Promise<void> {
  for (const name of ['preRoll', 'segment', 'keep', 'maxBytes'] as const) {
    if (options[name] === undefined) continue;
    throw new UsageError('--pre-roll, --segment, --keep and --max-bytes are for .mp4 and .mkv');
  }
  const { label, dir } = options;
  const recording = await openMcapRecording(pattern, {
    file,
    signal: run.signal,
    ...(label === undefined ? {} : { label }),
    ...(dir === undefined ? {} : { directory: dir }),
  });
  if (run.json) run.print(safeJson({ event: 'open', pattern }));
  const { error } = await recording.closed;
  const stats = recording.stats();
  if (run.json) run.print(safeJson({ event: 'end', pattern, ...stats }));
  const { channels, units, bytes, lost } = stats;
  const what = `${plural(units, 'unit')} of ${plural(channels, 'channel')}, ${formatBytes(bytes)}`;
  run.note(`${what}${lost === 0 ? '' : `, ${lost} lost`}`);
  if (error !== undefined) throw error;
}

/** The channels that match now and have packets. */
async function present(run: Run, pattern: string): Promise<readonly string[]> {
  const { dir } = run.options;
  const place = dir === undefined ? {} : { directory: dir };
  const found = await listChannels(`${pattern}${PACKETS}`, place);
  if (found.length > 0) return found.map(({ channel }) => channel.slice(0, -PACKETS.length));
  throw new SluiceError('CHANNEL_NOT_FOUND', `nobody publishes packets of ${pattern}`, {
    details: { pattern },
    remedy: 'See what there is with `sluice ls`; a channel by its name is waited for.',
  });
}

/** Until it has ended; what was wrong, if anything. */
async function follow(run: Run, recording: Recording): Promise<SluiceError | undefined> {
  const { channel } = recording;
  if (run.json) run.print(safeJson({ event: 'open', channel }));
  const { error } = await recording.closed;
  const stats = recording.stats();
  if (run.json) run.print(safeJson({ event: 'end', channel, ...stats }));
  const { files, packets, bytes, lost } = stats;
  const missed = lost === 0 ? '' : `, ${lost} lost`;
  const what = `${plural(packets, 'packet')} in ${plural(files, 'file')}`;
  run.note(`${channel}: ${what}, ${formatBytes(bytes)}${missed}`);
  return error;
}

function recordOptions(
  run: Run,
  channel: string,
  file: string,
  { preRoll, segment, keep, maxBytes, label, dir }: RecordCommandOptions,
): RecordOptions {
  return {
    file: file.replaceAll(PLACE_OF_CHANNEL, channel.replaceAll('/', '~')),
    signal: run.signal,
    ...(preRoll === undefined ? {} : { preRollSeconds: preRoll }),
    ...(segment === undefined ? {} : { segmentSeconds: segment }),
    ...(keep === undefined ? {} : { keepSeconds: keep }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(label === undefined ? {} : { label }),
    ...(dir === undefined ? {} : { directory: dir }),
  };
}
