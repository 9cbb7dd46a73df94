/** What xterm.js's public interface does not tell of a cell: its link, and how the line under its text looks. */
import type { IBufferCell } from '@xterm/headless';
import { paletteColor, rgbColor } from '../../../src/terminal/cells/index.js';

interface Insides {
  readonly fg: number;
  readonly bg: number;
  extended: { urlId: number; clone(): Insides['extended'] };
  getUnderlineStyle(): number;
  getUnderlineColor(): number;
  isUnderlineColorRGB(): boolean;
  isUnderlineColorPalette(): boolean;
}

export interface ExtendedLook {
  readonly underline: number;
  /** A colour word; 0: as the text, or there is no line. */
  readonly underlineColor: number;
  /** The emulator's number; 0: none. */
  readonly link: number;
}

const UNDERLINED = 0x1000_0000;
const HAS_EXTENDED = 0x1000_0000;
/** What SGR 59 leaves is white for the emulator, and the text's colour for everybody else. */
const NO_UNDERLINE_COLOR = 0xff_ffff;

/** The cell is the caller's own afterwards: for its link the emulator would underline it by itself. */
export function extendedLook(publicCell: IBufferCell): ExtendedLook {
  const cell = publicCell as unknown as Insides;
  const isUnderlined = (cell.fg & UNDERLINED) !== 0;
  // Without the flag what the emulator tells is the text's colour, and another cell's link.
  if ((cell.bg & HAS_EXTENDED) === 0) {
    return { underline: isUnderlined ? 1 : 0, underlineColor: 0, link: 0 };
  }
  const link = cell.extended.urlId;
  cell.extended = cell.extended.clone();
  cell.extended.urlId = 0;
  // DECALN keeps whether there is a line, and loses its style.
  const underline = isUnderlined ? cell.getUnderlineStyle() || 1 : 0;
  return { underline, underlineColor: underline === 0 ? 0 : colorUnder(cell), link };
}

function colorUnder(cell: Insides): number {
  const value = cell.getUnderlineColor();
  if (cell.isUnderlineColorPalette()) return paletteColor(value);
  return cell.isUnderlineColorRGB() && value !== NO_UNDERLINE_COLOR ? rgbColor(value) : 0;
}
