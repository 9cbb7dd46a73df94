/**
 * The rows of one plane of bytes, reduced by a whole number both ways at once: between the middles of two by two samples, or
 * by the sample in the middle. The others are not looked at: what most cells of a mosaic are made of.
 */
import type { VideoPlane } from '../../format/index.js';
import type { PassInput } from '../conversion-plan.js';
import type { SourcePlane } from '../picture-planes.js';
import { TAP_BITS, type Taps } from '../resample-taps.js';
import { reduceName, REDUCTIONS } from './reduce-kernels.js';
import { RowBlock } from './row-block.js';
import type { ScratchLayout } from './scratch-layout.js';
import type { Kernel, VectorMachine } from './vector-machine.js';

export class ReducedRows {
  /** Where row `select` was asked for is, by component. */
  readonly parts: readonly number[];
  readonly #columns: Taps;
  readonly #rows: Taps;
  readonly #block: RowBlock;
  /** Rows that an output is made of. */
  readonly #together: number;
  readonly #offsetBytes: number;
  readonly #kernel: Kernel;

  /** @param step as `reductionOf` says */
  constructor(
    machine: VectorMachine,
    layout: ScratchLayout,
    plane: VideoPlane,
    { columns, rows }: PassInput,
    step: number,
  ) {
    const channels = plane.channels as 1 | 2;
    this.#columns = columns;
    this.#rows = rows;
    this.#together = step % 2 === 0 ? 2 : 1;
    this.#block = new RowBlock(machine, layout, plane, rows, this.#together);
    this.#offsetBytes = columns.first[0]! * channels;
    this.#kernel = machine.kernel(reduceName(channels, step));
    this.parts = Array.from({ length: channels }, () => layout.room(columns.outputs * 2));
  }

  /** A frame begins. */
  begin(source: SourcePlane): void {
    this.#block.begin(source);
  }

  /** Makes row `y` of the target the current one. */
  select(y: number): void {
    const row = this.#block.load(this.#rows.first[y]!, this.#together) + this.#offsetBytes;
    const [first, second] = this.parts as [number, number];
    const { pitch } = this.#block;
    const { outputs } = this.#columns;
    if (this.parts.length === 1) this.#kernel(first, row, pitch, outputs);
    else this.#kernel(first, second, row, pitch, outputs);
  }
}

/** From one sample to the next, where both ways are reduced alike, and there is a kernel for it. */
export function reductionOf(
  { channels, bytesPerSample }: VideoPlane,
  { columns, rows }: PassInput,
): number | undefined {
  const step = stepOf(columns);
  const isAlike = step !== undefined && step === stepOf(rows);
  return isAlike && channels <= 2 && bytesPerSample === 1 ? step : undefined;
}

/** Samples from one output to the next, where it is the same from all to all, and so are the weights. */
function stepOf({ taps, outputs, first, weights }: Taps): number | undefined {
  if (taps !== 2 || outputs < 2) return undefined;
  const step = first[1]! - first[0]!;
  if (!REDUCTIONS.includes(step)) return undefined;
  const upper = step % 2 === 0 ? 1 << (TAP_BITS - 1) : 1 << TAP_BITS;
  const isRegular = first.every((sample, output) => {
    return sample === first[0]! + output * step && weights[output * 2] === upper;
  });
  return isRegular ? step : undefined;
}
