import { TERMINAL_TYPE } from './message-types.js';
import { textLine } from './text-line.js';

/** What a terminal did: a type of TERMINAL_TYPE and its bytes. */
export interface TerminalMessage {
  readonly type: number;
  readonly bytes: Uint8Array;
}

const TYPES: readonly number[] = Object.values(TERMINAL_TYPE);

/** A message of any agent's channel as one of a terminal: text and JSON are output, lines in the colour of their type. */
export function terminalMessage(type: number, value: unknown): TerminalMessage {
  if (!(value instanceof Uint8Array)) {
    return { type: TERMINAL_TYPE.output, bytes: textLine(type, value) };
  }
  return { type: TYPES.includes(type) ? type : TERMINAL_TYPE.output, bytes: value };
}
