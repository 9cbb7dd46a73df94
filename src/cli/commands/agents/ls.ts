/** `sluice agents ls`: the agents of a session, or of all. */
import type { Command } from 'commander';
import { isSluiceError, printable } from '../../../core/index.js';
import { resolveRuntimeDirectory } from '../../../bus/directory/runtime-directory.js';
import { type AgentInfo, ControlClient } from '../../../terminal/session/index.js';
import { commandLine, stateWord } from '../../agents/agent-words.js';
import {
  addSessionOption,
  noAgents,
  sessionNames,
  type SessionOptions,
  type SessionState,
  sessionState,
} from '../../agents/session-options.js';
import { loadPaint, type Paint } from '../../paint.js';
import type { Start } from '../../program.js';
import type { Run } from '../../run.js';
import { safeJson } from '../../safe-json.js';
import { type Column, renderTable } from '../../table.js';
import { formatBytes, formatDuration } from '../../units.js';

export const EXAMPLES = ['sluice agents ls', 'sluice agents ls --session review --json'];

export function configure(command: Command, start: Start): void {
  addSessionOption(command);
  command.action((options: SessionOptions) => start(options, (run) => list(run, options)));
}

interface Row {
  readonly session: string;
  readonly info: AgentInfo;
}

async function list(run: Run, { session, dir }: SessionOptions): Promise<void> {
  const directory = resolveRuntimeDirectory(dir);
  const names = session === undefined ? sessionNames(directory) : [session];
  const states = (await Promise.all(names.map(ask))).filter((state) => state !== undefined);
  if (run.json) run.print(safeJson({ sessions: states }));
  const rows = states.flatMap((state) =>
    state.agents.map((info) => ({ session: state.session, info })),
  );
  if (rows.length === 0) throw noAgents(session);
  if (run.json) return;
  const paint = await loadPaint();
  for (const line of renderTable(columns(paint, states.length > 1), rows, paint.dim))
    run.print(line);
  for (const { info } of rows) {
    if (info.log.problem !== '')
      run.note(`${info.name}: its log cannot be written: ${printable(info.log.problem)}`);
  }

  async function ask(name: string): Promise<SessionState | undefined> {
    let client: ControlClient;
    try {
      client = ControlClient.connect(directory, name);
    } catch (error) {
      // What a dead host left behind, unless it was asked for by name.
      if (session === undefined && isSluiceError(error, 'SESSION_NOT_FOUND')) return undefined;
      throw error;
    }
    try {
      return await sessionState(client);
    } finally {
      client.close();
    }
  }
}

function columns(paint: Paint, withSession: boolean): readonly Column<Row>[] {
  const plain = (text: string): string => text;
  const stateColor = ({ info: { status, attention, exitCode, signal } }: Row) => {
    if (status === 'ended') return signal === undefined && exitCode === 0 ? paint.green : paint.red;
    return attention.state === 'waits' ? paint.yellow : plain;
  };
  const session: Column<Row> = { title: 'SESSION', align: 'left', text: (row) => row.session };
  return [
    ...(withSession ? [session] : []),
    { title: 'AGENT', align: 'left', text: ({ info }) => info.name },
    { title: 'STATE', align: 'left', text: ({ info }) => stateWord(info), paint: stateColor },
    {
      title: 'FOR',
      align: 'right',
      text: ({ info }) => formatDuration(Date.now() - info.attention.sinceMs),
    },
    { title: 'SIZE', align: 'right', text: ({ info }) => `${info.columns}x${info.rows}` },
    { title: 'WRITTEN', align: 'right', text: ({ info }) => formatBytes(info.log.sequence) },
    { title: 'COMMAND', align: 'left', text: ({ info }) => commandLine(info), maxWidth: 40 },
    { title: 'SAYS', align: 'left', text: ({ info }) => printable(info.attention.text, 80) },
  ];
}
