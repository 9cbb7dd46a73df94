/** overlay: outlines and labels over pictures, on the processor and on a GPU. */
export { drawDetections } from './draw-detections.js';
export type { OverlayOptions } from './options.js';
