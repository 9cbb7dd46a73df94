/** `sluice replay --show` and `--out`: recorded agents in this terminal, or as an asciicast. */
import { realpathSync } from 'node:fs';
import { basename, extname } from 'node:path';
import type { Command } from 'commander';
import { printable } from '../../core/index.js';
import type { AgentSelection, Recording } from '../../terminal/replay/index.js';
import { addLayoutOptions, DEFAULT_CAST_SIZE, type LayoutOptions } from '../layout-options.js';
import { nameList, positiveSeconds } from '../option-values.js';
import { type CommonOptions, type Run, UsageError } from '../run.js';
import { safeJson } from '../safe-json.js';
import { formatBytes, plural } from '../units.js';
import type { ReplayChoices } from './replay-choices.js';

export interface PlayOptions extends CommonOptions, LayoutOptions {
  readonly show?: boolean;
  readonly out?: string;
  readonly overwrite?: boolean;
  readonly solo?: readonly string[];
  readonly mute?: readonly string[];
  readonly from?: number;
  readonly exit?: boolean;
  readonly speed?: number;
  readonly idleLimit?: number;
}

/** What is for --show and --out only. */
export const PLAY_OPTIONS = [
  'layout',
  'size',
  'solo',
  'mute',
  'from',
  'exit',
  'overwrite',
] as const;

export function addPlayOptions(command: Command): void {
  command
    .optionsGroup('Agents that were recorded:')
    .option('--show', 'in this terminal, with the keys of a player; in lines where it is none')
    .option('--out <file>', 'as a .cast: one agent as it was, or with --layout all of them')
    .option('--overwrite', '--out: a file that exists is replaced');
  addLayoutOptions(command, '');
  command
    .option(
      '--solo <names>',
      'these only, as fix,test; the first has the focus',
      nameList('--solo'),
    )
    .option('--mute <names>', 'all but these', nameList('--mute'))
    .option('--from <s>', 'begin at this time of the recording', positiveSeconds('--from'))
    .option('--exit', '--show: leave at the end');
}

/** Until it has been played or written. Throws a UsageError for what cannot be meant. */
export async function playAgents(
  run: Run,
  files: readonly string[],
  options: PlayOptions,
): Promise<void> {
  refuse(files, options);
  const { readRecording } = await import('./read-recording.js');
  const { checkStart, selectAgents } = await import('./replay-choices.js');
  const recording = await readRecording(files, run.signal);
  const selection = selectAgents(recording, options.solo, options.mute);
  const { from = 0, speed, idleLimit = Infinity } = options;
  const choices = { fromMs: from * 1000, speed, idleLimitMs: idleLimit * 1000 };
  checkStart(recording, choices.fromMs);
  if (options.out !== undefined) {
    return writeAgents(run, files, options.out, { recording, selection, choices, options });
  }
  if (process.stdout.isTTY) return showAgents(run, { recording, selection, choices, options });
  const { replayLines } = await import('./replay-lines.js');
  return replayLines(run, recording, selection, choices);
}

interface Play {
  readonly recording: Recording;
  readonly selection: AgentSelection;
  readonly choices: ReplayChoices;
  readonly options: PlayOptions;
}

async function showAgents(
  run: Run,
  { recording, selection, choices, options }: Play,
): Promise<void> {
  const { ReplayViewer } = await import('../../terminal/viewer/index.js');
  const { layout, exit } = options;
  const { speed, ...times } = choices;
  const viewer = new ReplayViewer({
    recording,
    selection,
    signal: run.signal,
    ...times,
    ...(speed === undefined ? {} : { speed }),
    ...(layout === undefined ? {} : { layout }),
    ...(exit === undefined ? {} : { exitAtEnd: exit }),
  });
  await viewer.run();
}

async function writeAgents(
  run: Run,
  files: readonly string[],
  out: string,
  { recording, selection, choices, options }: Play,
): Promise<void> {
  const { agentCast, layoutCast } = await import('../../terminal/replay/index.js');
  const { writeCast } = await import('./write-cast.js');
  const { layout, size = DEFAULT_CAST_SIZE } = options;
  const { speed = 1, ...times } = choices;
  const [only, ...more] = recording.agents.filter(({ name }) => selection.shows(name));
  if (layout === undefined && more.length > 0) {
    const names = selection.shown.map((name) => printable(name, 80)).join(', ');
    throw new UsageError(`--out ${out}: say --layout, or --solo for one of ${names}`);
  }
  const title = basename(files[0]!, extname(files[0]!));
  const { startedMs } = recording;
  const lines =
    layout === undefined
      ? agentCast(only!, { ...times, speed, startedMs })
      : layoutCast(recording, { ...times, ...size, speed, selection, layout, title });
  const { events, bytes } = await writeCast(run, out, lines, options.overwrite);
  const agents = selection.shown.length;
  if (run.json) run.print(safeJson({ event: 'end', file: out, agents, events, bytes }));
  const what = layout === undefined ? 'event' : 'frame';
  run.note(`${out}: ${plural(agents, 'agent')}, ${plural(events, what)}, ${formatBytes(bytes)}`);
}

function refuse(files: readonly string[], options: PlayOptions): void {
  const { out, show, exit, json, speed, layout, size } = options;
  const kinds = new Set(files.map((file) => extname(file)));
  const isMcap = kinds.has('.mcap') && files.length === 1;
  const areCasts = kinds.has('.cast') && kinds.size === 1;
  if (!isMcap && !areCasts)
    throw new UsageError('--show and --out are for one .mcap or for .cast files');
  if (out === undefined) {
    if (size !== undefined) throw new UsageError('--size is for --out: a terminal has its own');
    if (json === true) throw new UsageError('--json is not for --show');
    return;
  }
  if (show === true) throw new UsageError('--show and --out are two ways: take one');
  if (exit === true) throw new UsageError('--exit is for --show');
  if (speed === Infinity)
    throw new UsageError('--speed max is not for --out, which waits for nothing');
  if (size !== undefined && layout === undefined) throw new UsageError('--size is for --layout');
  if (extname(out) !== '.cast') throw new UsageError(`--out ${out}: must end in .cast`);
  if (files.some((file) => isSameFile(file, out))) {
    throw new UsageError(`--out ${out} is what is read: name another file`);
  }
}

function isSameFile(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    // One of them is not there.
    return false;
  }
}
