/** `sluice watch [pattern]`: channels as they come, change and go. */
import type { Command } from 'commander';
import { printable } from '../../core/index.js';
import { describeFormat } from '../../format/index.js';
import { type ChannelEvent, watchChannels } from '../../bus/directory/discovery.js';
import { channelPattern } from '../option-values.js';
import { loadPaint, type Paint } from '../paint.js';
import { addEndOptions, type Start } from '../program.js';
import type { CommonOptions, Run } from '../run.js';
import { safeJson } from '../safe-json.js';
import { pad } from '../table.js';

interface WatchOptions extends CommonOptions {
  readonly frames?: number;
}

export const EXAMPLES = ['sluice watch', "sluice watch 'camera/**' --json --seconds 10"];

export function configure(command: Command, start: Start): void {
  command
    .argument(
      '[pattern]',
      'a channel, camera/* (one level) or camera/** (any depth)',
      channelPattern,
    )
    .action((pattern: string | undefined, options: WatchOptions) =>
      start(options, (run) => watch(run, pattern ?? '**', options.frames ?? Infinity)),
    );
  addEndOptions(command, 'events');
}

async function watch(run: Run, pattern: string, most: number): Promise<void> {
  const { dir } = run.options;
  const paint = await loadPaint();
  const events = watchChannels(pattern, {
    signal: run.signal,
    onProblem: (_path, error) => run.note(`sluice: ${error.message}`),
    ...(dir === undefined ? {} : { directory: dir }),
  });
  let shown = 0;
  for await (const event of events) {
    run.print(run.json ? eventJson(event) : eventLine(event, new Date(), paint));
    shown += 1;
    if (shown >= most) return;
  }
}

export function eventLine({ type, manifest }: ChannelEvent, at: Date, paint: Paint): string {
  const { channel, format, memory, epoch, process: owner } = manifest;
  const color = type === 'retired' ? paint.red : type === 'announced' ? paint.green : paint.yellow;
  const who = `${printable(owner.label, 64)} (pid ${owner.pid})`;
  const what = `${describeFormat(format)}, ${memory}, epoch ${epoch}, ${who}`;
  return `${clockTime(at)}  ${color(pad(type, 9, 'left'))}  ${paint.bold(channel)}  ${what}`;
}

function clockTime(at: Date): string {
  return at.toTimeString().slice(0, 8);
}

function eventJson({ type, manifest }: ChannelEvent): string {
  return safeJson({ type, at: new Date().toISOString(), manifest });
}
