import { decodeCsi, decodeSs3 } from './control-sequences.js';
import type { InputEvent } from './input-event.js';
import { type Key, keyOf } from './key.js';

/** A sequence that grows longer is no sequence: it is dropped. */
const MAX_SEQUENCE_BYTES = 256;
/** Of a paste so much is kept. */
const MAX_PASTE_BYTES = 8 * 1024 * 1024;

const ESC = 0x1b;
const PASTE_END = Buffer.from('\u001b[201~');

/** Where the decoder stands between two bytes. */
type State =
  'ground' | 'escape' | 'csi' | 'ss3' | 'x10-mouse' | 'string' | 'string-escape' | 'utf8' | 'paste';

/**
 * Bytes of the user's terminal as keys, pastes, mouse and focus events, and answers to queries. Takes the old coding
 * of keys, that of xterm with modifiers, and the kitty protocol; sequences may be cut anywhere. Only the clock can tell
 * an ESC that was pressed from one that starts a sequence: `timeout()` says that nothing more came. What no key begins
 * with is waited for however long it takes: over a slow line the rest of a mouse event must not be typed.
 */
export class InputDecoder {
  #state: State = 'ground';
  #sequence: number[] = [];
  /** Alt was sent as an ESC before what comes. */
  #alt = false;
  #utf8Needed = 0;
  /** The byte after ESC that began a string. */
  #introducer = 0;
  #paste: Buffer[] = [];
  #pasteBytes = 0;
  #pasteTruncated = false;
  /** Bytes of the end marker seen so far. */
  #pasteEnd = 0;
  #events: InputEvent[] = [];

  /** Something was begun that `timeout()` would end: a lone ESC most of all. */
  get pending(): boolean {
    return this.#state !== 'ground' && this.#state !== 'paste' && !this.#isCertain;
  }

