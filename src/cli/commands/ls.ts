/** `sluice ls [pattern]`: the channels there are. */
import type { Command } from 'commander';
import { describeFormat } from '../../format/describe.js';
import { resolveRuntimeDirectory } from '../../bus/directory/runtime-directory.js';
import { type ChannelReport, type ChannelState, reportChannels } from '../channel-reports.js';
import type { Paint } from '../paint.js';
import type { Start } from '../program.js';
import { asUsage, type CommonOptions, ExitCode, type Run } from '../run.js';
import { type Column, renderTable } from '../table.js';
import { formatBytes, formatCount, formatRate, plural } from '../units.js';

export function configure(command: Command, start: Start): void {
  command
    .argument('[pattern]', 'a channel, camera/* (one level) or camera/** (any depth)')
    .action((pattern: string | undefined, options: CommonOptions) =>
      start(options, (run) => ls(run, pattern)),
    );
}

export const EXAMPLES = ['sluice ls', "sluice ls 'camera/**' --json"];

/**
 * The arguments of the plain forms of `ls`, or undefined for any other: then the command line's
 * parser is asked, which takes longer to load than the listing takes to do.
 */
export function plainArguments(
  words: readonly string[],
): { readonly pattern: string | undefined; readonly options: CommonOptions } | undefined {
  let pattern: string | undefined;
  let options: CommonOptions = {};
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (word === '--json') options = { ...options, json: true };
    else if (word === '-q' || word === '--quiet') options = { ...options, quiet: true };
    else if (word === '--dir' && words[index + 1] !== undefined) {
      options = { ...options, dir: words[++index] ?? '' };
    } else if (!word.startsWith('-') && word !== '' && pattern === undefined) pattern = word;
    else return undefined;
  }
  return { pattern, options };
}

export async function ls(run: Run, pattern: string | undefined): Promise<number> {
  if (pattern !== undefined) {
    const { assertChannelPattern } = await import('../../core/channel-name.js');
    asUsage(() => assertChannelPattern(pattern));
  }
  const directory = resolveRuntimeDirectory(run.options.dir);
  const reports = await reportChannels(directory, pattern ?? '**', (_path, error) =>
    run.note(`sluice: ${error.message}`),
  );
  const missing = reports.length === 0 && pattern !== undefined;
  if (run.json) {
    const { safeJson } = await import('../safe-json.js');
    for (const report of reports) run.print(safeJson(channelJson(report)));
  } else if (missing) {
    run.note(`no channel matches ${pattern} in ${directory.path}`);
  } else {
    const { loadPaint } = await import('../paint.js');
    for (const line of listingLines(reports, directory.path, await loadPaint())) run.print(line);
  }
  return missing ? ExitCode.nothing : ExitCode.done;
}

/** The screen: a table and a summary. */
export function listingLines(
  reports: readonly ChannelReport[],
  directoryPath: string,
  paint: Paint,
): readonly string[] {
  if (reports.length === 0) return [`no channels in ${directoryPath}`];
  const lines = renderTable(columnsOf(paint), reports, paint.bold);
  return [...lines, `${summaryOf(reports)}      ${directoryPath}`];
}

function columnsOf(paint: Paint): readonly Column<ChannelReport>[] {
  const fact = (text: (facts: NonNullable<ChannelReport['facts']>) => string) => {
    return ({ facts }: ChannelReport): string => (facts === undefined ? '-' : text(facts));
  };
  return [
    { title: 'CHANNEL', align: 'left', text: ({ manifest }) => manifest.channel },
    {
      title: 'FORMAT',
      align: 'left',
      text: ({ manifest }) => describeFormat(manifest.format),
      maxWidth: 40,
    },
    { title: 'MEMORY', align: 'left', text: ({ manifest }) => manifest.memory },
    {
      title: 'RATE',
      align: 'right',
      text: fact(({ publisher }) => `${formatRate(publisher.ratePerSecond)}/s`),
    },
    {
      title: 'SUBS',
      align: 'right',
      text: fact(({ publisher }) => formatCount(publisher.subscribers)),
    },
    {
      title: 'DROP',
      align: 'right',
      text: fact(({ publisher }) => formatCount(publisher.dropped)),
    },
    {
      title: 'STATE',
      align: 'left',
      text: ({ state }) => state,
      paint: ({ state }) => paintOfState(state, paint),
    },
  ];
}

export function paintOfState(state: ChannelState, paint: Paint): (text: string) => string {
  if (state === 'live') return paint.green;
  if (state === 'idle') return paint.dim;
  return state === 'silent' ? paint.yellow : paint.red;
}

function summaryOf(reports: readonly ChannelReport[]): string {
  const processes = new Set<string>();
  const bytesOf = new Map<string, number>();
  for (const { manifest, state } of reports) {
    if (state === 'dead') continue;
    const { pid, startedAt, bootId } = manifest.process;
    processes.add(`${pid} ${startedAt} ${bootId}`);
    const bytes = manifest.slots * manifest.slotBytes;
    bytesOf.set(manifest.memory, (bytesOf.get(manifest.memory) ?? 0) + bytes);
  }
  const parts = [plural(reports.length, 'channel'), plural(processes.size, 'process')];
  for (const [memory, bytes] of bytesOf) parts.push(`${formatBytes(bytes)} ${memory}`);
  return parts.join(', ');
}

/** A report as `--json` shows it. */
export function channelJson({ manifest, state, facts, error }: ChannelReport): object {
  return {
    channel: manifest.channel,
    state,
    format: manifest.format,
    memory: manifest.memory,
    ...(manifest.device === undefined ? {} : { device: manifest.device }),
    layout: manifest.layout,
    slots: manifest.slots,
    slotBytes: manifest.slotBytes,
    epoch: manifest.epoch,
    instance: manifest.instance,
    process: manifest.process,
    ...(facts === undefined ? {} : { publisher: facts.publisher, subscribers: facts.subscribers }),
    ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }),
  };
}
