/** Options of commands that make an asciicast of many agents. */
import { type Command, Option } from 'commander';
import type { TerminalSize } from '../ffi/index.js';
import { LAYOUT_KINDS, type LayoutKind } from '../terminal/view/layout.js';
import { oneOf, terminalSize } from './option-values.js';

export interface LayoutOptions {
  readonly layout?: LayoutKind;
  readonly size?: TerminalSize;
}

export const DEFAULT_CAST_SIZE: TerminalSize = Object.freeze({ columns: 120, rows: 40 });

/** `where`: which of the command's files they are for. */
export function addLayoutOptions(command: Command, where: string): void {
  command
    .addOption(
      new Option(
        '--layout <name>',
        `${where}many agents in one terminal: ${LAYOUT_KINDS.join(', ')}`,
      ).argParser(oneOf('--layout', LAYOUT_KINDS)),
    )
    .option(
      '--size <CxR>',
      `${where}columns and rows of that terminal; default 120x40`,
      terminalSize('--size'),
    );
}