  /** Parameters of a control sequence have come, or a part of a character. */
  get #isCertain(): boolean {
    return this.#state === 'utf8' || (this.#state === 'csi' && this.#sequence.length > 0);
  }

  /** The events that are complete with these bytes. */
  feed(bytes: Uint8Array): readonly InputEvent[] {
    this.#events = [];
    for (let index = 0; index < bytes.length; index += 1) {
      if (this.#state === 'paste') index = this.#takePaste(bytes, index);
      else this.#take(bytes[index] as number);
    }
    return this.#events;
  }

  /** Nothing came for a while (about 30 ms): an ESC was the key, an unfinished sequence is nothing. */
  timeout(): readonly InputEvent[] {
    this.#events = [];
    if (this.#state === 'escape') this.#key(keyOf('Escape', { alt: this.#alt }));
    // What begins a sequence is also what Alt with that character sends.
    else if (this.#sequence.length === 0) {
      const begun = this.#state === 'csi' ? '[' : this.#state === 'ss3' ? 'O' : undefined;
      const introducer =
        this.#state === 'string' ? String.fromCharCode(this.#introducer) : undefined;
      const name = begun ?? introducer;
      if (name !== undefined) this.#key(keyOf(name, { alt: true }));
    }
    if (this.pending) this.#ground();
    return this.#events;
  }

  #ground(): void {
    this.#state = 'ground';
    this.#sequence = [];
    this.#alt = false;
  }

  #key(key: Key): void {
    this.#events.push({ type: 'key', key, action: 'press' });
  }

  #take(byte: number): void {
    switch (this.#state) {
      case 'ground':
        return this.#takeGround(byte);
      case 'escape':
        return this.#takeEscape(byte);
      case 'csi':
        return this.#takeCsi(byte);
      case 'ss3':
        return this.#takeSs3(byte);
      case 'x10-mouse':
        // Never switched on by us; its three bytes are no keys.
        this.#sequence.push(byte);
        if (this.#sequence.length === 3) this.#ground();
        return undefined;
      case 'utf8':
        return this.#takeUtf8(byte);
      default:
        return this.#takeString(byte);
    }
  }

  #takeGround(byte: number): void {
    if (byte === ESC) this.#state = 'escape';
    else if (byte >= 0x80) this.#startUtf8(byte);
    else {
      this.#key(legacyKey(byte, this.#alt));
      this.#ground();
    }
  }

  #takeEscape(byte: number): void {
    if (byte === ESC) {
      // Two: the first was a key, or Alt of what follows.
      if (this.#alt) this.#key(keyOf('Escape', { alt: true }));
      this.#alt = !this.#alt;
      return;
    }
    if (byte === 0x5b) this.#state = 'csi';
    else if (byte === 0x4f) this.#state = 'ss3';
    // OSC, DCS, APC, PM, SOS: answers of the terminal.
    else if ([0x5d, 0x50, 0x5f, 0x5e, 0x58].includes(byte)) {
      this.#state = 'string';
      this.#introducer = byte;
    } else {
      if (this.#alt) this.#key(keyOf('Escape'));
      this.#alt = true;
      this.#state = 'ground';
      this.#takeGround(byte);
    }
  }

  #takeCsi(byte: number): void {
    if (byte === ESC || byte < 0x20) {
      this.#ground();
      return this.#takeGround(byte);
    }
    if (byte < 0x40 || (byte === 0x5b && this.#sequence.length === 0)) {
      // Also ESC [ [ A of the Linux console.
      this.#sequence.push(byte);
      if (this.#sequence.length > MAX_SEQUENCE_BYTES) this.#ground();
      return undefined;
    }
    const parameters = String.fromCharCode(...this.#sequence);
    const alt = this.#alt;
    this.#ground();
    if (byte === 0x4d && parameters === '') {
      this.#state = 'x10-mouse';
      return undefined;
    }
    if (byte === 0x7e && parameters === '200') {
      this.#state = 'paste';
      return undefined;
    }
    const event = decodeCsi(parameters, String.fromCharCode(byte), alt);
    if (event !== undefined) this.#events.push(event);
    return undefined;
  }

  #takeSs3(byte: number): void {
    if (byte >= 0x30 && byte <= 0x3b && this.#sequence.length < 4) {
      this.#sequence.push(byte);
      return undefined;
    }
    const parameters = String.fromCharCode(...this.#sequence);
    const alt = this.#alt;
    this.#ground();
    if (byte < 0x20 || byte >= 0x7f) return this.#takeGround(byte);
    const key = decodeSs3(parameters, String.fromCharCode(byte), alt);
    if (key !== undefined) this.#key(key);
    return undefined;
  }

  /** Inside an answer of the terminal, until ST or BEL. */
  #takeString(byte: number): void {
    const ends = byte === 0x07 || (this.#state === 'string-escape' && byte === 0x5c);
    if (ends) {
      this.#ground();
      this.#events.push({ type: 'reply', about: 'other' });
      return;
    }
    if (this.#state === 'string-escape') {
      // The string was cut: what follows ESC is something new.
      this.#ground();
      this.#state = 'escape';
      return this.#takeEscape(byte);
    }
    if (byte === ESC) this.#state = 'string-escape';
    else {
      this.#sequence.push(byte);
      if (this.#sequence.length > 4 * MAX_SEQUENCE_BYTES) this.#ground();
    }
  }

  #startUtf8(byte: number): void {
    const needed = byte >= 0xf0 && byte <= 0xf4 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc2 ? 1 : 0;
    if (needed === 0 || byte > 0xf4) return this.#ground();
    this.#state = 'utf8';
    this.#sequence = [byte];
    this.#utf8Needed = needed;
  }

  #takeUtf8(byte: number): void {
    if ((byte & 0xc0) !== 0x80) {
      // Cut short: the rest of a character is dropped, what follows is not.
      this.#ground();
      return this.#takeGround(byte);
    }
    this.#sequence.push(byte);
    if (this.#sequence.length <= this.#utf8Needed) return undefined;
    const text = Buffer.from(this.#sequence).toString('utf8');
    const alt = this.#alt;
    this.#ground();
    // C1 controls are no characters; overlong forms and surrogates become U+FFFD.
    if (text > '\u009f' && text !== '\ufffd') this.#key(keyOf(text, { alt }));
    return undefined;
  }

  /** Takes bytes of a paste; the index of the last one taken. */
  #takePaste(bytes: Uint8Array, start: number): number {
    let index = start;
    let kept = start;
    for (; index < bytes.length; index += 1) {
      if (bytes[index] === PASTE_END[this.#pasteEnd]) {
        if (this.#pasteEnd === 0) kept = this.#keep(bytes, kept, index);
        this.#pasteEnd += 1;
        if (this.#pasteEnd === PASTE_END.length) {
          this.#endPaste();
          return index;
        }
        continue;
      }
      if (this.#pasteEnd > 0) {
        // It was not the marker after all; the byte may start one.
        this.#keep(PASTE_END, 0, this.#pasteEnd);
        this.#pasteEnd = 0;
        kept = index;
        index -= 1;
      }
    }
    if (this.#pasteEnd === 0) this.#keep(bytes, kept, index);
    return index;
  }

  #keep(bytes: Uint8Array, from: number, to: number): number {
    const room = MAX_PASTE_BYTES - this.#pasteBytes;
    const taken = Math.min(room, to - from);
    if (taken < to - from) this.#pasteTruncated = true;
    if (taken > 0) this.#paste.push(Buffer.from(bytes.subarray(from, from + taken)));
    this.#pasteBytes += taken;
    return to;
  }

  #endPaste(): void {
    const text = Buffer.concat(this.#paste).toString('utf8');
    this.#events.push({ type: 'paste', text, truncated: this.#pasteTruncated });
    this.#paste = [];
    this.#pasteBytes = 0;
    this.#pasteTruncated = false;
    this.#pasteEnd = 0;
    this.#ground();
  }
}

/** A byte below 0x80 in the old coding. */
function legacyKey(byte: number, alt: boolean): Key {
  if (byte === 0x0d) return keyOf('Enter', { alt });
  if (byte === 0x09) return keyOf('Tab', { alt });
  if (byte === 0x7f) return keyOf('Backspace', { alt });
  if (byte === 0x00) return keyOf(' ', { alt, ctrl: true });
  if (byte < 0x1b) return keyOf(String.fromCharCode(byte + 0x60), { alt, ctrl: true });
  if (byte < 0x20) return keyOf(String.fromCharCode(byte + 0x40), { alt, ctrl: true });
  return keyOf(String.fromCharCode(byte), { alt });
}
