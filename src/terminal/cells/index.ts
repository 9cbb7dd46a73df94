/** Cells: what terminals show, as words that can be compared and copied. Pure. */
export * from './cell.js';
export { CellGrid } from './cell-grid.js';
export {
  type Cluster,
  type ClusterState,
  clustersOf,
  columnsApart,
  columnsOfText,
  mayStandAlone,
  nextCluster,
  printableCluster,
  splitClusters,
} from './cluster.js';
export { GlyphTable, glyphs } from './glyph-table.js';
export { LinkTable, links, type Link } from './link-table.js';
export type { PaneContent, PaneCursor, PaneModes } from './pane-content.js';
