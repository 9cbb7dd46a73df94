/** What may be asked of the host of a session. Requests are foreign: every field is checked before it is used. */
import { assertInteger, assertOneOf, describe, printable, SluiceError } from '../../core/index.js';
import { encodeKey, encodePaste, parseKeyName } from '../input/index.js';
import { ATTENTION_STATES, MAX_COLUMNS, MAX_ROWS } from '../stream/index.js';
import { AGENT_DEFAULTS, checkAgentOptions, DEFAULT_KILL_AFTER_MS } from './agent-options.js';
import { coloredLines, plainLines } from '../view/index.js';
import type { SessionHost } from './session-host.js';
import type { SessionPane } from './session-pane.js';
import { isAgentName } from './session-paths.js';
import { ViewerLink } from './viewer-link.js';

type Fields = Readonly<Record<string, unknown>>;

/** The ways in which a request is answered before its reply. */
export interface Answer {
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  /** Resolves when more may be sent. */
  data(bytes: Uint8Array): Promise<void>;
  event(event: Fields): void;
  /** From now on it gets what the client types. */
  viewer(viewer: ViewerLink): void;
}

type Handler = (host: SessionHost, fields: Fields, answer: Answer) => Promise<object> | object;

const MAX_TEXT_LENGTH = 256 * 1024;
const MAX_KEYS = 256;
const MAX_KILL_MS = 600_000;
const MAX_HISTORY = 100_000;

const HANDLERS: Readonly<Record<string, Handler>> = {
  new: async (host, { agent, notifyCommand }) => {
    const options = checkAgentOptions(agent);
    if (typeof notifyCommand === 'string') host.command.command = notifyCommand;
    return { agent: await host.start(options) };
  },
  ls: (host) => ({
    session: host.session,
    host: { pid: process.pid, startedMs: host.startedMs },
    agents: host.infos(),
  }),
  next: async (host, { after, wait }, { signal }) => {
    const found = await host.next(isAgentName(after) ? after : undefined, wait === true, signal);
    return { agent: found ?? null };
  },
  send: (host, fields) => send(paneOf(host, fields), fields),
  screen: (host, fields) => {
    const pane = paneOf(host, fields);
    const { history = 0, colors } = fields;
    assertInteger('history', history, 0, MAX_HISTORY);
    const lines = colors === true ? coloredLines : plainLines;
    const { columns, rows, cursor } = pane.screen;
    return { name: pane.name, columns, rows, cursor, lines: lines(pane.screen, history) };
  },
  stop: async (host, fields) => {
    const { all, killAfterMs = DEFAULT_KILL_AFTER_MS } = fields;
    assertInteger('killAfterMs', killAfterMs, 0, MAX_KILL_MS);
    if (all === true) return { agents: await host.stopAll(killAfterMs) };
    return { agents: [await host.stop(paneOf(host, fields).name, killAfterMs)] };
  },
  report: (host, fields) => {
    const { state, text = '' } = fields;
    assertOneOf('state', state, ATTENTION_STATES);
    if (typeof text !== 'string') throw new TypeError('text must be a text');
    host.report(paneOf(host, fields).name, state, text);
    return {};
  },
  resize: (host, fields) => {
    const { columns, rows } = fields;
    assertInteger('columns', columns, 2, MAX_COLUMNS);
    assertInteger('rows', rows, 1, MAX_ROWS);
    paneOf(host, fields).resize({ columns, rows });
    return {};
  },
  attach: async (host, fields, answer) => {
    const viewer = new ViewerLink(host, fields, answer, async (command) => {
      const { name } = await host.start(agentOfCommand(host, command, fields));
      return name;
    });
    answer.viewer(viewer);
    const reason = await viewer.left;
    if (!answer.signal.aborted) await viewer.sendTranscript();
    return { reason };
  },
};

/** Rejects with what the client is to be told. */
export async function answerRequest(
  host: SessionHost,
  fields: Fields,
  answer: Answer,
): Promise<object> {
  const { op } = fields;
  const known = typeof op === 'string' && Object.hasOwn(HANDLERS, op) ? HANDLERS[op] : undefined;
  if (known === undefined) {
    throw new SluiceError(
      'PROTOCOL',
      `the host of a session knows no request ${printable(describe(op))}`,
    );
  }
  return known(host, fields, answer);
}

function paneOf(host: SessionHost, { name }: Fields): SessionPane {
  return host.pane(typeof name === 'string' ? name : '');
}

/** A line that a user typed in a viewer: a command for a shell, with the viewer's directory and environment. */
function agentOfCommand(
  host: SessionHost,
  command: string,
  { directory, environment }: Fields,
): ReturnType<typeof checkAgentOptions> {
  const word = (/^[^\s]+/.exec(command.trim())?.[0] ?? '').split('/').at(-1) ?? '';
  const base = word
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]/g, '')
    .slice(0, 32);
  const stem = isAgentName(base) ? base : 'agent';
  const taken = new Set(host.panes.map(({ name }) => name));
  let name = stem;
  for (let number = 2; taken.has(name); number += 1) name = `${stem}-${number}`;
  const words = ['/bin/sh', '-c', command];
  return checkAgentOptions({ ...AGENT_DEFAULTS, name, command: words, directory, environment });
}

function send(pane: SessionPane, { text, keys, enter }: Fields): object {
  const parts: string[] = [];
  const { modes } = pane.screen;
  if (text !== undefined) {
    if (typeof text !== 'string' || text.length > MAX_TEXT_LENGTH) {
      throw new RangeError(`text must be a text of at most ${MAX_TEXT_LENGTH} characters`);
    }
    // Several lines are one paste, where the program knows pastes: its first line must not be sent alone.
    parts.push(text.includes('\n') ? encodePaste(text, modes) : text);
  }
  if (keys !== undefined) {
    if (!Array.isArray(keys) || keys.length > MAX_KEYS) {
      throw new RangeError(`keys must be a list of at most ${MAX_KEYS}`);
    }
    parts.push(...keys.map((key) => encodeKey(parseKeyName(String(key)), modes)));
  }
  if (enter === true) parts.push(encodeKey(parseKeyName('Enter'), modes));
  const bytes = Buffer.from(parts.join(''));
  if (bytes.byteLength > 0 && !pane.input(bytes)) {
    const { status } = pane.info();
    throw new SluiceError(
      'CLOSED',
      `${pane.name} takes no input: it is ${status}, or reads too slowly`,
      {
        details: { name: pane.name, status },
        remedy: 'See `sluice agents ls`.',
      },
    );
  }
  return { bytes: bytes.byteLength };
}
