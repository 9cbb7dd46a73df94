import { endOfPrintable, viewOf } from './printable-ascii.js';

/** Where a stream is, as far as text and its colours go. */
const STATE = { text: 0, escape: 1, parameters: 2, other: 3 } as const;
type State = (typeof STATE)[keyof typeof STATE];

const BACKSPACE = 0x08;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const ESCAPE = 0x1b;
const SPACE = 0x20;
const DELETE = 0x7f;
/** Digits, colon and semicolon. */
const isParameter = (byte: number): boolean => byte >= 0x30 && byte <= 0x3b;
/** `CSI … m` and `CSI … K`: colours, and the rest of a line made blank. */
const isLineFinal = (byte: number): boolean => byte === 0x6d || byte === 0x4b;

const FIRST_CAPACITY = 4096;

/**
 * Output that a screen need not carry out before somebody looks: lines of text with their colours. It asks nothing, says
 * nothing beside the text, changes no mode, and draws nowhere but at the cursor. Anything else is refused, and so is what
 * follows it until `restart`.
 */
export class PendingText {
  #bytes = new Uint8Array(FIRST_CAPACITY);
  #length = 0;
  #lineFeeds = 0;
  #state: State = STATE.text;

  /** Valid until more is added. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  get lineFeeds(): number {
    return this.#lineFeeds;
  }

  /** Takes as many of `bytes` as may wait, and says how many. Those from 0x80 on only where they are whole UTF-8. */
  add(bytes: Uint8Array, wholeUtf8: boolean): number {
    const count = this.#scan(bytes, wholeUtf8);
    const length = this.#length + count;
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      grown.set(this.bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(count === bytes.length ? bytes : bytes.subarray(0, count), this.#length);
    this.#length = length;
    return count;
  }

  #scan(bytes: Uint8Array, wholeUtf8: boolean): number {
    const view = viewOf(bytes);
    let at = 0;
    if (this.#state === STATE.escape || this.#state === STATE.parameters) {
      at = this.#scanSequence(bytes, 0);
    }
    while (at < bytes.length && this.#state === STATE.text) {
      const byte = bytes[at] as number;
      if (byte >= SPACE && byte < DELETE) at = endOfPrintable(view, at + 1);
      else if (byte === ESCAPE) {
        this.#state = STATE.escape;
        at = this.#scanSequence(bytes, at + 1);
      } else if (byte > DELETE && !wholeUtf8) break;
      else if (!mayStandInText(byte)) this.#state = STATE.other;
      else {
        if (byte === LINE_FEED) this.#lineFeeds += 1;
        at += 1;
      }
    }
    return at;
  }

  /** From behind the ESC; where the sequence ends, or where it turns out to be another. */
  #scanSequence(bytes: Uint8Array, start: number): number {
    let at = start;
    if (this.#state === STATE.escape && at < bytes.length) {
      this.#state = bytes[at] === 0x5b ? STATE.parameters : STATE.other;
      if (this.#state === STATE.parameters) at += 1;
    }
    if (this.#state !== STATE.parameters) return at;
    while (at < bytes.length && isParameter(bytes[at] as number)) at += 1;
    if (at === bytes.length) return at;
    this.#state = isLineFinal(bytes[at] as number) ? STATE.text : STATE.other;
    return this.#state === STATE.text ? at + 1 : at;
  }

  /** What waits is carried out; or so many line feeds, whose lines are not in `bytes` any more, need not be. */
  take(): void {
    this.#length = 0;
    this.#lineFeeds = 0;
  }

  /** Only the first `length` bytes are left, with fewer line feeds. */
  shorten(length: number, lineFeeds: number): void {
    this.#length = length;
    this.#lineFeeds = lineFeeds;
  }

  /** What was refused is carried out; `inText`: and was whole. */
  restart(inText: boolean): void {
    this.#state = inText ? STATE.text : STATE.other;
  }

  /** Gives its memory back. */
  release(): void {
    if (this.#length === 0) this.#bytes = new Uint8Array(FIRST_CAPACITY);
  }
}

function mayStandInText(byte: number): boolean {
  return (byte >= BACKSPACE && byte <= LINE_FEED) || byte === CARRIAGE_RETURN || byte > DELETE;
}
