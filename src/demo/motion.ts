/**
 * Motion detection on the luma plane, in place. A block moves when it differs from a slow background and from the
 * recent past: the first alone leaves ghosts where somebody stood, the second alone sees only edges.
 */
import type { ReadonlyBytes } from '../core/index.js';
import type { Box } from '../video/index.js';

const BLOCK = 16;
/** Rows and columns sampled inside a block: every fourth is enough and four times cheaper each way. */
const STEP = 4;
const BACKGROUND_THRESHOLD = 12;
const RECENT_THRESHOLD = 5;
const BACKGROUND_ADAPT = 0.03;
const RECENT_ADAPT = 0.35;
const MIN_BLOCKS = 2;

export class MotionDetector {
  readonly #columns: number;
  readonly #rows: number;
  readonly #background: Float32Array;
  readonly #recent: Float32Array;
  readonly #moving: Uint8Array;
  #primed = false;

  /** Size of the luma plane in pixels. */
  constructor(width: number, height: number) {
    this.#columns = Math.floor(width / BLOCK);
    this.#rows = Math.floor(height / BLOCK);
    this.#background = new Float32Array(this.#columns * this.#rows);
    this.#recent = new Float32Array(this.#columns * this.#rows);
    this.#moving = new Uint8Array(this.#columns * this.#rows);
  }

  /** Boxes in pixels around what moved since the pictures before. */
  detect(luma: ReadonlyBytes, pitchBytes: number): Box[] {
    for (let row = 0; row < this.#rows; row++) {
      for (let column = 0; column < this.#columns; column++) {
        const mean = blockMean(luma, pitchBytes, column, row);
        const at = row * this.#columns + column;
        const background = this.#primed ? (this.#background[at] as number) : mean;
        const recent = this.#primed ? (this.#recent[at] as number) : mean;
        const moves =
          Math.abs(mean - background) > BACKGROUND_THRESHOLD &&
          Math.abs(mean - recent) > RECENT_THRESHOLD;
        this.#moving[at] = moves ? 1 : 0;
        this.#background[at] = background + (mean - background) * BACKGROUND_ADAPT;
        this.#recent[at] = recent + (mean - recent) * RECENT_ADAPT;
      }
    }
    this.#primed = true;
    return this.#boxes();
  }

  /** Connected blocks, diagonals included. */
  #boxes(): Box[] {
    const boxes: Box[] = [];
    const stack: number[] = [];
    for (let start = 0; start < this.#moving.length; start++) {
      if (this.#moving[start] !== 1) continue;
      let [left, top, right, bottom, count] = [this.#columns, this.#rows, 0, 0, 0];
      this.#moving[start] = 2;
      stack.push(start);
      for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
        const column = at % this.#columns;
        const row = (at - column) / this.#columns;
        [left, right] = [Math.min(left, column), Math.max(right, column)];
        [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
        count++;
        this.#pushNeighbours(stack, column, row);
      }
      if (count < MIN_BLOCKS) continue;
      const [width, height] = [(right - left + 1) * BLOCK, (bottom - top + 1) * BLOCK];
      boxes.push({ x: left * BLOCK, y: top * BLOCK, width, height });
    }
    return boxes;
  }

  #pushNeighbours(stack: number[], column: number, row: number): void {
    for (let y = Math.max(0, row - 1); y <= Math.min(this.#rows - 1, row + 1); y++) {
      for (let x = Math.max(0, column - 1); x <= Math.min(this.#columns - 1, column + 1); x++) {
        const at = y * this.#columns + x;
        if (this.#moving[at] !== 1) continue;
        this.#moving[at] = 2;
        stack.push(at);
      }
    }
  }
}

function blockMean(luma: ReadonlyBytes, pitchBytes: number, column: number, row: number): number {
  let sum = 0;
  for (let y = row * BLOCK; y < (row + 1) * BLOCK; y += STEP) {
    const line = y * pitchBytes;
    for (let x = column * BLOCK; x < (column + 1) * BLOCK; x += STEP)
      sum += luma[line + x] as number;
  }
  return sum / ((BLOCK / STEP) * (BLOCK / STEP));
}
