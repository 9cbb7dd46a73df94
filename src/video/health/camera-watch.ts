/**
 * Whether a camera is well. That its publisher is there says little: a camera may keep its connection and send nothing,
 * and a decoder may take pictures and give none. So what counts is what changes from one look to the next.
 */
import type { CameraStats } from '../camera/camera-stats.js';
import type { CameraHealth } from './health.js';

/** How long a camera may give nothing and be well, unless told otherwise. */
export const DEFAULT_STALE_AFTER_MS = 5000;

/** Where key frames only are decoded: they may be that far apart. */
const KEY_FRAMES_MS = 60_000;

/** When a picture came is known as exactly as this. */
const BETWEEN_LOOKS_MS = 1000;

const NOTHING_YET: CameraStats = Object.freeze({
  state: 'connecting',
  input: '',
  codec: '',
  decoder: '',
  wanted: 'none',
  frames: 0,
  framesPerSecond: 0,
  bitsPerSecond: 0,
  pictures: 0,
  dropped: 0,
  decodeMs: 0,
  lastFrameAgeMs: -1,
  reconnects: 0,
  lastError: '',
});

/** What is known of a camera beside its statistics. */
export interface CameraSituation {
  /** Undefined while it is being opened. */
  readonly stats: CameraStats | undefined;
  readonly restarts: number;
  /** What was wrong last while it was being opened. */
  readonly lastError: string;
}

export class CameraWatch {
  readonly #channel: string;
  readonly #staleAfterMs: number;
  #pictures = -1;
  #picturesAtMs = 0;
  #wanted: CameraStats['wanted'] | undefined;
  #wantedAtMs = 0;
  #state: CameraStats['state'] | undefined;

  constructor(channel: string, staleAfterMs: number) {
    this.#channel = channel;
    this.#staleAfterMs = staleAfterMs;
  }

  /** To be called again and again, more often than `staleAfterMs`. `nowMs`: of any clock that goes on evenly. */
  look({ stats = NOTHING_YET, restarts, lastError }: CameraSituation, nowMs: number): CameraHealth {
    this.#note(stats, nowMs);
    const said = stats.lastError === '' ? lastError : stats.lastError;
    const problem = this.#problem(stats, said, nowMs);
    const healthy = problem === '';
    const about = { channel: this.#channel, healthy, problem, restarts };
    return { ...stats, ...about, lastError: said };
  }

  #note({ state, pictures, wanted, codec }: CameraStats, nowMs: number): void {
    // Nobody looks at a device: it is closed.
    const sleeps = codec === 'raw' && wanted === 'none';
    if (pictures !== this.#pictures || state !== this.#state || sleeps) {
      this.#pictures = pictures;
      this.#state = state;
      this.#picturesAtMs = nowMs;
    }
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.#wantedAtMs = nowMs;
    this.#picturesAtMs = nowMs;
  }

  #problem(stats: CameraStats, said: string, nowMs: number): string {
    const { state, wanted, lastFrameAgeMs } = stats;
    if (state === 'ended') return 'its input has ended';
    if (state !== 'live') return said === '' ? 'it is being opened' : said;
    const silentMs = nowMs - this.#picturesAtMs;
    if (silentMs > this.#staleAfterMs) return `no picture has come for ${inSeconds(silentMs)}`;
    if (wanted === 'none') return '';
    const sinceFrameMs = lastFrameAgeMs < 0 ? Number.POSITIVE_INFINITY : lastFrameAgeMs;
    const ageMs = Math.min(sinceFrameMs, nowMs - this.#wantedAtMs);
    const atMostMs = Math.max(this.#staleAfterMs, wanted === 'key' ? KEY_FRAMES_MS : 0);
    // Where both have stopped, it is the pictures that are missing: the looks to come say so.
    if (ageMs <= atMostMs || ageMs - silentMs < BETWEEN_LOOKS_MS) return '';
    const why = said === '' ? '' : `: ${said}`;
    return `pictures come, but there has been no frame for ${inSeconds(ageMs)}${why}`;
  }
}

function inSeconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
