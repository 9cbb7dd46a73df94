/** Where the pictures of a mosaic are: a grid as square as it goes, row by row. */
import type { Region, Size } from '../../pixels/index.js';

export const MAX_TILES = 36;

/** Columns for so many tiles: as many as rows, or one more. */
export function columnsFor(tiles: number): number {
  return Math.max(1, Math.ceil(Math.sqrt(tiles)));
}

/**
 * The cells of a grid that covers the whole picture, at even pixels, so that chroma can be divided; those that have no
 * tile are at the end. At least as many as `tiles`.
 */
export function tileRegions(tiles: number, { width, height }: Size, columns: number): Region[] {
  const rows = Math.max(1, Math.ceil(tiles / columns));
  const edge = (index: number, count: number, size: number): number =>
    index === count ? size : Math.floor((index * size) / count / 2) * 2;
  return Array.from({ length: rows * columns }, (_, cell) => {
    const [column, row] = [cell % columns, Math.floor(cell / columns)];
    const [x, y] = [edge(column, columns, width), edge(row, rows, height)];
    const [right, bottom] = [edge(column + 1, columns, width), edge(row + 1, rows, height)];
    return { x, y, width: right - x, height: bottom - y };
  });
}
