import type { Link } from '../cells/index.js';

/** Links of one screen that its cells may still name, and the length of their addresses together. */
const MAX_LINKS = 4096;
const MAX_TEXT_LENGTH = 1 << 20;

interface Entry {
  readonly key: string;
  readonly link: Link;
}

/** So that agents which use the same `id` do not share a link. */
let screens = 0;

/**
 * The links that one agent made (OSC 8), by numbers that count up. The oldest are forgotten when there are too many: cells
 * that name them stay, without a link. Depends on the stream only, so that a stream looks the same however it came.
 */
export class ScreenLinks {
  readonly #screen = (screens += 1);
  readonly #entries = new Map<number, Entry>();
  readonly #numbers = new Map<string, number>();
  #last = 0;
  #textLength = 0;

  /** The number of the link to `uri` with the `id` that the agent gave it, which may be empty. */
  add(uri: string, id: string): number {
    const key = `${id} ${uri}`;
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#last += 1;
    const group = id === '' ? '' : `${this.#screen}.${id}`;
    this.#entries.set(this.#last, { key, link: { uri, group } });
    this.#numbers.set(key, this.#last);
    this.#textLength += key.length;
    while (this.#entries.size > MAX_LINKS || this.#textLength > MAX_TEXT_LENGTH) {
      this.#forgetOldest();
    }
    return this.#last;
  }

  #forgetOldest(): void {
    for (const [number, { key }] of this.#entries) {
      this.#entries.delete(number);
      this.#numbers.delete(key);
      this.#textLength -= key.length;
      return;
    }
  }

  linkOf(number: number): Link | undefined {
    return this.#entries.get(number)?.link;
  }
}
