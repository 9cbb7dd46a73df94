/** Rows of a plane that are rows of the target as they are: luma from nv12 to i420, a part of a picture. */
import type { Pass, PassInput, PassOutput } from '../conversion-plan.js';
import type { SourcePlane, TargetPlane } from '../picture-planes.js';

export class RowCopy {
  readonly #pass: Pass;
  readonly #input: PassInput;
  readonly #output: PassOutput;

  /** @param first index of the output whose sample comes first in a pixel, and of its input */
  constructor(pass: Pass, first: number) {
    this.#pass = pass;
    this.#input = pass.inputs[first]!;
    this.#output = pass.outputs[first]!;
  }

  run(source: readonly SourcePlane[], target: readonly TargetPlane[]): void {
    const { region } = this.#pass;
    const { place } = this.#input;
    const { plane, step, offset } = this.#output.place;
    const [from, to] = [source[place.plane]!, target[plane]!];
    const rowBytes = region.width * step;
    const start = offset + region.x * step + region.y * to.pitchBytes;
    if (from.pitchBytes === rowBytes && to.pitchBytes === rowBytes) {
      // One row follows the other without a gap.
      to.bytes.set(from.bytes.subarray(0, region.height * rowBytes) as Uint8Array, start);
      return;
    }
    for (let y = 0; y < region.height; y++) {
      const first = y * from.pitchBytes;
      const row = from.bytes.subarray(first, first + rowBytes) as Uint8Array;
      to.bytes.set(row, start + y * to.pitchBytes);
    }
  }
}

/**
 * Whether the outputs `members`, whose samples are bytes that nothing happens to, are a plane of the source as it is, and
 * fill the region.
 */
export function isRowCopy(pass: Pass, members: readonly number[]): boolean {
  const { inputs, outputs, picture, region } = pass;
  // Also false where there is no picture, and so no inputs.
  if (picture.width !== region.width || picture.height !== region.height) return false;
  const { step } = outputs[members[0]!]!.place;
  const { plane } = inputs[members[0]!]!.place;
  const isPlace = (output: number, index: number): boolean => {
    const { place } = inputs[output]!;
    const isAlike = place.plane === plane && place.step === step && place.offset === index;
    return isAlike && outputs[output]!.table === undefined;
  };
  return members.length === step && members.every(isPlace);
}
