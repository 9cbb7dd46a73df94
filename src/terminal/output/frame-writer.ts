/** Takes bytes without waiting. */
export interface ByteSink {
  /** How many of the bytes were taken, from the first on; 0: none at the moment. Throws when there is nobody. */
  write(bytes: Uint8Array): number;
  /** Whether `flush` is to be called when there is room again. */
  wantRoom(wanted: boolean): void;
}

/** Bytes that wait beside frames: modes, a clipboard. More than this were never meant for a terminal. */
const MAX_WAITING_BYTES = 1024 * 1024;

/**
 * Writes frames to a terminal, each whole before the next one begins. A terminal that is slow takes a part; the rest
 * goes first, however often it is cut, and until then no new frame is taken: the caller skips it and composes a newer
 * one later.
 */
export class FrameWriter {
  readonly #sink: ByteSink;
  readonly #onIdle: () => void;
  /** What is on its way: the rest of a frame, then what was asked for behind it. */
  #rest: Uint8Array = new Uint8Array(0);

  /** `onIdle`: the last byte of what could not be written at once is gone. */
  constructor(sink: ByteSink, onIdle: () => void) {
    this.#sink = sink;
    this.#onIdle = onIdle;
  }

  /** A frame is still on its way. */
  get busy(): boolean {
    return this.#rest.length > 0;
  }

  /** Begins a frame. The bytes may be used again afterwards. It is a mistake to call this while busy. */
  writeFrame(frame: Uint8Array): void {
    if (this.busy)
      throw new RangeError('a frame is still being written: wait until it is not busy');
    if (frame.length === 0) return;
    const taken = this.#sink.write(frame);
    if (taken === frame.length) return;
    this.#rest = frame.slice(taken);
    this.#sink.wantRoom(true);
  }

  /** Bytes that are no frame, after the one on its way. False when too many wait already. */
  writeControl(bytes: Uint8Array): boolean {
    if (this.#rest.length + bytes.length > MAX_WAITING_BYTES && this.busy) return false;
    if (!this.busy) {
      this.writeFrame(bytes);
      return true;
    }
    const joined = new Uint8Array(this.#rest.length + bytes.length);
    joined.set(this.#rest);
    joined.set(bytes, this.#rest.length);
    this.#rest = joined;
    return true;
  }

  /** There is room again, perhaps. */
  flush(): void {
    if (!this.busy) return;
    const taken = this.#sink.write(this.#rest);
    this.#rest = this.#rest.subarray(taken);
    if (this.busy) return;
    this.#sink.wantRoom(false);
    this.#onIdle();
  }

  /** What was not written yet, which is no longer this writer's: it is free for the next frame. */
  takeRest(): Uint8Array {
    const rest = this.#rest;
    this.#rest = new Uint8Array(0);
    if (rest.length > 0) this.#sink.wantRoom(false);
    return rest;
  }
}
