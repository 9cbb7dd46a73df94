/** Options of recordings and their checks. */
import { extname } from 'node:path';
import { assertInteger, assertKnownKeys } from '../../core/index.js';

export const RECORDING_TYPES = Object.freeze(['mp4', 'mkv'] as const);
export type RecordingType = (typeof RECORDING_TYPES)[number];

/** How to record the packets of a channel. Only the file is needed. */
export interface RecordOptions {
  /** Ends in `.mp4` (fragmented: what was written is readable at any moment) or `.mkv`. */
  readonly file: string;
  /** A file that exists is replaced; else it is refused, with `SYSTEM`. Segments have names of their own. Default false. */
  readonly overwrite?: boolean;
  /** Begins this much in the past, as far as the ring of packets goes, at a key frame. Default 0: with the next one. */
  readonly preRollSeconds?: number;
  /** A new file at the first key frame after this time; their names have the time before the dot. */
  readonly segmentSeconds?: number;
  /** Segments that began longer ago are deleted. */
  readonly keepSeconds?: number;
  /** The oldest segments are deleted until all together are no larger. */
  readonly maxBytes?: number;
  /** Ends the recording; what came before is kept. */
  readonly signal?: AbortSignal;
  /** Runtime directory; by default the process's own. */
  readonly directory?: string;
  /** How the publisher's lists call the recording. Default 'record'. */
  readonly label?: string;
}

const KNOWN = [
  'file',
  'overwrite',
  'preRollSeconds',
  'segmentSeconds',
  'keepSeconds',
  'maxBytes',
  'signal',
  'directory',
  'label',
] as const;

/** Throws `TypeError` or `RangeError` for what cannot be recorded with. */
export function checkRecordOptions(options: RecordOptions): RecordingType {
  assertKnownKeys('openRecording()', options, KNOWN);
  const { file, segmentSeconds, maxBytes } = options;
  const type = RECORDING_TYPES.find((name) => extname(file) === `.${name}`);
  if (type === undefined) {
    throw new RangeError(`file must end in .mp4 or .mkv, got ${JSON.stringify(file)}`);
  }
  for (const name of ['preRollSeconds', 'segmentSeconds', 'keepSeconds'] as const) {
    const seconds = options[name];
    if (seconds === undefined || (seconds > 0 && seconds <= 1e9)) continue;
    throw new RangeError(`${name} must be more than 0 and at most 10^9, got ${seconds}`);
  }
  if (maxBytes !== undefined) assertInteger('maxBytes', maxBytes, 1, Number.MAX_SAFE_INTEGER);
  for (const name of ['keepSeconds', 'maxBytes'] as const) {
    if (options[name] === undefined || segmentSeconds !== undefined) continue;
    throw new TypeError(`${name} deletes segments, and there are none without segmentSeconds`);
  }
  return type;
}
