/** mosaic: many channels in one picture, at a rate of its own. */
export { Mosaic, type MosaicInput, type MosaicStats, openMosaic } from './mosaic.js';
export { type MosaicOptions } from './options.js';
export { type TileState } from './tile.js';
