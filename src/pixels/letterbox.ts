/** Where a picture lands in a target of another shape, and how to get from there back to its pixels. */

/** How a picture fills a target: keep its shape and centre it, or stretch it to all of it. */
export type Fit = 'letterbox' | 'stretch';
export const FITS = Object.freeze(['letterbox', 'stretch'] as const);

/**
 * A picture in a target. A pixel (x, y) of the target is at ((x − this.x) / scaleX,
 * (y − this.y) / scaleY) of the source; what lies outside of the rectangle is padding.
 */
export interface Placement {
  /** The rectangle in pixels of the target. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Pixels of the target a pixel of the source. */
  readonly scaleX: number;
  readonly scaleY: number;
}

/** In pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A rectangle in pixels; parts of pixels are allowed. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * The whole of `source` in `target`, as large as it goes, centred. An odd pixel of padding goes to
 * the right and to the bottom. With `even`, the rectangle starts at even pixels: chroma of 4:2:0
 * cannot be divided.
 */
export function placePicture(source: Size, target: Size, fit: Fit, even = false): Placement {
  const { width, height } = fit === 'stretch' ? target : fitted(source, target);
  const align = (free: number): number => (even ? (free >> 2) * 2 : free >> 1);
  return Object.freeze({
    x: align(target.width - width),
    y: align(target.height - height),
    width,
    height,
    scaleX: width / source.width,
    scaleY: height / source.height,
  });
}

function fitted(source: Size, target: Size): Size {
  const scale = Math.min(target.width / source.width, target.height / source.height);
  const length = (size: number, most: number): number =>
    Math.max(1, Math.min(most, Math.round(size * scale)));
  return {
    width: length(source.width, target.width),
    height: length(source.height, target.height),
  };
}

/** A box in the target as a box in the source, cut at the source's edges. */
export function toSourceBox(box: Box, placement: Placement): Box {
  const { x, y, width, height, scaleX, scaleY } = placement;
  const [sourceWidth, sourceHeight] = [width / scaleX, height / scaleY];
  const across = (at: number): number => Math.min(sourceWidth, Math.max(0, (at - x) / scaleX));
  const down = (at: number): number => Math.min(sourceHeight, Math.max(0, (at - y) / scaleY));
  const [left, top] = [across(box.x), down(box.y)];
  return {
    x: left,
    y: top,
    width: across(box.x + box.width) - left,
    height: down(box.y + box.height) - top,
  };
}
