/** What is drawn over a picture: outlines, and words in a box. */
import { printable } from '../../core/index.js';
import { planFill, type Region, sampleOf, type Size } from '../../pixels/index.js';
import type { VideoFormat } from '../../format/index.js';
import { LETTER_HEIGHT, LETTER_WIDTH, LETTERS } from './label-font.js';

export type Color = readonly [red: number, green: number, blue: number];

/** Words, at a pixel of the target. */
export interface Label {
  readonly x: number;
  readonly y: number;
  /** How many times as large as the font. */
  readonly scale: number;
  /** Codes from the space to the tilde, at most 68. */
  readonly letters: readonly number[];
}

/** In pixels of the target, and inside of it. */
export interface Mark {
  readonly outline: (Region & { readonly thickness: number }) | undefined;
  readonly label: Label | undefined;
  /** Of the outline, and behind the letters. */
  readonly ground: Color;
  readonly ink: Color;
  /** 1 to 256, which is all. */
  readonly opacity: number;
}

/** Around the letters: two pixels of the font left and right, one above and below. */
export const LABEL_MARGIN = 2;
export const MAX_LETTERS = 68;
/** Cells from this height on have letters of twice the size, and so on. */
const LINES_A_SCALE = 300;
const FIRST_CODE = 0x20;

export function letterScale({ height }: Size): number {
  return 1 + Math.floor(height / LINES_A_SCALE);
}

export function labelSize({ letters, scale }: Omit<Label, 'x' | 'y'>): Size {
  return {
    width: (letters.length * LETTER_WIDTH + 2 * LABEL_MARGIN) * scale,
    height: (LETTER_HEIGHT + LABEL_MARGIN) * scale,
  };
}

/** The text as letters of the font, cut to fit into a room; undefined when no letter fits. */
export function lettersOf(text: string, scale: number, room: Size): readonly number[] | undefined {
  const fitting = Math.floor((room.width / scale - 2 * LABEL_MARGIN) / LETTER_WIDTH);
  const count = Math.min(fitting, MAX_LETTERS);
  if (count < 1 || (LETTER_HEIGHT + LABEL_MARGIN) * scale > room.height) return undefined;
  const codes = Array.from(printable(text, 128), (letter) => letter.charCodeAt(0));
  const known = codes.map((code) => (LETTERS[code - FIRST_CODE] === undefined ? 0x3f : code));
  return known.length === 0 ? undefined : known.slice(0, count);
}

/** Where the samples of a component of the target are. */
export interface OverlayComponent {
  readonly plane: number;
  /** The sample of a pixel, and samples from one pixel to the next. */
  readonly offset: number;
  readonly step: number;
  readonly bytesPerSample: 1 | 2;
  /** Bits below a sample: 6 of p010. */
  readonly shift: number;
  /** 2: half the resolution both ways. A sample shows what is at the upper left of its four pixels. */
  readonly halves: 1 | 2;
}

/** Components of a target and colours as their samples. */
export class OverlayTarget {
  readonly components: readonly OverlayComponent[];
  readonly #format: VideoFormat;
  readonly #samples = new Map<string, readonly number[]>();

  constructor(format: VideoFormat) {
    this.#format = format;
    this.components = this.#outputs([0, 0, 0]).map(({ place, precision }) => ({
      plane: place.plane,
      offset: place.offset,
      step: place.step,
      bytesPerSample: precision === 8 ? 1 : 2,
      shift: precision === 10 ? 6 : 0,
      halves: place.isChroma ? 2 : 1,
    }));
  }

  /** By component. Few colours are in use. */
  samplesOf(color: Color): readonly number[] {
    const key = color.join();
    const known = this.#samples.get(key);
    if (known !== undefined) return known;
    const samples = this.#outputs(color).map(
      (output, index) => sampleOf(output, output.padding) >> this.components[index]!.shift,
    );
    this.#samples.set(key, samples);
    return samples;
  }

  /** Letters keep the chroma of what is behind them where it has half the resolution: it would not show their form. */
  inkOf({ ground, ink }: Mark): readonly number[] {
    const [behind, letters] = [this.samplesOf(ground), this.samplesOf(ink)];
    return this.components.map(({ halves }, index) => (halves === 2 ? behind : letters)[index]!);
  }

  /** Alpha is left as it is: opaque. */
  #outputs(color: Color) {
    const { width, height } = this.#format;
    const plan = planFill(this.#format, color, { x: 0, y: 0, width, height });
    return plan.passes.flatMap(({ outputs }) => outputs.slice(0, 3));
  }
}
