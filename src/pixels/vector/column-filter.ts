/** The words of one component, filtered along the row by the kernel that its taps take. */
import type { Taps } from '../resample-taps.js';
import { CHUNK_TAPS } from './column-kernels.js';
import type { ScratchLayout } from './scratch-layout.js';
import type { Kernel, VectorMachine } from './vector-machine.js';

/** Columns that a kernel makes at once, at most: its tables have entries for as many. */
const COLUMNS_AT_ONCE = 8;

export class ColumnFilter {
  readonly #columns: Taps;
  readonly #kernel: Kernel | undefined;
  readonly #result: number;
  readonly #offsets: number;
  readonly #weights: number;
  readonly #chunks: number;

  constructor(machine: VectorMachine, layout: ScratchLayout, columns: Taps) {
    const { outputs, taps, first, identity, doubles } = columns;
    this.#columns = columns;
    this.#chunks = taps > 2 ? Math.ceil(taps / CHUNK_TAPS) : 0;
    this.#kernel = identity ? undefined : machine.kernel(kernelName(columns));
    this.#result = identity ? 0 : layout.room(outputs * 2);
    const isTabled = !identity && !doubles;
    const offsets = new Int32Array(Math.ceil(outputs / COLUMNS_AT_ONCE) * COLUMNS_AT_ONCE);
    first.forEach((word, output) => (offsets[output] = word * 2));
    this.#offsets = isTabled ? layout.constant(offsets) : 0;
    this.#weights = isTabled ? layout.constant(tableOfWeights(columns, this.#chunks)) : 0;
  }

  /** Filters the row at an address, and says where the result is. */
  run(words: number): number {
    const kernel = this.#kernel;
    if (kernel === undefined) return words;
    const { outputs, doubles } = this.#columns;
    const result = this.#result;
    if (doubles) kernel(result, words, outputs);
    else if (this.#chunks <= 1) {
      kernel(result, words, this.#offsets, this.#weights, outputs);
    } else kernel(result, words, this.#offsets, this.#weights, this.#chunks, outputs);
    return result;
  }
}

function kernelName({ taps, doubles }: Taps): string {
  if (doubles) return 'double';
  if (taps <= 2) return 'pairs';
  return taps <= CHUNK_TAPS ? 'fours' : 'chunks';
}

/** Two weights a column; or four times `chunks`, those of a chunk together for four columns. */
function tableOfWeights({ outputs, taps, weights }: Taps, chunks: number): Uint16Array {
  const columns = Math.ceil(outputs / COLUMNS_AT_ONCE) * COLUMNS_AT_ONCE;
  const table = new Uint16Array(columns * (chunks === 0 ? 2 : chunks * CHUNK_TAPS));
  for (let output = 0; output < outputs; output++) {
    for (let tap = 0; tap < taps; tap++) {
      const [group, column] = [output >> 2, output & 3];
      const chunk = Math.floor(tap / CHUNK_TAPS);
      const at =
        chunks === 0
          ? output * 2 + tap
          : ((group * chunks + chunk) * 4 + column) * CHUNK_TAPS + (tap % CHUNK_TAPS);
      table[at] = weights[output * taps + tap]!;
    }
  }
  return table;
}
