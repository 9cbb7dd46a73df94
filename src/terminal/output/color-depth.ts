import { COLOR_KIND, DEFAULT_COLOR, colorKind, colorValue, paletteColor } from '../cells/index.js';

/** How many colours a terminal has: none, the 16 of its theme, the 256 of xterm, or all. */
export type ColorDepth = 'none' | '16' | '256' | 'truecolor';

type Environment = Readonly<Record<string, string | undefined>>;

/** What the variables of a terminal say: NO_COLOR (no-color.org), then COLORTERM, then TERM. */
export function colorDepthOf(environment: Environment): ColorDepth {
  const terminal = environment['TERM'] ?? '';
  if (environment['NO_COLOR'] || terminal === 'dumb' || terminal === '') return 'none';
  if (/^(?:truecolor|24bit)$/i.test(environment['COLORTERM'] ?? '')) return 'truecolor';
  if (/direct|kitty|alacritty|wezterm|foot|ghostty|contour/.test(terminal)) return 'truecolor';
  return terminal.includes('256') ? '256' : '16';
}

/** Levels of the 6x6x6 cube, colours 16-231 of xterm. */
const CUBE_LEVELS = [0, 95, 135, 175, 215, 255] as const;

/** Colours 0-15 as xterm draws them: themes differ, the neighbourhoods do not. */
const BASIC_COLORS = [
  0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5, 0x7f7f7f,
  0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff,
] as const;

function distance(a: number, b: number): number {
  const red = (a >>> 16) - (b >>> 16);
  const green = ((a >>> 8) & 0xff) - ((b >>> 8) & 0xff);
  const blue = (a & 0xff) - (b & 0xff);
  return red * red * 2 + green * green * 4 + blue * blue * 3;
}

/** 0xRRGGBB of a palette index as xterm draws it. */
export function paletteRgb(index: number): number {
  if (index < 16) return BASIC_COLORS[index] ?? 0;
  if (index >= 232) return (8 + 10 * (index - 232)) * 0x010101;
  const cube = index - 16;
  const level = (digit: number): number => CUBE_LEVELS[digit % 6] ?? 0;
  return (level(Math.floor(cube / 36)) << 16) | (level(Math.floor(cube / 6)) << 8) | level(cube);
}

function nearestLevel(component: number): number {
  return component < 48 ? 0 : component < 115 ? 1 : Math.floor((component - 35) / 40);
}

/** The nearest of colours 16-255: those a theme leaves alone. */
function nearestOf256(rgb: number): number {
  const [red, green, blue] = [rgb >>> 16, (rgb >>> 8) & 0xff, rgb & 0xff];
  const cube = 16 + 36 * nearestLevel(red) + 6 * nearestLevel(green) + nearestLevel(blue);
  const mean = (red + green + blue) / 3;
  const gray = 232 + Math.min(23, Math.max(0, Math.round((mean - 8) / 10)));
  return distance(paletteRgb(cube), rgb) <= distance(paletteRgb(gray), rgb) ? cube : gray;
}

function nearestOf16(rgb: number): number {
  let best = 0;
  for (let index = 1; index < BASIC_COLORS.length; index += 1) {
    if (distance(BASIC_COLORS[index] ?? 0, rgb) < distance(BASIC_COLORS[best] ?? 0, rgb)) {
      best = index;
    }
  }
  return best;
}

/** A colour word as a terminal of this depth can show it. */
export function colorAtDepth(color: number, depth: ColorDepth): number {
  const kind = colorKind(color);
  if (kind === COLOR_KIND.default || depth === 'truecolor') return color;
  if (depth === 'none') return DEFAULT_COLOR;
  const value = colorValue(color);
  if (kind === COLOR_KIND.rgb) {
    return paletteColor(depth === '256' ? nearestOf256(value) : nearestOf16(value));
  }
  return depth === '256' || value < 16 ? color : paletteColor(nearestOf16(paletteRgb(value)));
}
