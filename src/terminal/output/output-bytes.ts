const ESC = 0x1b;
const FIRST_CAPACITY = 16 * 1024;

/** Bytes for a terminal as they are put together; the memory is used again for the next frame. */
export class OutputBytes {
  #bytes = new Uint8Array(FIRST_CAPACITY);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Takes back everything from `length` on. */
  truncate(length: number): void {
    this.#length = length;
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length] = value;
    this.#length += 1;
  }

  append(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#bytes.length) this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Text of ASCII only. */
  ascii(text: string): void {
    for (let index = 0; index < text.length; index += 1) this.byte(text.charCodeAt(index));
  }

  /** A whole number of 0 or more, in decimal. */
  decimal(value: number): void {
    if (value >= 10) this.decimal(Math.floor(value / 10));
    this.byte(0x30 + (value % 10));
  }

  /** `ESC [ count final`; a count of 1 is left out. */
  csi(count: number, final: string): void {
    this.byte(ESC);
    this.byte(0x5b);
    if (count !== 1) this.decimal(count);
    this.byte(final.charCodeAt(0));
  }

  /** Puts what stands from `from` on in the place of what stands from `to` on. */
  moveBack(from: number, to: number): void {
    this.#bytes.copyWithin(to, from, this.#length);
    this.#length -= from - to;
  }

  /** A view, valid until the next byte. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(more: number): void {
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more));
    grown.set(this.view());
    this.#bytes = grown;
  }
}

/** How many characters `decimal` writes. */
export function decimalLength(value: number): number {
  return value < 10 ? 1 : value < 100 ? 2 : value < 1000 ? 3 : String(value).length;
}
