/** `sluice record <channel | pattern> <file>`: packets as they were encoded, any channels, or a terminal, into files. */
import type { Command } from 'commander';
import { channelFileStem, isChannelPattern } from '../../core/index.js';
import {
  openMcapRecording,
  openPatternRecording,
  openRecording,
  type RecordingStats,
  type RecordOptions,
} from '../../video/index.js';
import { PLACE_OF_CHANNEL } from '../../video/record/pattern-recording.js';
import type { LayoutKind } from '../../terminal/view/layout.js';
import { type CastRecordStats, recordCast } from '../cast/record-cast.js';
import { addLayoutOptions, DEFAULT_CAST_SIZE, type LayoutOptions } from '../layout-options.js';
import { atLeast, channelPattern, duration, positiveSeconds } from '../option-values.js';
import { addEndOptions, type Start } from '../program.js';
import { type CommonOptions, opensAsUsage, type Run, UsageError } from '../run.js';
import { safeJson } from '../safe-json.js';
import { formatBytes, plural } from '../units.js';

interface RecordCommandOptions extends CommonOptions, LayoutOptions {
  readonly preRoll?: number;
  readonly segment?: number;
  readonly keep?: number;
  readonly maxBytes?: number;
  readonly label?: string;
  readonly overwrite?: boolean;
}

export const EXAMPLES = [
  'sluice record camera/door door.mp4',
  'sluice record camera/door event.mkv --pre-roll 10 --seconds 30',
  "sluice record '**' all.mcap --seconds 60",
  'sluice record agent/fix fix.cast',
  "sluice record 'agent/*' all.cast --layout grid --size 120x40",
  "sluice record 'camera/*' '{channel}.mp4' --segment 600 --keep 7d --max-bytes 50000000000",
];

export function configure(command: Command, start: Start): void {
  command
    .argument(
      '<channel>',
      'of pictures, whose /packets are recorded; any for .mcap; of an agent for .cast; or a pattern',
      channelPattern,
    )
    .argument(
      '<file>',
      `ends in .mp4, .mkv, .mcap or .cast; ${PLACE_OF_CHANNEL} stands for the channel`,
    )
    .option('--pre-roll <s>', 'begin so many seconds in the past', positiveSeconds('--pre-roll'))
    .option('--segment <s>', 'a new file after this time', positiveSeconds('--segment'))
    .option('--keep <time>', 'delete segments after 7d, 12h, 90m or 30s', duration('--keep'))
    .option('--max-bytes <n>', 'delete the oldest segments beyond', atLeast('--max-bytes', 1))
    .option('--label <text>', 'how the publisher sees this recording')
    .option('--overwrite', 'a file that exists is replaced')
    .action((channel: string, file: string, options: RecordCommandOptions) =>
      start(options, (run) => record(run, channel, file, options)),
    );
  addLayoutOptions(command, '.cast: ');
  addEndOptions(command);
}

async function record(
  run: Run,
  channel: string,
  file: string,
  options: RecordCommandOptions,
): Promise<void> {
  if (file.endsWith('.cast') && options.layout !== undefined) {
    return recordAgents(run, channel, file, options.layout, options);
  }
  if (options.layout !== undefined) throw new UsageError('--layout is for .cast');
  if (options.size !== undefined) throw new UsageError('--size is for --layout');
  if (file.endsWith('.cast')) return recordAgent(run, channel, file, options);
  if (file.endsWith('.mcap')) return recordMcap(run, channel, file, options);
  if (isChannelPattern(channel)) return recordPattern(run, channel, file, options);
  const named = file.replaceAll(PLACE_OF_CHANNEL, channelFileStem(channel));
  const recording = await opensAsUsage(() =>
    openRecording(channel, recordOptions(run, named, options)),
  );
  if (run.json) run.print(safeJson({ event: 'open', channel }));
  const { error } = await recording.closed;
  tellEnd(run, channel, recording.stats());
  if (error !== undefined) throw error;
}

