/** What a camera has done and how it is. */
import { monotonicNs } from '../../ffi/index.js';

/** A frozen snapshot, plain JSON; numbers count from the opening of the camera. */
export interface CameraStats {
  readonly state: 'connecting' | 'live' | 'lost' | 'ended';
  /** Without user, password and query. */
  readonly input: string;
  /** As the input has it: 'h264', 'hevc', 'av1', 'vp9', 'raw', 'other'; '' before the first connection. */
  readonly codec: string;
  /** What decodes: 'ffmpeg', 'nvdec', or '' while nothing does. */
  readonly decoder: string;
  /** Which pictures are decoded, as `decode` and those who read have it. */
  readonly wanted: 'none' | 'key' | 'all';
  /** Frames published. */
  readonly frames: number;
  /** Frames a second, over the last second. */
  readonly framesPerSecond: number;
  /** Of the packets of pictures, over the last seconds; 0 where there are none. */
  readonly bitsPerSecond: number;
  /** Pictures received. */
  readonly pictures: number;
  /** Pictures that found no slot, and those passed over because decoding was behind. */
  readonly dropped: number;
  /** From a packet's arrival in the decoder to its frame's publication, mean of the last ones, ms; 0 before any. */
  readonly decodeMs: number;
  /** Since the newest frame, ms; -1 before the first. */
  readonly lastFrameAgeMs: number;
  /** How often the input was lost and opened again. */
  readonly reconnects: number;
  /** What was wrong last, in words; '' when nothing was. */
  readonly lastError: string;
}

const WINDOW_NS = 2e9;

/** Counts bytes over about the last two seconds. */
export class BitRate {
  #bytes = 0;
  #sinceNs = monotonicNs();
  #rate = 0;

  add(byteLength: number, nowNs = monotonicNs()): void {
    this.#bytes += byteLength;
    this.#turn(nowNs);
  }

  perSecond(nowNs = monotonicNs()): number {
    // Silence for two windows is a rate of 0.
    if (nowNs - this.#sinceNs > 2 * WINDOW_NS) return 0;
    return this.#rate;
  }

  #turn(nowNs: number): void {
    const elapsedNs = nowNs - this.#sinceNs;
    if (elapsedNs < WINDOW_NS) return;
    this.#rate = Math.round((this.#bytes * 8e9) / elapsedNs);
    this.#bytes = 0;
    this.#sinceNs = nowNs;
  }
}
