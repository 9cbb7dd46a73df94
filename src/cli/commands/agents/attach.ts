/** `sluice agents attach [agent]`: all agents of a session on this terminal. */
import type { Command } from 'commander';
import { isSluiceError } from '../../../core/index.js';
import { listChannels } from '../../../bus/directory/discovery.js';
import {
  agentChannel,
  connectOrLaunch,
  ControlClient,
  MAX_TRANSCRIPT_LINES,
  RemoteViewer,
} from '../../../terminal/session/index.js';
import { parseKeyName } from '../../../terminal/input/index.js';
import { LAYOUT_KINDS, type LayoutKind } from '../../../terminal/view/layout.js';
import {
  addSessionOption,
  agentName,
  launchOptions,
  type SessionOptions,
} from '../../agents/session-options.js';
import { atMost, oneOf } from '../../option-values.js';
import type { Start } from '../../program.js';
import { asUsage, type Run } from '../../run.js';

const DEFAULT_TRANSCRIPT_LINES = 20;

interface ViewOptions {
  readonly layout?: LayoutKind;
  readonly prefix?: string;
  readonly notify?: boolean;
  readonly lines?: boolean;
  readonly transcript?: number;
}

export const EXAMPLES = [
  'sluice agents attach',
  'sluice agents attach fix --layout focus --notify',
  'sluice agents attach --prefix C-b',
  'sluice agents attach --transcript 200',
  'sluice agents attach --lines | tee all.log',
];

export function configure(command: Command, start: Start): void {
  command
    .argument('[agent]', 'the one that has the keys at first', agentName)
    .option('--layout <name>', LAYOUT_KINDS.join(', '), oneOf('--layout', LAYOUT_KINDS))
    .option('--prefix <key>', 'the key before a command; default C-g, then ? shows all', keyOf)
    .option('--notify', 'tell the desktop when an agent begins to wait, by this terminal (OSC 9)');
  command.option(
    '--lines',
    'no panes: whole lines, each with its agent, until all have ended (default when the output is no terminal)',
  );
  command.option(
    '--transcript <lines>',
    `when the panes are left, so many lines of each go to the scrollback; 0: none; default ${DEFAULT_TRANSCRIPT_LINES}`,
    atMost('--transcript', MAX_TRANSCRIPT_LINES),
  );
  addSessionOption(command);
  command.action((agent: string | undefined, options: SessionOptions & ViewOptions) =>
    start(options, (run) => showSession(run, options, agent, options)),
  );
}

function keyOf(value: string): string {
  asUsage(() => parseKeyName(value));
  return value;
}

export async function showSession(
  run: Run,
  options: SessionOptions,
  focus: string | undefined,
  {
    layout,
    prefix,
    notify,
    lines = !process.stdout.isTTY,
    transcript = DEFAULT_TRANSCRIPT_LINES,
  }: ViewOptions,
): Promise<void> {
  const client = await connect(options);
  try {
    if (lines) {
      const { directory } = launchOptions(options);
      const { showLines } = await import('../../agents/agent-lines.js');
      return await showLines(run, { directory: directory.path, client, agent: focus });
    }
    const viewer = new RemoteViewer({
      client,
      directory: process.cwd(),
      environment: process.env,
      signal: run.signal,
      transcriptLines: transcript,
      ...(layout === undefined ? {} : { layout }),
      ...(prefix === undefined ? {} : { prefixKey: prefix }),
      ...(focus === undefined ? {} : { focus }),
      ...(notify === undefined ? {} : { notify }),
    });
    const end = await viewer.run();
    if (end === 'detach') run.note('left; the agents go on: sluice agents attach');
    else if (end === 'host') run.note('the session has ended');
  } finally {
    client.close();
  }
}

/** Without a session it is begun when there are agents of other processes to show. */
async function connect(options: SessionOptions): Promise<ControlClient> {
  const launch = launchOptions(options);
  try {
    return ControlClient.connect(launch.directory, launch.session);
  } catch (error) {
    if (!isSluiceError(error, 'SESSION_NOT_FOUND')) throw error;
    const there = await listChannels(agentChannel('*'), { directory: launch.directory.path });
    if (there.length === 0) throw error;
    return connectOrLaunch(launch);
  }
}
