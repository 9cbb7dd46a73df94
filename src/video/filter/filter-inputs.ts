/** What a tensor was made of: the messages of `<output>/inputs`, one a frame. */
import { type JsonFormat, json } from '../../format/index.js';
import type { Placement } from '../../pixels/index.js';
import { type FrameIdentity, identityOf } from '../detections/detections.js';
import type { VideoFrame } from '../inputs/latest-frames.js';

/** One picture of a tensor. */
export interface FilterInput extends FrameIdentity {
  /** CLOCK_MONOTONIC of the filter's process. */
  readonly captureTimeNs: number;
  /** Where the picture is in the tensor, and its scale: `toSourceBox()` maps boxes back. */
  readonly placement: Placement;
  /** Its data was lost, damaged or computed from such data. */
  readonly incomplete: boolean;
}

/** Pictures of the frame with this sequence, in the order of the batch. Sent just before the frame is published. */
export interface FilterInputs {
  readonly epoch: number;
  readonly sequence: number;
  readonly inputs: readonly FilterInput[];
}

/** The format of the channel `<output>/inputs`. */
export function filterInputs(): JsonFormat<FilterInputs> {
  return json<FilterInputs>();
}

export function describeInput(frame: VideoFrame, placement: Placement): FilterInput {
  const { captureTimeNs, flags } = frame;
  const incomplete = flags.incomplete || flags.corrupt;
  return { ...identityOf(frame), captureTimeNs, placement, incomplete };
}
