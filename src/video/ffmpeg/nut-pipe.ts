/** Reads a NUT stream out of a pipe, in the event loop, straight to where the demuxer wants its bytes. */
import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net';
import type { NutDemuxer } from './nut-demuxer.js';

const DETOUR_BYTES = 64;
/** ffmpeg writes 32 KiB at a time. With so much still to come it is worth letting the pipe fill first. */
const GATHER_BYTES = 1 << 18;
/** In which ffmpeg fills a pipe of 1 MiB. */
const GATHER_MS = 1;

export class NutPipe {
  /** Resolves at the end of the pipe, or `close()`; rejects with CAMERA_FORMAT and what the sink throws. */
  readonly ended: Promise<void>;
  readonly #demuxer: NutDemuxer;
  readonly #socket: Socket;
  readonly #gathers: boolean;
  #gathering: NodeJS.Timeout | undefined;
  #held = false;
  #failure: Error | undefined;
  /** Where the next bytes were told to go while the demuxer waited. */
  #detour: Uint8Array | undefined;
  #left: Uint8Array = new Uint8Array(0);

  /**
   * Takes the descriptor over. `gathers`: a large frame is read in few large pieces, a millisecond apart, instead of many
   * as they come: a fraction of the work, for a few milliseconds.
   */
  constructor(
    descriptor: number,
    demuxer: NutDemuxer,
    { gathers = false }: { readonly gathers?: boolean } = {},
  ) {
    this.#demuxer = demuxer;
    this.#gathers = gathers;
    const onread: OnReadOpts = {
      buffer: () => this.#next(),
      callback: (byteLength) => this.#arrived(byteLength),
    };
    const options: SocketConstructorOpts & { readonly onread: OnReadOpts } = {
      fd: descriptor,
      readable: true,
      writable: false,
      onread,
    };
    this.#socket = new Socket(options);
    this.ended = new Promise((resolve, reject) => {
      this.#socket.on('error', reject);
      this.#socket.on('end', resolve);
      this.#socket.on('close', () => resolve());
    });
    // Whoever waits for it may come later than the failure.
    this.ended.catch(() => undefined);
  }

  /** Reads nothing until `release()`. What was read already is still handed over. */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#goOn();
  }

  /** Answers the demuxer's 'later' and reads on. */
  supply(target: () => Uint8Array | undefined): void {
    this.#attempt(() => {
      this.#demuxer.supply(target());
      this.#feed();
    });
    this.#goOn();
  }

  close(): void {
    clearTimeout(this.#gathering);
    this.#socket.destroy();
  }

  #goOn(): void {
    if (this.#mayRead && this.#gathering === undefined) this.#socket.resume();
  }

  get #mayRead(): boolean {
    return this.#failure === undefined && !this.#held && !this.#demuxer.waits;
  }

  /**
   * Both are called from native code, where what they throw would end the process. Node asks for the next place as
   * soon as one is filled, also when it is told to read no more: then the demuxer cannot say yet, and the first bytes
   * after the pause come by way of memory of our own.
   */
  #next(): Uint8Array {
    this.#detour = undefined;
    if (this.#demuxer.waits) return (this.#detour = new Uint8Array(DETOUR_BYTES));
    let target: Uint8Array = new Uint8Array(1);
    this.#attempt(() => {
      target = this.#demuxer.next();
    });
    return target;
  }

  #arrived(byteLength: number): boolean {
    if (this.#failure === undefined) {
      this.#attempt(() => {
        if (this.#detour === undefined) this.#demuxer.advance(byteLength);
        else {
          this.#left = this.#detour.subarray(0, byteLength);
          this.#feed();
        }
      });
    }
    if (!this.#mayRead) return false;
    if (!this.#gathers || this.#demuxer.bytesToCome < GATHER_BYTES) return true;
    this.#gathering = setTimeout(() => {
      this.#gathering = undefined;
      this.#goOn();
    }, GATHER_MS);
    return false;
  }

  /** Hands on what came by the detour, as far as the demuxer takes it. */
  #feed(): void {
    while (this.#left.length > 0 && !this.#demuxer.waits) {
      const target = this.#demuxer.next();
      const byteLength = Math.min(target.length, this.#left.length);
      target.set(this.#left.subarray(0, byteLength));
      this.#left = this.#left.subarray(byteLength);
      this.#demuxer.advance(byteLength);
    }
  }

  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#failure = error as Error;
      // The socket may still be being made.
      setImmediate(() => this.#socket.destroy(error as Error));
    }
  }
}
