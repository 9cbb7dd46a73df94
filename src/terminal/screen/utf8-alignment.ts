import { isAscii, isUtf8 } from 'node:buffer';

const LAST_BARE_BYTE = 0x7f;

/** How many bytes a character has that starts with `lead`, 0 when none does. */
function lengthOf(lead: number): number {
  if (lead <= LAST_BARE_BYTE) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/** Whether `second` may follow `lead`: overlong forms, surrogates and numbers above U+10FFFF are told by it. */
function maySecond(lead: number, second: number): boolean {
  if (second < 0x80 || second > 0xbf) return false;
  if (lead === 0xe0) return second >= 0xa0;
  if (lead === 0xed) return second <= 0x9f;
  if (lead === 0xf0) return second >= 0x90;
  return lead !== 0xf4 || second <= 0x8f;
}

/** How many bytes at the end of `bytes` are the start of a character that may still become one: 0 to 3. */
function unfinishedBytes(bytes: Uint8Array): number {
  for (let count = 1; count <= 3 && count <= bytes.length; count += 1) {
    const lead = bytes[bytes.length - count] as number;
    if (lead <= LAST_BARE_BYTE) return 0;
    if (lead < 0xc0) continue;
    if (lengthOf(lead) <= count) return 0;
    if (count > 1 && !maySecond(lead, bytes[bytes.length - count + 1] as number)) return 0;
    return count;
  }
  return 0;
}

/** U+0080 to U+009F as UTF-8: C2 and a byte below A0. */
function hasControls(bytes: Uint8Array): boolean {
  for (let at = bytes.indexOf(0xc2); at >= 0; at = bytes.indexOf(0xc2, at + 1)) {
    if (at + 1 < bytes.length && (bytes[at + 1] as number) < 0xa0) return true;
  }
  return false;
}

/**
 * Cuts a stream of bytes between characters. What is no UTF-8 becomes U+FFFD as the Encoding Standard says, and always the
 * same, however the stream was cut before. C1 controls become U+FFFD where `eightBitControls` does not allow them.
 */
export class Utf8Alignment {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  readonly #eightBitControls: boolean;
  #held: Uint8Array = new Uint8Array(0);

  constructor(eightBitControls: boolean) {
    this.#eightBitControls = eightBitControls;
  }

  /** Whether nothing is held back. */
  get isAligned(): boolean {
    return this.#held.length === 0;
  }

  /**
   * Whole characters of `bytes` and of what was held back before: a view of `bytes` where it can be, or text. Valid until
   * `bytes` changes.
   */
  push(bytes: Uint8Array): Uint8Array | string {
    if (this.#held.length === 0 && isAscii(bytes)) return bytes;
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const end = all.length - unfinishedBytes(all);
    this.#held = new Uint8Array(all.subarray(end));
    return this.#clean(all.subarray(0, end));
  }

  /** The stream has ended, or something else follows: what was held back is not going to become a character. */
  end(): Uint8Array | string {
    const rest = this.#held;
    this.#held = new Uint8Array(0);
    return rest.length === 0 ? rest : this.#decoder.decode(rest);
  }

  #clean(whole: Uint8Array): Uint8Array | string {
    if (isUtf8(whole) && (this.#eightBitControls || !hasControls(whole))) return whole;
    const text = this.#decoder.decode(whole);
    return this.#eightBitControls ? text : text.replace(/[\u0080-\u009f]/g, '\ufffd');
  }
}
