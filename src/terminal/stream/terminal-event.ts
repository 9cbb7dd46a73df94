import type { TerminalSize } from '../../ffi/index.js';
import { TERMINAL_TYPE } from './message-types.js';
import {
  type Attention,
  encodeAttention,
  encodeEnd,
  encodeSize,
  parseAttention,
  parseEnd,
  parseSize,
  type ProgramEnd,
} from './messages.js';
import { terminalMessage } from './terminal-message.js';

/** What happened in the terminal of an agent. */
export type TerminalEvent =
  /** Bytes that its program wrote, cut anywhere. */
  | { readonly type: 'output'; readonly bytes: Uint8Array }
  /** What follows was written to a terminal of this size, in columns and rows. */
  | { readonly type: 'size'; readonly size: TerminalSize }
  | { readonly type: 'attention'; readonly attention: Attention }
  /** The program ended; another one may follow. */
  | { readonly type: 'exit'; readonly end: ProgramEnd };

/**
 * A message of an `agent/…` channel as what happened in its terminal: `message` is what a subscriber with the format
 * `bytes()`, `text()` or `json()` receives, of which text and JSON are output, as lines in the colour of their type. All of
 * it is foreign. Undefined for a message that says nothing that can be.
 */
export function decodeTerminalEvent(message: {
  readonly type: number;
  readonly value: unknown;
}): TerminalEvent | undefined {
  const { type, bytes } = terminalMessage(message.type, message.value);
  switch (type) {
    case TERMINAL_TYPE.size: {
      const size = parseSize(bytes);
      return size && { type: 'size', size };
    }
    case TERMINAL_TYPE.attention: {
      const attention = parseAttention(bytes);
      return attention && { type: 'attention', attention };
    }
    case TERMINAL_TYPE.exit: {
      const end = parseEnd(bytes);
      return end && { type: 'exit', end };
    }
    default:
      return { type: 'output', bytes };
  }
}

/** The message of an event, for a channel of the format `bytes(TERMINAL_MEDIA_TYPE)`: `send(bytes, { type })`. */
export function encodeTerminalEvent(event: TerminalEvent): {
  readonly type: number;
  readonly bytes: Uint8Array;
} {
  const type = TERMINAL_TYPE[event.type];
  switch (event.type) {
    case 'output':
      return { type, bytes: event.bytes };
    case 'size':
      return { type, bytes: encodeSize(event.size) };
    case 'attention':
      return { type, bytes: encodeAttention(event.attention) };
    case 'exit':
      return { type, bytes: encodeEnd(event.end) };
  }
}
