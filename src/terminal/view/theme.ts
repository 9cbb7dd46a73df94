import { STYLE, paletteColor, styleWord } from '../cells/index.js';
import type { PaneState } from './view-pane.js';

/** How text is drawn: colour words and a style word. */
export interface Ink {
  readonly foreground: number;
  readonly background: number;
  readonly style: number;
}

/** Colours of the terminal's own theme only: they fit a light one and a dark one. */
const COLOR = {
  gray: paletteColor(8),
  red: paletteColor(1),
  green: paletteColor(2),
  yellow: paletteColor(3),
  cyan: paletteColor(6),
} as const;

const BOLD = styleWord(STYLE.bold, 0);
const INVERSE = styleWord(STYLE.inverse, 0);

export function ink(foreground: number, style = 0): Ink {
  return { foreground, background: 0, style };
}

export const INK = {
  plain: ink(0),
  dim: ink(COLOR.gray),
  line: ink(COLOR.gray),
  focusLine: ink(COLOR.cyan, BOLD),
  accent: ink(COLOR.cyan),
  bold: ink(0, BOLD),
  /** A badge: the mode that keys are in. */
  mode: ink(COLOR.cyan, BOLD | INVERSE),
  alert: ink(COLOR.yellow, BOLD),
  error: ink(COLOR.red, BOLD),
  selected: ink(0, INVERSE),
} as const;

export interface Badge {
  readonly symbol: string;
  readonly ink: Ink;
  readonly word: string;
  /** What is out of the ordinary is said in a word too. */
  readonly told: boolean;
}

/** One column each, and all different: nothing is told by colour alone. */
export const BADGES: Readonly<Record<PaneState, Badge>> = {
  working: { symbol: '●', ink: ink(COLOR.green), word: 'working', told: false },
  waits: { symbol: '◆', ink: ink(COLOR.yellow, BOLD), word: 'waits', told: true },
  quiet: { symbol: '○', ink: ink(COLOR.gray), word: 'quiet', told: false },
  done: { symbol: '✓', ink: ink(COLOR.green), word: 'done', told: true },
  failed: { symbol: '✗', ink: ink(COLOR.red, BOLD), word: 'failed', told: true },
};
