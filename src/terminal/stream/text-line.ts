import { TEXT_TYPE, type TextTypeName } from './message-types.js';

/** How a type of text looks: SGR parameters, and the colour's name. */
export interface TextColor {
  readonly sgr: string;
  readonly color: string;
}

/** All of the terminal's own palette: they fit a light theme and a dark one. */
export const TEXT_COLORS: Readonly<Record<TextTypeName, TextColor>> = {
  system: { sgr: '36', color: 'cyan' },
  user: { sgr: '32', color: 'green' },
  assistant: { sgr: '39', color: 'plain' },
  error: { sgr: '31', color: 'red' },
  warning: { sgr: '33', color: 'yellow' },
  info: { sgr: '34', color: 'blue' },
  debug: { sgr: '90', color: 'grey' },
  trace: { sgr: '2', color: 'dim' },
};

export const TEXT_TYPE_NAMES = Object.keys(TEXT_TYPE) as readonly TextTypeName[];

/** Undefined for the type of an application's own. */
export function textTypeName(type: number): TextTypeName | undefined {
  return TEXT_TYPE_NAMES.find((name) => TEXT_TYPE[name] === type);
}

/** A message of text or JSON as a terminal shows it: lines in the colour of their type. */
export function textLine(type: number, value: unknown): Uint8Array {
  const line = typeof value === 'string' ? value : JSON.stringify(value);
  const { sgr } = TEXT_COLORS[textTypeName(type) ?? 'assistant'];
  const body = line.replace(/\r?\n$/, '').replaceAll(/\r?\n/g, '\r\n');
  return Buffer.from(`\u001b[0;${sgr}m${body}\u001b[0m\r\n`);
}
