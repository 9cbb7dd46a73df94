/**
 * What the messages of a terminal's channel say beside its output: JSON of a few fields. They are foreign text when they
 * come from another process: bounded before they are parsed, each field checked, anything else ignored.
 */
import { MAX_TERMINAL_CELLS, type TerminalSize } from '../../ffi/index.js';

/** What an agent does, as far as is known. */
export const ATTENTION_STATES = ['waits', 'working', 'done', 'idle'] as const;
/** One of: waits for the user, works, is done, or is idle. */
export type AttentionState = (typeof ATTENTION_STATES)[number];

/**
 * Who says so, the most trustworthy first: the end of the program, a hook or the program itself by `sluice agents
 * report`, a typed message on its channel, a sequence in its output (OSC 133, OSC 9), or a guess.
 */
export const ATTENTION_SOURCES = ['exit', 'hook', 'message', 'signal', 'guess'] as const;
/** Who says what an agent does. */
export type AttentionSource = (typeof ATTENTION_SOURCES)[number];

/** What an agent does, who says so, and since when. */
export interface Attention {
  readonly state: AttentionState;
  /** What it waits for, or how it ended; may be empty. Foreign: through printable() before it is shown. */
  readonly text: string;
  readonly source: AttentionSource;
  /** Milliseconds since the epoch. */
  readonly sinceMs: number;
}

/** How a program ended; one of both. */
export interface ProgramEnd {
  readonly exitCode?: number;
  readonly signal?: string;
}

/** The media type of a channel whose messages are those of a terminal. */
export const TERMINAL_MEDIA_TYPE = 'application/x-sluice-terminal';

const MAX_MESSAGE_BYTES = 4096;
export const MAX_ATTENTION_TEXT = 512;
const SIGNAL = /^SIG[A-Z0-9+]{2,12}$/;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function encodeSize({ columns, rows }: TerminalSize): Uint8Array {
  return encoder.encode(JSON.stringify({ columns, rows }));
}

export function encodeEnd(end: ProgramEnd): Uint8Array {
  return encoder.encode(JSON.stringify(end));
}

/** The text is cut to what a message holds. */
export function encodeAttention({ state, text, source, sinceMs }: Attention): Uint8Array {
  const cut = text.slice(0, MAX_ATTENTION_TEXT);
  return encoder.encode(JSON.stringify({ state, text: cut, source, sinceMs }));
}

/** Undefined for what is no size of a terminal. */
export function parseSize(bytes: Uint8Array): TerminalSize | undefined {
  const { columns, rows } = fieldsOf(bytes);
  if (!isCount(columns) || !isCount(rows)) return undefined;
  return { columns, rows };
}

/** Undefined for what is no end of a program. */
export function parseEnd(bytes: Uint8Array): ProgramEnd | undefined {
  const { exitCode, signal } = fieldsOf(bytes);
  if (typeof signal === 'string' && SIGNAL.test(signal)) return { signal };
  if (!Number.isInteger(exitCode)) return undefined;
  const code = exitCode as number;
  return code >= 0 && code <= 255 ? { exitCode: code } : undefined;
}

/**
 * Undefined for what is no attention. The source is what the message says, but never more than a message may claim:
 * `exit` and `hook` are known by other ways only.
 */
export function parseAttention(bytes: Uint8Array): Attention | undefined {
  const { state, text = '', source, sinceMs } = fieldsOf(bytes);
  if (!isOneOf(ATTENTION_STATES, state) || typeof text !== 'string') return undefined;
  const isGuess = source === 'guess' || source === 'signal';
  const time = typeof sinceMs === 'number' && sinceMs >= 0 && sinceMs < 8.64e15 ? sinceMs : 0;
  return {
    state,
    text: text.slice(0, MAX_ATTENTION_TEXT),
    source: isGuess ? source : 'message',
    sinceMs: time,
  };
}

export function isOneOf<T extends string>(choices: readonly T[], value: unknown): value is T {
  return (choices as readonly unknown[]).includes(value);
}

function isCount(value: unknown): value is number {
  return (
    Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_TERMINAL_CELLS
  );
}

/** The own fields of a JSON object; none when it is too long, no UTF-8, no JSON, or no object. */
function fieldsOf(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  if (bytes.byteLength > MAX_MESSAGE_BYTES) return {};
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
    return Object.assign(Object.create(null) as Record<string, unknown>, value);
  } catch {
    return {};
  }
}
