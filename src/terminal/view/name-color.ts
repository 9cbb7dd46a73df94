import { paletteColor } from '../cells/index.js';

/** Of the terminal's own palette; red is kept for what went wrong. */
const NAME_COLORS = [6, 5, 4, 2, 3, 14, 13, 12, 10, 11].map(paletteColor);

/** The colour word of a pane's name, by its place among the panes: neighbours differ. */
export function nameColor(index: number): number {
  return NAME_COLORS[index % NAME_COLORS.length] ?? 0;
}
