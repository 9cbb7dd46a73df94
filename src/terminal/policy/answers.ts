/**
 * Answers to what a program asks its terminal: of one form each, with numbers in it at most, so that nothing that a program
 * wrote, and nothing of the user's terminal, comes back as input. They go to the asker's terminal only.
 */
const ESC = '\u001b';
const ST = `${ESC}\\`;

/** DA1: a VT220 with colours. */
export const PRIMARY_ATTRIBUTES = `${ESC}[?62;22c`;
/** DA2: a VT220, no firmware of ours is told. */
export const SECONDARY_ATTRIBUTES = `${ESC}[>1;10;0c`;
/** XTVERSION. */
export const TERMINAL_NAME = `${ESC}P>|sluice${ST}`;
/** DSR 5: no malfunction. */
export const STATUS_OK = `${ESC}[0n`;
/** XTGETTCAP: no capability is told. */
export const NO_CAPABILITY = `${ESC}P0+r${ST}`;
/** DECRQSS: no setting is told. */
export const NO_SETTING = `${ESC}P0$r${ST}`;

/** The longest answer there is. */
export const MAX_ANSWER_LENGTH = 40;

const MAX_NUMBER = 99_999;

function number(value: number): number {
  return Math.max(0, Math.min(MAX_NUMBER, Math.trunc(value)));
}

/** DSR 6, or DECXCPR (`?6`). Columns and rows count from 0 here. */
export function cursorPosition(column: number, row: number, extended: boolean): string {
  return `${ESC}[${extended ? '?' : ''}${number(row + 1)};${number(column + 1)}R`;
}

/** What DECRQM is told of a mode. */
export const MODE_STATE = { unknown: 0, set: 1, reset: 2, alwaysSet: 3, alwaysReset: 4 } as const;

/** DECRPM. */
export function modeReport(mode: number, state: number, isPrivate: boolean): string {
  return `${ESC}[${isPrivate ? '?' : ''}${number(mode)};${number(state)}$y`;
}

/** `CSI ? u`: the flags of the kitty keyboard protocol. */
export function keyboardFlags(flags: number): string {
  return `${ESC}[?${number(flags)}u`;
}

/** `CSI ? 4 m`: how much of modifyOtherKeys is on. */
export function modifyOtherKeys(level: number): string {
  return `${ESC}[>4;${number(level)}m`;
}

/** `CSI 18 t`. */
export function sizeInCells(columns: number, rows: number): string {
  return `${ESC}[8;${number(rows)};${number(columns)}t`;
}

/** OSC 10 and 11: `rgb` as 0xRRGGBB. */
export function color(which: 10 | 11, rgb: number): string {
  const parts = [16, 8, 0].map((shift) => {
    const byte = ((rgb >> shift) & 0xff).toString(16).padStart(2, '0');
    return byte + byte;
  });
  return `${ESC}]${which};rgb:${parts.join('/')}${ST}`;
}

/** `CSI ? 996 n`: whether dark or light colours are preferred. */
export function colorScheme(isDark: boolean): string {
  return `${ESC}[?997;${isDark ? 1 : 2}n`;
}
