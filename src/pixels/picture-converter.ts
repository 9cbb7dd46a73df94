/** Carries out a plan on the processor. Everything it needs is made once. */
import { type VideoPlane, videoPlanes } from '../format/index.js';
import type { ConversionPlan } from './conversion-plan.js';
import { checkSource, checkTarget, type SourcePlane, type TargetPlane } from './picture-planes.js';
import { PlainPass } from './plain-pass.js';
import { type VectorMachine, vectorMachine } from './vector/vector-machine.js';
import { VectorPass } from './vector/vector-pass.js';

export class PictureConverter {
  readonly plan: ConversionPlan;
  readonly #sourcePlanes: readonly VideoPlane[];
  readonly #passes: readonly (PlainPass | VectorPass)[];

  /** @param machine 'plain': pixel by pixel, as where there are no vectors */
  constructor(plan: ConversionPlan, machine: VectorMachine | 'plain' = vectorMachine() ?? 'plain') {
    this.plan = plan;
    const planes = videoPlanes(plan.source);
    this.#sourcePlanes = planes;
    this.#passes = plan.passes.map((pass) =>
      machine === 'plain' ? new PlainPass(pass) : new VectorPass(pass, planes, machine),
    );
  }

  /**
   * Converts a picture. The planes of the source are those of its format, as long as the format says; of a tensor
   * target there is one, whose pitch is the bytes of a row. Throws `RangeError` for memory that is too small.
   */
  run(source: readonly SourcePlane[], target: readonly TargetPlane[]): void {
    const needed = this.#sourcePlanes;
    if (source.length !== needed.length) {
      throw new RangeError(
        `a picture of ${this.plan.source.pixelFormat} has ${needed.length} planes, got ${source.length}`,
      );
    }
    source.forEach((plane, index) => checkSource(plane, needed[index]!));
    for (const pass of this.plan.passes) checkTarget(target, pass);
    for (const pass of this.#passes) pass.run(source, target);
  }
}
