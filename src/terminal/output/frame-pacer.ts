/** A frame every so often is as fast as eyes are. */
export const FRAME_INTERVAL_MS = 16;
/** For so long after a key the pane it went to is drawn as soon as it changes: its echo. */
export const ECHO_WINDOW_MS = 50;

/**
 * When the next frame is due: at most one each 16 ms, at once for the echo of a key. All times are given, in
 * milliseconds of one clock.
 *
 * A key by itself makes no frame due: one that is drawn before its echo has come would only be in the echo's way. An
 * echo that comes while a frame is on its way is due as soon as that one has arrived.
 */
export class FramePacer {
  #lastFrameMs = Number.NEGATIVE_INFINITY;
  #keyMs = Number.NEGATIVE_INFINITY;
  /** An echo came, and no frame was drawn since. */
  #echoDue = false;

  /** A key was sent to the pane in focus. */
  keySent(nowMs: number): void {
    this.#keyMs = nowMs;
  }

  /** A frame was drawn. */
  frameDrawn(nowMs: number): void {
    this.#lastFrameMs = nowMs;
    this.#echoDue = false;
  }

  /** The pane that has the keys changed. */
  focusChanged(nowMs: number): void {
    if (nowMs - this.#keyMs > ECHO_WINDOW_MS) return;
    // One change is the echo; a program that goes on printing is paced again.
    this.#keyMs = Number.NEGATIVE_INFINITY;
    this.#echoDue = true;
  }

  /** How long to wait before drawing what has changed, 0: not at all. */
  delayMs(nowMs: number): number {
    if (this.#echoDue) return 0;
    return Math.max(0, this.#lastFrameMs + FRAME_INTERVAL_MS - nowMs);
  }
}