/** Every channel that matches, those that come later too, until it is told to end. */
async function recordPattern(
  run: Run,
  pattern: string,
  file: string,
  options: RecordCommandOptions,
): Promise<void> {
  const recording = await opensAsUsage(() =>
    openPatternRecording(pattern, {
      ...recordOptions(run, file, options),
      onChange: ({ type, channel, stats, error }) => {
        if (type === 'ended') tellEnd(run, channel, stats);
        else if (run.json) run.print(safeJson({ event: 'open', channel }));
        else run.note(`${channel}: recording`);
        if (error !== undefined) run.note(error.message);
      },
    }),
  );
  if (run.json) run.print(safeJson({ event: 'open', pattern }));
  const { error } = await recording.closed;
  if (error !== undefined) throw error;
}

/** Everything that matches, on one clock, until it is told to end. */
async function recordMcap(
  run: Run,
  pattern: string,
  file: string,
  options: RecordCommandOptions,
): Promise<void> {
  refuseSegments(options);
  refusePlace(file);
  const { label, overwrite, dir } = options;
  const recording = await openMcapRecording(pattern, {
    file,
    ...(overwrite === undefined ? {} : { overwrite }),
    signal: run.signal,
    onProblem: (_channel, error) => run.note(error.message),
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

/** One agent, until its channel ends. */
async function recordAgent(
  run: Run,
  channel: string,
  file: string,
  options: RecordCommandOptions,
): Promise<void> {
  refuseSegments(options);
  if (isChannelPattern(channel)) {
    throw new UsageError(
      'a .cast is of one agent, or say --layout; an .mcap has all that match a pattern',
    );
  }
  const named = file.replaceAll(PLACE_OF_CHANNEL, channelFileStem(channel));
  tellCast(run, channel, await recordCast(run, channel, named, options));
}

/** All agents that match in one terminal, until it is told to end. */
async function recordAgents(
  run: Run,
  pattern: string,
  file: string,
  layout: LayoutKind,
  options: RecordCommandOptions,
): Promise<void> {
  refuseSegments(options);
  refusePlace(file);
  const { size = DEFAULT_CAST_SIZE } = options;
  const { recordLayout } = await import('../cast/record-layout.js');
  if (run.json) run.print(safeJson({ event: 'open', pattern }));
  tellCast(run, pattern, await recordLayout(run, pattern, file, { ...options, layout, size }));
}

function tellCast(run: Run, channel: string, { events, bytes, lost }: CastRecordStats): void {
  if (run.json) run.print(safeJson({ event: 'end', channel, events, bytes, lost }));
  const missed = lost === 0 ? '' : `, ${lost} lost`;
  run.note(`${channel}: ${plural(events, 'event')}, ${formatBytes(bytes)}${missed}`);
}

function refuseSegments(options: RecordCommandOptions): void {
  for (const name of ['preRoll', 'segment', 'keep', 'maxBytes'] as const) {
    if (options[name] === undefined) continue;
    throw new UsageError('--pre-roll, --segment, --keep and --max-bytes are for .mp4 and .mkv');
  }
}

function refusePlace(file: string): void {
  if (!file.includes(PLACE_OF_CHANNEL)) return;
  throw new UsageError(`${file} has all channels in it: there is none for ${PLACE_OF_CHANNEL}`);
}

function tellEnd(run: Run, channel: string, stats: RecordingStats): void {
  if (run.json) run.print(safeJson({ event: 'end', channel, ...stats }));
  const { files, packets, bytes, lost } = stats;
  const missed = lost === 0 ? '' : `, ${lost} lost`;
  const what = `${plural(packets, 'packet')} in ${plural(files, 'file')}`;
  run.note(`${channel}: ${what}, ${formatBytes(bytes)}${missed}`);
}

function recordOptions(
  run: Run,
  file: string,
  { preRoll, segment, keep, maxBytes, label, overwrite, dir }: RecordCommandOptions,
): RecordOptions {
  return {
    file,
    signal: run.signal,
    ...(preRoll === undefined ? {} : { preRollSeconds: preRoll }),
    ...(segment === undefined ? {} : { segmentSeconds: segment }),
    ...(keep === undefined ? {} : { keepSeconds: keep }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(overwrite === undefined ? {} : { overwrite }),
    ...(label === undefined ? {} : { label }),
    ...(dir === undefined ? {} : { directory: dir }),
  };
}
