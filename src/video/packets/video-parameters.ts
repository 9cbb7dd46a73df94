/** What the parameter sets of a stream say of its pictures. */
import { type ColorSpace, guessColor } from '../../format/index.js';

/** Pictures as they are to be shown: without what the encoder added to fill its blocks. */
export interface VideoParameters {
  /** In pixels. */
  readonly width: number;
  readonly height: number;
  /** Bits a sample: 8, 10 or 12. */
  readonly bitDepth: number;
  /** 0 gray, 1 4:2:0, 2 4:2:2, 3 4:4:4. */
  readonly chroma: number;
  /** As stated, the rest guessed; `guessed` unless all of it was stated. */
  readonly color: ColorSpace;
}

/** Numbers of ITU-T H.273 as streams carry them; 2, and what is unknown here, is unspecified. */
export interface ColorNumbers {
  readonly primaries: number;
  readonly transfer: number;
  readonly matrix: number;
  readonly fullRange: boolean | undefined;
}

const PRIMARIES: Readonly<Record<number, string>> = {
  1: 'bt709',
  4: 'bt470m',
  5: 'bt470bg',
  6: 'smpte170m',
  7: 'smpte240m',
  8: 'film',
  9: 'bt2020',
  11: 'smpte431',
  12: 'smpte432',
};

const TRANSFERS: Readonly<Record<number, string>> = {
  1: 'bt709',
  4: 'gamma22',
  5: 'gamma28',
  6: 'smpte170m',
  7: 'smpte240m',
  8: 'linear',
  13: 'iec61966-2-1',
  14: 'bt2020-10',
  15: 'bt2020-12',
  16: 'smpte2084',
  18: 'arib-std-b67',
};

const MATRICES: Readonly<Record<number, string>> = {
  1: 'bt709',
  4: 'fcc',
  5: 'bt470bg',
  6: 'smpte170m',
  7: 'smpte240m',
  9: 'bt2020nc',
  10: 'bt2020c',
};

/** Names as FFmpeg writes them. What the stream leaves open is guessed by the height, and says so. */
export function statedColor(numbers: ColorNumbers | undefined, height: number): ColorSpace {
  const guess = guessColor('nv12', height);
  if (numbers === undefined) return guess;
  const primaries = PRIMARIES[numbers.primaries];
  const transfer = TRANSFERS[numbers.transfer];
  const matrix = MATRICES[numbers.matrix];
  return Object.freeze({
    primaries: primaries ?? guess.primaries,
    transfer: transfer ?? guess.transfer,
    matrix: matrix ?? guess.matrix,
    range: numbers.fullRange === true ? 'full' : 'limited',
    guessed: primaries === undefined || transfer === undefined || matrix === undefined,
  });
}

/** 'bt601' in a table of H.273, which has two of them: that of 525 lines. */
const ALIASES: Readonly<Record<string, string>> = { bt601: 'smpte170m' };
const UNSPECIFIED = 2;

/** The numbers of ITU-T H.273 for colours, 2 for what they have no number of. */
export function colorNumbersOf(color: ColorSpace): Omit<ColorNumbers, 'fullRange'> {
  return {
    primaries: numberOf(PRIMARIES, color.primaries),
    transfer: numberOf(TRANSFERS, color.transfer),
    matrix: numberOf(MATRICES, color.matrix),
  };
}

function numberOf(names: Readonly<Record<number, string>>, name: string): number {
  const wanted = ALIASES[name] ?? name;
  const found = Object.entries(names).find(([, known]) => known === wanted);
  return found === undefined ? UNSPECIFIED : Number(found[0]);
}
