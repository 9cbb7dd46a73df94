/** The memory of pictures as it is given to a converter, and whether a plan has enough of it. */
import type { ReadonlyBytes } from '../core/index.js';
import type { VideoPlane } from '../format/index.js';
import type { Pass } from './conversion-plan.js';
import { elementBytesOf } from './output-sample.js';

/** A plane of a picture that is read. */
export interface SourcePlane {
  readonly bytes: ReadonlyBytes;
  readonly pitchBytes: number;
}

/** A plane of a picture, or the memory of a tensor, that is written. */
export interface TargetPlane {
  readonly bytes: Uint8Array;
  readonly pitchBytes: number;
}

/** Throws `RangeError` for a plane that is smaller than its format says. */
export function checkSource({ bytes, pitchBytes }: SourcePlane, plane: VideoPlane): void {
  const { rowBytes, height, name } = plane;
  const neededBytes = pitchBytes * (height - 1) + rowBytes;
  if (pitchBytes < rowBytes) {
    throw new RangeError(`the pitch of ${name} must be at least ${rowBytes}, got ${pitchBytes}`);
  }
  if (bytes.byteLength < neededBytes) {
    throw new RangeError(`plane ${name} must have ${neededBytes} bytes, got ${bytes.byteLength}`);
  }
}

/** Throws `RangeError` where a pass would write beside the memory of its target. */
export function checkTarget(target: readonly TargetPlane[], { outputs, region }: Pass): void {
  for (const output of outputs) {
    const { plane, offset, step } = output.place;
    const given = target[plane];
    if (given === undefined) {
      throw new RangeError(`the target needs ${plane + 1} planes, got ${target.length}`);
    }
    const { bytes, pitchBytes } = given;
    const elementBytes = elementBytesOf(output);
    const rowBytes = (region.x + region.width) * step * elementBytes;
    if (pitchBytes < rowBytes) {
      throw new RangeError(
        `the pitch of plane ${plane} of the target must be at least ${rowBytes}, got ${pitchBytes}`,
      );
    }
    const last = offset + (region.x + region.width - 1) * step;
    const neededBytes = (region.y + region.height - 1) * pitchBytes + (last + 1) * elementBytes;
    if (bytes.byteLength >= neededBytes) continue;
    throw new RangeError(
      `plane ${plane} of the target must have ${neededBytes} bytes, got ${bytes.byteLength}`,
    );
  }
}
