/** A pipe read in the event loop, read(2) straight to where its bytes belong. */
import { closeDescriptor, setNonBlocking } from './libc.js';
import { NOTHING_NOW, readInto } from './pipe.js';
import { type DescriptorWatch, watchReadable } from './poll.js';

/** With so much still to come it is worth letting the pipe fill first. */
const GATHER_BYTES = 1 << 18;
/** In which a program that has its bytes ready fills a pipe of 1 MiB. */
const GATHER_MS = 1;
/** Reads in one turn of the event loop: others have to come in between. */
const MAX_READS = 16;

/** Takes the bytes. What its methods throw ends the reading. */
export interface ByteTarget {
  /** It cannot say yet where bytes go: nothing is read until `proceed()`. */
  readonly waits: boolean;
  /** Where the next bytes go: at least one. */
  next(): Uint8Array;
  /** So many bytes of the last `next()` are there. */
  advance(byteLength: number): void;
  /** Bytes that are sure to come in one go; what is large is gathered. */
  readonly bytesToCome: number;
}

/**
 * Reads until the end of the pipe, or `close()`. Not a `net.Socket`, which wants the place of the next bytes before the
 * last ones were looked at, and takes several times as long for a read.
 */
export class PipeReader {
  /** Resolves at the end of the pipe, or by `close()`; rejects with SystemCallError, and with what the target throws. */
  readonly ended: Promise<void>;
  readonly #descriptor: number | undefined;
  readonly #target: ByteTarget;
  readonly #gathers: boolean;
  /** Undefined: there is nothing that can be watched, and the reading has ended. */
  #watch: DescriptorWatch | undefined;
  #resolve: () => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #gathering: NodeJS.Timeout | undefined;
  #isHeld = false;
  #isOpen = true;

  /**
   * Takes the descriptor over: that of a pipe or a socket; undefined is one that is at its end. `gathers`: what is large
   * is read in few large pieces, a millisecond apart, instead of many as they come: a fraction of the work, for a few
   * milliseconds.
   */
  constructor(
    descriptor: number | undefined,
    target: ByteTarget,
    { gathers = false }: { readonly gathers?: boolean } = {},
  ) {
    this.#descriptor = descriptor;
    this.#target = target;
    this.#gathers = gathers;
    this.ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever waits for it may come later than the failure.
    this.ended.catch(() => undefined);
    if (descriptor === undefined) this.close();
    else this.#open(descriptor);
  }

  /** Reads nothing until `release()`. */
  hold(): void {
    this.#isHeld = true;
    this.#rest();
  }

  release(): void {
    this.#isHeld = false;
    this.#goOn();
  }

  /** The step that ends a wait of the target, and on. What it throws ends the reading. */
  proceed(step: () => void): void {
    this.#attempt(step);
    this.#goOn();
  }

  /** Ends the reading: `ended` rejects. */
  fail(error: unknown): void {
    this.#reject(error);
    this.close();
  }

  /** Idempotent. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    clearTimeout(this.#gathering);
    this.#watch?.close();
    if (this.#descriptor !== undefined) closeDescriptor(this.#descriptor);
    this.#resolve();
  }

  /** To watch a descriptor takes another: where none is left the reading fails, and whoever waits for its end is told. */
  #open(descriptor: number): void {
    setNonBlocking(descriptor);
    this.#attempt(() => (this.#watch = watchReadable(descriptor, () => this.#read())));
  }

  get #mayRead(): boolean {
    return this.#isOpen && !this.#isHeld && !this.#target.waits;
  }

  #goOn(): void {
    if (this.#mayRead && this.#gathering === undefined) this.#watch?.setReadable(true);
  }

  #read(): void {
    for (let reads = 0; reads < MAX_READS && this.#mayRead; reads += 1) {
      let found: 'nothing' | 'the rest' | 'more' = 'nothing';
      this.#attempt(() => (found = this.#readOnce()));
      // A writer that has stopped is waited for by the event loop, and not looked after each millisecond.
      if (found === 'nothing') break;
      if (this.#gathers && this.#isOpen && this.#target.bytesToCome >= GATHER_BYTES) {
        return this.#gather();
      }
      if (found === 'the rest') break;
    }
    if (this.#mayRead) this.#watch?.setReadable(true);
    else this.#rest();
  }

  /** A read that finds less than it has room for has found the rest. */
  #readOnce(): 'nothing' | 'the rest' | 'more' {
    const place = this.#target.next();
    const room = place.byteLength;
    const byteLength = readInto(this.#descriptor as number, place);
    if (byteLength === NOTHING_NOW) return 'nothing';
    if (byteLength === 0) this.close();
    else this.#target.advance(byteLength);
    return byteLength < room ? 'the rest' : 'more';
  }

  #gather(): void {
    this.#watch?.setReadable(false);
    this.#gathering = setTimeout(() => {
      this.#gathering = undefined;
      this.#read();
    }, GATHER_MS);
  }

  #rest(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#watch?.setReadable(false);
  }

  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.fail(error);
    }
  }
}
