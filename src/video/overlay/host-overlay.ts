/** Marks drawn by the processor, one after the other. The kernel makes the same samples: kernels/overlay-layout.h. */
import type { Region } from '../../pixels/index.js';
import type { ConversionTarget } from '../conversion/frame-converter.js';
import { LETTER_HEIGHT, LETTER_WIDTH, LETTERS } from './label-font.js';
import {
  type Label,
  LABEL_MARGIN,
  labelSize,
  type Mark,
  type OverlayComponent,
  type OverlayTarget,
} from './mark.js';

const FIRST_CODE = 0x20;
/** The rows of each letter, as numbers. */
const ROWS = LETTERS.map((letter) =>
  Array.from({ length: LETTER_HEIGHT }, (_, row) =>
    Number.parseInt(letter.slice(row * 2, row * 2 + 2), 16),
  ),
);

export function drawOnHost(
  marks: readonly Mark[],
  target: OverlayTarget,
  planes: readonly Pick<ConversionTarget, 'bytes' | 'pitchBytes'>[],
): void {
  target.components.forEach((component, index) => {
    const brush = new Brush(component, planes[component.plane]!);
    for (const mark of marks) {
      const ground = target.samplesOf(mark.ground)[index]!;
      const ink = target.inkOf(mark)[index]!;
      if (mark.outline !== undefined) drawOutline(brush, mark, ground);
      if (mark.label !== undefined) drawLabel(brush, mark.label, mark.opacity, ground, ink);
    }
  });
}

/** All but what is under the label. */
function drawOutline(brush: Brush, { outline, label, opacity }: Mark, value: number): void {
  const { x, y, width, height, thickness } = outline!;
  const under = label === undefined ? undefined : { ...label, ...labelSize(label) };
  const [right, bottom] = [x + width, y + height];
  const inner = { left: x + thickness, right: right - thickness };
  for (let row = brush.at(y); row < brush.at(bottom); row++) {
    const at = row * brush.halves;
    const isBand = at < y + thickness || at >= bottom - thickness || inner.left >= inner.right;
    if (isBand) brush.fill(row, x, right, under, value, opacity);
    else {
      brush.fill(row, x, inner.left, under, value, opacity);
      brush.fill(row, inner.right, right, under, value, opacity);
    }
  }
}

function drawLabel(brush: Brush, label: Label, opacity: number, ground: number, ink: number): void {
  const { x, y, scale, letters } = label;
  const { width, height } = labelSize(label);
  for (let row = brush.at(y); row < brush.at(y + height); row++) {
    const down = Math.floor((row * brush.halves - y) / scale) - LABEL_MARGIN / 2;
    for (let column = brush.at(x); column < brush.at(x + width); column++) {
      const across = Math.floor((column * brush.halves - x) / scale) - LABEL_MARGIN;
      brush.blend(row, column, isInk(letters, across, down) ? ink : ground, opacity);
    }
  }
}

function isInk(letters: readonly number[], column: number, row: number): boolean {
  if (column < 0 || column >= letters.length * LETTER_WIDTH) return false;
  if (row < 0 || row >= LETTER_HEIGHT) return false;
  const letter = ROWS[letters[Math.floor(column / LETTER_WIDTH)]! - FIRST_CODE]!;
  return (letter[row]! & (0x80 >> (column % LETTER_WIDTH))) !== 0;
}

/** One component of a picture. */
class Brush {
  readonly halves: number;
  readonly #component: OverlayComponent;
  readonly #samples: Uint8Array | Uint16Array;
  readonly #pitch: number;

  constructor(
    component: OverlayComponent,
    { bytes, pitchBytes }: Pick<ConversionTarget, 'bytes' | 'pitchBytes'>,
  ) {
    this.halves = component.halves;
    this.#component = component;
    const { bytesPerSample } = component;
    this.#pitch = pitchBytes / bytesPerSample;
    this.#samples =
      bytesPerSample === 1
        ? bytes
        : new Uint16Array(bytes.buffer, bytes.byteOffset, Math.floor(bytes.byteLength / 2));
  }

  /** The first row or column of samples whose pixel is not before `pixel`. */
  at(pixel: number): number {
    return this.halves === 1 ? pixel : (pixel + 1) >> 1;
  }

  /** Pixels from `left` on and before `right`, but for those that are `under` a label. */
  fill(
    row: number,
    left: number,
    right: number,
    under: Region | undefined,
    value: number,
    opacity: number,
  ): void {
    const { halves } = this;
    const y = row * halves;
    const isBeside = under === undefined || y < under.y || y >= under.y + under.height;
    const end = this.at(right);
    for (let column = this.at(left); column < end; column++) {
      const x = column * halves;
      if (!isBeside && x >= under.x && x < under.x + under.width) continue;
      this.blend(row, column, value, opacity);
    }
  }

  blend(row: number, column: number, value: number, opacity: number): void {
    const { offset, step, shift } = this.#component;
    const at = row * this.#pitch + column * step + offset;
    const old = this.#samples[at]! >> shift;
    this.#samples[at] = ((old * (256 - opacity) + value * opacity + 128) >> 8) << shift;
  }
}
