/** `sluice agents log <agent>`: all that an agent has written, from its files. */
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import type { Command } from 'commander';
import { isSluiceError, printable, SluiceError } from '../../../core/index.js';
import { type AgentInfo, listSegments, readLogPiece } from '../../../terminal/session/index.js';
import {
  addSessionOption,
  agentName,
  launchOptions,
  type SessionOptions,
  withSession,
} from '../../agents/session-options.js';
import { atLeast } from '../../option-values.js';
import { addEndOptions, type Start } from '../../program.js';
import type { Run } from '../../run.js';

interface LogOptions extends SessionOptions {
  readonly from?: number;
  readonly follow?: boolean;
  readonly raw?: boolean;
}

export const EXAMPLES = [
  'sluice agents log fix | less -R',
  'sluice agents log fix --follow',
  'sluice agents log fix --from 1000000 > rest.log',
];

const PIECE_BYTES = 1 << 18;
const LOOK_MS = 100;
const MAX_LINE_LENGTH = 10_000;

export function configure(command: Command, start: Start): void {
  command
    .argument('<agent>', 'which one; also one that is gone', agentName)
    .option('--from <sequence>', 'the byte to begin with', atLeast('--from', 0))
    .option('-f, --follow', 'and what follows, until the agent is stopped')
    .option('--raw', 'the bytes as they are on a terminal too, with all that they may do to it');
  addSessionOption(command);
  addEndOptions(command);
  command.action((agent: string, options: LogOptions) =>
    start(options, (run) => showLog(run, agent, options)),
  );
}

async function showLog(run: Run, name: string, options: LogOptions): Promise<void> {
  const { from = 0, follow, raw } = options;
  const info = await infoOf(name, options);
  const { session, stateDirectory } = launchOptions(options);
  const directory = info?.log.directory ?? join(stateDirectory, session, name);
  const [first] = listSegments(directory);
  if (first === undefined && info === undefined) {
    throw new SluiceError(
      'SESSION_NOT_FOUND',
      `session ${session} has no log of an agent ${name}`,
      {
        details: { session, name, directory },
      },
    );
  }
  const asText = raw !== true && process.stdout.isTTY;
  const output = asText ? new TextOutput(run) : new ByteOutput();
  let sequence = from;
  let end = info?.log.sequence ?? Infinity;
  while (!run.ended) {
    const piece =
      sequence < end || follow === true
        ? readLogPiece(directory, sequence, PIECE_BYTES)
        : undefined;
    if (piece !== undefined) {
      if (piece.sequence > sequence) {
        run.note(`bytes ${sequence} to ${piece.sequence - 1} are not there any more`);
      }
      sequence = piece.sequence + piece.bytes.byteLength;
      await output.write(piece.bytes, run);
      continue;
    }
    if (info === undefined || (follow !== true && sequence >= end) || info.log.problem !== '')
      break;
    // What was written a moment ago is on its way to the file.
    await sleep(LOOK_MS, undefined, { signal: run.signal }).catch(() => undefined);
    const now = await infoOf(name, options);
    if (follow === true) end = now?.log.sequence ?? end;
    // The files of one that was stopped are whole; its last words may have come since the last look.
    if (now === undefined && readLogPiece(directory, sequence, 1) === undefined) break;
  }
  output.end();
}

/** Undefined when there is no such session or agent (any more): its files may still be there. */
async function infoOf(name: string, options: SessionOptions): Promise<AgentInfo | undefined> {
  try {
    const agents = await withSession(options, (session) => session.agents());
    return agents.find((agent) => agent.name === name);
  } catch (error) {
    if (isSluiceError(error, 'SESSION_NOT_FOUND') || isSluiceError(error, 'CLOSED'))
      return undefined;
    throw error;
  }
}

class ByteOutput {
  async write(bytes: Uint8Array, run: Run): Promise<void> {
    if (process.stdout.write(bytes) || run.ended) return;
    await once(process.stdout, 'drain', { signal: run.signal }).catch(() => undefined);
  }

  end(): void {
    // Bytes need no end.
  }
}

/** On a terminal: whole lines, without anything that could act on it. */
class TextOutput {
  readonly #run: Run;
  readonly #decoder = new TextDecoder();
  #rest = '';

  constructor(run: Run) {
    this.#run = run;
  }

  write(bytes: Uint8Array): Promise<void> {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split(/\r?\n/);
    this.#rest = (lines.pop() ?? '').slice(-MAX_LINE_LENGTH);
    for (const line of lines) this.#print(line);
    return Promise.resolve();
  }

  end(): void {
    if (this.#rest !== '') this.#print(this.#rest);
  }

  #print(line: string): void {
    // A carriage return begins the line anew: what stood before it was overwritten.
    const shown =
      stripVTControlCharacters(line)
        .split('\r')
        .findLast((part) => part !== '') ?? '';
    this.#run.print(printable(shown, MAX_LINE_LENGTH));
  }
}
