/** A frame every so often is as fast as eyes are. */
export const FRAME_INTERVAL_MS = 16;
/** For so long after a key the pane it went to is drawn as soon as it changes: its echo. */
export const ECHO_WINDOW_MS = 50;

/**
 * When the next frame is due: at most one each 16 ms, at once for the echo of a key. All times are given, in
 * milliseconds of one clock.
 */
export class FramePacer {
  #lastFrameMs = Number.NEGATIVE_INFINITY;
  #keyMs = Number.NEGATIVE_INFINITY;

  /** A key was sent to the pane in focus. */
  keySent(nowMs: number): void {
    this.#keyMs = nowMs;
  }

  /** A frame was drawn. */
  frameDrawn(nowMs: number): void {
    this.#lastFrameMs = nowMs;
  }

  /**
   * How long to wait before drawing what changed now, 0: not at all. `focused`: the change is in the pane that has
   * the keys.
   */
  delayMs(nowMs: number, focused: boolean): number {
    if (focused && nowMs - this.#keyMs <= ECHO_WINDOW_MS) {
      // One change is the echo; a program that goes on printing is paced again.
      this.#keyMs = Number.NEGATIVE_INFINITY;
      return 0;
    }
    return Math.max(0, this.#lastFrameMs + FRAME_INTERVAL_MS - nowMs);
  }
}
