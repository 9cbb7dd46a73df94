/** What a tensor was made of: the messages of `<output>/inputs`, one a frame. */
import { type JsonFormat, json } from '../../format/index.js';
import type { Placement } from '../../pixels/index.js';
import type { VideoFrame } from '../inputs/latest-frames.js';

/** One picture of a tensor. */
export interface FilterInput {
  readonly channel: string;
  /** Lineage id of the frame, as decimal text: JSON has no 64-bit integers. */
  readonly id: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly ptsNs: number;
  /** CLOCK_MONOTONIC of the filter's process. */
  readonly captureTimeNs: number;
  /** Of the picture as it came, in pixels. */
  readonly width: number;
  readonly height: number;
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
  const { channel, id, epoch, sequence, ptsNs, captureTimeNs, format, flags } = frame;
  const { width, height } = format;
  const incomplete = flags.incomplete || flags.corrupt;
  const times = { ptsNs, captureTimeNs };
  return {
    channel,
    id: String(id),
    epoch,
    sequence,
    ...times,
    width,
    height,
    placement,
    incomplete,
  };
}
