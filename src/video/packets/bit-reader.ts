/** Bits of a parameter set, most significant first: fixed fields and Exp-Golomb codes (ITU-T H.264, 9.1). */

/** An Exp-Golomb code of more leading zeros has a value beyond 32 bits, which no field has. */
const MAX_LEADING_ZEROS = 31;

/** Reads beyond the end give zeros and set {@link overran}: the bytes are foreign, and nothing here throws. */
export class BitReader {
  overran = false;
  readonly #bytes: Uint8Array;
  #position: number;

  constructor(bytes: Uint8Array, byteOffset = 0) {
    this.#bytes = bytes;
    this.#position = byteOffset * 8;
  }

  /** Bits read so far, from the start of the bytes. */
  get position(): number {
    return this.#position;
  }

  get bitsLeft(): number {
    return Math.max(0, this.#bytes.length * 8 - this.#position);
  }

  bit(): number {
    const byte = this.#bytes[this.#position >> 3];
    if (byte === undefined) {
      this.overran = true;
      return 0;
    }
    const value = (byte >> (7 - (this.#position & 7))) & 1;
    this.#position += 1;
    return value;
  }

  /** At most 32 bits, unsigned. */
  bits(count: number): number {
    let value = 0;
    for (let index = 0; index < count; index += 1) value = value * 2 + this.bit();
    return value;
  }

  skip(count: number): void {
    if (count > this.bitsLeft) this.overran = true;
    this.#position += count;
  }

  /** ue(v) */
  unsigned(): number {
    let zeros = 0;
    while (this.bit() === 0) {
      zeros += 1;
      if (zeros > MAX_LEADING_ZEROS || this.overran) {
        this.overran = true;
        return 0;
      }
    }
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  /** se(v) */
  signed(): number {
    const code = this.unsigned();
    return code % 2 === 0 ? -code / 2 : (code + 1) / 2;
  }
}

/** The payload of a NAL unit without its emulation prevention bytes: 00 00 03 becomes 00 00 (H.264, 7.4.1). */
export function withoutEmulation(nal: Uint8Array): Uint8Array {
  const payload = new Uint8Array(nal.length);
  let length = 0;
  let zeros = 0;
  for (const byte of nal) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    payload[length] = byte;
    length += 1;
  }
  return payload.subarray(0, length);
}
