/** What an agent is started with, and the check of it: the same for what comes from a command line, a file, a socket. */
import { assertInteger, assertKnownKeys, assertOneOf, describe } from '../../core/index.js';
import { CLIPBOARD_PERMISSIONS, DEFAULT_PERMISSIONS, type Permissions } from '../policy/index.js';
import { MAX_COLUMNS, MAX_ROWS } from '../stream/index.js';
import { DEFAULT_MAX_LOG_BYTES, MIN_LOG_BYTES } from './agent-log.js';
import { assertAgentName } from './session-paths.js';

export const RESTART_POLICIES = ['never', 'on-failure', 'always'] as const;
/** Whether a program that has ended is started again. */
export type RestartPolicy = (typeof RESTART_POLICIES)[number];

/** What an agent is started with. */
export interface AgentOptions {
  readonly name: string;
  /** The program and its arguments. */
  readonly command: readonly string[];
  /** Absolute. */
  readonly directory: string;
  /** All of it, without what Sluice adds. */
  readonly environment: Readonly<Record<string, string>>;
  readonly columns: number;
  readonly rows: number;
  readonly restart: RestartPolicy;
  readonly maxLogBytes: number;
  /** What its output may do beyond its own pane. */
  readonly permissions: Permissions;
}

export const AGENT_DEFAULTS = Object.freeze({
  columns: 80,
  rows: 24,
  restart: 'never',
  maxLogBytes: DEFAULT_MAX_LOG_BYTES,
  permissions: DEFAULT_PERMISSIONS,
});

type Fields = Readonly<Record<string, unknown>>;

const KEYS = [
  'name',
  'command',
  'directory',
  'environment',
  'columns',
  'rows',
  'restart',
  'maxLogBytes',
  'permissions',
] as const;
const MAX_WORDS = 4096;
/** Of a command and its environment together; the kernel takes more. */
const MAX_TEXT_LENGTH = 1 << 20;
/** From asking an agent to end to killing it. */
export const DEFAULT_KILL_AFTER_MS = 5000;

/** Throws `TypeError` or `RangeError`. The value is foreign: what is returned is a copy with these fields only. */
export function checkAgentOptions(value: unknown): AgentOptions {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`an agent must be an object, got ${describe(value)}`);
  }
  assertKnownKeys('an agent', value, KEYS);
  const { name, command, directory, environment, columns, rows } = value as Fields;
  const { restart, maxLogBytes, permissions } = value as Fields;
  assertAgentName('the name of an agent', name);
  const words = textList('command', command);
  if (words[0] === undefined || words[0] === '') throw new TypeError('command must not be empty');
  if (typeof directory !== 'string' || !directory.startsWith('/') || directory.includes('\0')) {
    throw new TypeError(`directory must be an absolute path, got ${describe(directory)}`);
  }
  assertInteger('columns', columns, 2, MAX_COLUMNS);
  assertInteger('rows', rows, 1, MAX_ROWS);
  assertOneOf('restart', restart, RESTART_POLICIES);
  assertInteger('maxLogBytes', maxLogBytes, MIN_LOG_BYTES, Number.MAX_SAFE_INTEGER);
  const variables = variablesOf(environment);
  const length = [...words, ...Object.entries(variables).flat()].join('').length;
  if (length > MAX_TEXT_LENGTH) {
    throw new RangeError(
      `command and environment have ${length} characters, at most ${MAX_TEXT_LENGTH}`,
    );
  }
  return {
    name,
    command: words,
    directory,
    environment: variables,
    columns,
    rows,
    restart,
    maxLogBytes,
    permissions: checkPermissions(permissions),
  };
}

function checkPermissions(value: unknown): Permissions {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`permissions must be an object, got ${describe(value)}`);
  }
  assertKnownKeys('permissions', value, Object.keys(DEFAULT_PERMISSIONS));
  const { clipboard, hyperlinks, notifications, title, eightBitControls } = value as Fields;
  assertOneOf('permissions.clipboard', clipboard, CLIPBOARD_PERMISSIONS);
  const switches = { hyperlinks, notifications, title, eightBitControls };
  for (const [name, is] of Object.entries(switches)) {
    if (typeof is === 'boolean') continue;
    throw new TypeError(`permissions.${name} must be true or false, got ${describe(is)}`);
  }
  return { clipboard, ...switches } as Permissions;
}

function textList(what: string, value: unknown): readonly string[] {
  const isList =
    Array.isArray(value) &&
    value.length <= MAX_WORDS &&
    value.every((word) => typeof word === 'string' && !word.includes('\0'));
  if (!isList) throw new TypeError(`${what} must be a list of texts, got ${describe(value)}`);
  return value as string[];
}

function variablesOf(value: unknown): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`environment must be an object, got ${describe(value)}`);
  }
  for (const [name, text] of Object.entries(value)) {
    const isRight = name !== '' && !/[=\0]/.test(name) && typeof text === 'string';
    if (!isRight || text.includes('\0')) {
      throw new TypeError(
        `environment has ${describe(name)}: ${describe(text)}, which cannot be one`,
      );
    }
  }
  return Object.assign(Object.create(null) as Record<string, string>, value);
}
