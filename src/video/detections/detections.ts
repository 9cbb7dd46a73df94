/**
 * What a detector found in a picture: the messages of `detect/<camera>`. spec/detections.json has cases that every
 * client must take or refuse.
 *
 * A message says of which frame it speaks, so that boxes can be drawn where they belong, however long the detector took.
 * Boxes are in pixels of that frame, as COCO and most detectors give them; its size travels along, so that they can be
 * drawn on a picture of another size.
 */
import { z } from 'zod';
import { channelNameProblem } from '../../core/index.js';
import type { Frame } from '../../bus/index.js';
import {
  decodeMessage,
  encodeMessage,
  json,
  type JsonFormat,
  type VideoFormat,
} from '../../format/index.js';
import type { Box } from '../../pixels/index.js';

/** Which picture: as its publisher announced it. */
export interface FrameIdentity {
  readonly channel: string;
  /** Of its publisher: 32 hexadecimal digits. */
  readonly instance: string;
  readonly epoch: number;
  readonly sequence: number;
  /** Lineage id of the frame, as decimal text: JSON has no 64-bit integers. */
  readonly id: string;
  readonly ptsNs: number;
  /** Of the picture, in pixels. */
  readonly width: number;
  readonly height: number;
}

/** One thing in a picture. */
export interface Detection {
  /** In pixels of the frame, from its upper left corner; parts of pixels are allowed. */
  readonly box: Box;
  /** At most 64 characters. */
  readonly label: string;
  /** 0 to 1, where the detector has one. */
  readonly score?: number;
  /** The same for the same thing in other frames, where the detector follows things. */
  readonly trackId?: number;
}

/** All that was found in one picture: an empty list where nothing was. */
export interface Detections {
  readonly version: 1;
  /** What found it, for people: at most 128 characters. */
  readonly model: string;
  readonly frame: FrameIdentity;
  /** At most 1024. */
  readonly detections: readonly Detection[];
}

export const MAX_DETECTIONS = 1024;
const MAX_COORDINATE = 1e6;
const MAX_SIDE = 65_535;
const MAX_ID = 2n ** 64n - 1n;

const safe = (min: number, max = Number.MAX_SAFE_INTEGER) => z.int().min(min).max(max);
const coordinate = z.number().min(-MAX_COORDINATE).max(MAX_COORDINATE);
const length = z.number().min(0).max(MAX_COORDINATE);

// Keys that are not known are passed over: a later writer may say more.
const schema: z.ZodType<Detections> = z.object({
  version: z.literal(1),
  model: z.string().min(1).max(128),
  frame: z.object({
    channel: z.string().refine((name) => channelNameProblem(name) === undefined, 'not a channel'),
    instance: z.string().regex(/^[0-9a-f]{32}$/),
    epoch: safe(1, 2 ** 32 - 1),
    sequence: safe(1),
    id: z
      .string()
      .regex(/^(?:0|[1-9]\d{0,19})$/)
      .refine((id) => BigInt(id) <= MAX_ID, 'larger than 64 bits'),
    ptsNs: safe(Number.MIN_SAFE_INTEGER),
    width: safe(1, MAX_SIDE),
    height: safe(1, MAX_SIDE),
  }),
  detections: z
    .array(
      z.object({
        box: z.object({ x: coordinate, y: coordinate, width: length, height: length }),
        label: z.string().min(1).max(64),
        score: z.number().min(0).max(1).exactOptional(),
        trackId: safe(0).exactOptional(),
      }),
    )
    .max(MAX_DETECTIONS),
});

const FORMAT = json(schema);

/**
 * The format of a channel of detections: what is sent and what is read is checked, and refused with `INVALID_MESSAGE`.
 * Labels come from elsewhere: put them through `printable()` before they reach a terminal.
 */
export function detections(): JsonFormat<Detections> {
  return FORMAT;
}

/** The bytes of a message. Throws `INVALID_MESSAGE` for what the schema refuses. */
export function encodeDetections(value: Detections): Uint8Array {
  return encodeMessage(FORMAT, value);
}

/** A message that came some other way, as the bytes of its JSON. Throws `INVALID_MESSAGE`. */
export function parseDetections(bytes: Uint8Array): Detections {
  return decodeMessage(FORMAT, bytes);
}

/** Who a frame is. */
export function identityOf(frame: Frame<VideoFormat>): FrameIdentity {
  const { channel, instance, epoch, sequence, id, ptsNs, format } = frame;
  const { width, height } = format;
  return { channel, instance, epoch, sequence, id: String(id), ptsNs, width, height };
}
