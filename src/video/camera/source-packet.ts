/** A packet as the ffmpeg that takes an input apart gives it. */
import { monotonicNs } from '../../ffi/index.js';
import { type NutFrame, rescale } from '../ffmpeg/index.js';

/** Added to all times, since NUT has none below 0, and taken away again. */
export const OFFSET_SECONDS = 100;
const SECONDS = Object.freeze({ numerator: 1, denominator: 1 });
/** Larger than any picture that a ring of packets could take. */
const MAX_PACKET_BYTES = 64 << 20;

export interface SourcePacket {
  readonly bytes: Uint8Array;
  readonly keyFrame: boolean;
  /** As read, never below 0. */
  readonly rawPts: number;
  /** From the start of the input. */
  readonly pts: number;
  readonly captureTimeNs: number;
}

/** Memory of its own for a packet, not filled with zeros first. Undefined: no ring could take it. */
export function packetPlace({ byteLength }: NutFrame): Uint8Array | undefined {
  if (byteLength > MAX_PACKET_BYTES || byteLength === 0) return undefined;
  return Buffer.allocUnsafeSlow(byteLength);
}

/** Now that its bytes are there. */
export function sourcePacket({ stream, pts, keyFrame }: NutFrame, bytes: Uint8Array): SourcePacket {
  return {
    bytes,
    keyFrame,
    rawPts: pts,
    pts: pts - rescale(OFFSET_SECONDS, SECONDS, stream.timeBase),
    captureTimeNs: monotonicNs(),
  };
}
