/**
 * What the messages of an `agent/…` channel are: the low 8 bits of a message's kind. Types 0-7 are a line (or more) of
 * text with a colour of its own, what any program may publish. The types from 16 on are a program's terminal as it ran:
 * its output as it came, in pieces cut anywhere, and what happened to the terminal between two pieces.
 */
export const TEXT_TYPE = {
  system: 0,
  user: 1,
  assistant: 2,
  error: 3,
  warning: 4,
  info: 5,
  debug: 6,
  trace: 7,
} as const;

/** The name of a type of text. */
export type TextTypeName = keyof typeof TEXT_TYPE;

/** Messages that are a program's terminal as it ran. */
export const TERMINAL_TYPE = {
  /** Bytes the program wrote to its terminal. */
  output: 16,
  /** `{"columns": 80, "rows": 24}`: bytes after it were written to a terminal of this size. The first message. */
  size: 17,
  /** `{"state": "waits", "text": "Allow npm install?", "source": "hook"}`, see Attention. */
  attention: 18,
  /** `{"exitCode": 0}` or `{"signal": "SIGKILL"}`; the program may be started again after it. */
  exit: 19,
} as const;
