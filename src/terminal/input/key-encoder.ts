import type { PaneModes } from '../cells/index.js';
import type { MouseEvent } from './input-event.js';
import type { Key } from './key.js';

/** Keys of the form `CSI 1 ; modifiers final`, or `CSI final`, or SS3 in application mode. */
const FINALS: Readonly<Record<string, string>> = {
  Up: 'A',
  Down: 'B',
  Right: 'C',
  Left: 'D',
  End: 'F',
  Home: 'H',
  F1: 'P',
  F2: 'Q',
  F3: 'R',
  F4: 'S',
};

/** Keys of the form `CSI number ; modifiers ~`. */
const TILDES: Readonly<Record<string, number>> = {
  Insert: 2,
  Delete: 3,
  PageUp: 5,
  PageDown: 6,
  F5: 15,
  F6: 17,
  F7: 18,
  F8: 19,
  F9: 20,
  F10: 21,
  F11: 23,
  F12: 24,
};

/** Keys that stand for a control character. */
const CODES: Readonly<Record<string, number>> = { Enter: 13, Tab: 9, Backspace: 127, Escape: 27 };

/** Progressive enhancement of the kitty protocol. */
const KITTY = { disambiguate: 1, allKeys: 8 } as const;

function modifierParameter(key: Key): number {
  return 1 + (key.shift ? 1 : 0) + (key.alt ? 2 : 0) + (key.ctrl ? 4 : 0) + (key.super ? 8 : 0);
}

/** The bytes of a key for a program with these modes, as the terminal it believes to have would send them. */
export function encodeKey(key: Key, modes: PaneModes): string {
  const modifier = modifierParameter(key);
  const final = FINALS[key.name];
  if (final !== undefined) return cursorKey(key, final, modifier, modes);
  const tilde = TILDES[key.name];
  if (tilde !== undefined) {
    return modifier === 1 ? `\u001b[${tilde}~` : `\u001b[${tilde};${modifier}~`;
  }
  const code = CODES[key.name] ?? key.name.codePointAt(0) ?? 0x20;
  if (modes.kittyKeyboardFlags > 0) return kittyKey(key, code, modifier, modes.kittyKeyboardFlags);
  if ((modes.modifyOtherKeys ?? 0) > 0 && isAmbiguous(key, modes.modifyOtherKeys ?? 0)) {
    return `\u001b[27;${modifier};${code}~`;
  }
  return legacyKey(key, code);
}

function cursorKey(key: Key, final: string, modifier: number, modes: PaneModes): string {
  const isFunctionKey = final >= 'P';
  const isKitty = modes.kittyKeyboardFlags > 0;
  // CSI R is where the cursor is: the kitty protocol has another F3.
  if (isKitty && key.name === 'F3') return modifier === 1 ? '\u001b[13~' : `\u001b[13;${modifier}~`;
  if (modifier !== 1) return `\u001b[1;${modifier}${final}`;
  // The kitty protocol has no SS3 for F1-F4.
  if (isFunctionKey && isKitty) return `\u001b[${final}`;
  return isFunctionKey || modes.applicationCursorKeys ? `\u001bO${final}` : `\u001b[${final}`;
}

/** Text stays text; what the old coding cannot tell apart gets a sequence of its own. */
function kittyKey(key: Key, code: number, modifier: number, flags: number): string {
  const allKeys = (flags & KITTY.allKeys) !== 0;
  const isText = CODES[key.name] === undefined;
  const plain = modifier === 1;
  if (!allKeys) {
    if (isText && (plain || (key.shift && modifier === 2))) return key.name;
    if (plain && key.name !== 'Escape') return String.fromCharCode(code);
    if ((flags & KITTY.disambiguate) === 0) return legacyKey(key, code);
  }
  // A large letter is the small one with Shift.
  const small = isText ? smallLetter(key.name) : undefined;
  const shiftBit = small !== undefined && !key.shift ? 1 : 0;
  const number = small?.codePointAt(0) ?? code;
  const parameter = modifier + shiftBit;
  return parameter === 1 ? `\u001b[${number}u` : `\u001b[${number};${parameter}u`;
}

/** The letter without Shift, undefined when it is none or small already. */
function smallLetter(text: string): string | undefined {
  const small = text.toLowerCase();
  return small === text || small.length !== text.length ? undefined : small;
}

/** What modifyOtherKeys writes as a sequence: level 1 only where the old coding has nothing, level 2 all. */
function isAmbiguous(key: Key, level: number): boolean {
  if (!key.ctrl && !key.alt && !key.shift && !key.super) return false;
  if (CODES[key.name] !== undefined) return key.shift || key.ctrl || level > 1;
  if (key.name === ' ') return key.shift || (level > 1 && key.ctrl);
  return key.ctrl && (level > 1 || controlCode(key.name) === undefined);
}

/** The control character of Ctrl with a character, as VT220 and xterm have it. */
function controlCode(name: string): number | undefined {
  const code = name.length === 1 ? name.toUpperCase().charCodeAt(0) : 0;
  if (code === 0x20 || code === 0x32) return 0;
  if (code >= 0x40 && code <= 0x5f) return code & 0x1f;
  if (code === 0x2f) return 0x1f;
  if (code === 0x3f) return 0x7f;
  return undefined;
}

function legacyKey(key: Key, code: number): string {
  const escape = key.alt ? '\u001b' : '';
  if (key.name === 'Tab' && key.shift) return `${escape}\u001b[Z`;
  if (key.name === 'Backspace' && key.ctrl) return `${escape}\b`;
  if (CODES[key.name] !== undefined) return escape + String.fromCharCode(code);
  const control = key.ctrl ? controlCode(key.name) : undefined;
  return escape + (control === undefined ? key.name : String.fromCharCode(control));
}

/**
 * Text for a pane as a paste. Controls other than tab and line end are left out: no paste can end the brackets around
 * it, or press a key.
 */
export function encodePaste(text: string, modes: PaneModes): string {
  const content = text
    .replace(/\u001b\[20[01]~/g, '')
    .replace(/\r\n?/g, '\n')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
    .replaceAll('\n', '\r');
  return modes.bracketedPaste ? `\u001b[200~${content}\u001b[201~` : content;
}

const MOUSE_BUTTONS: Readonly<Record<MouseEvent['button'], number>> = {
  left: 0,
  middle: 1,
  right: 2,
  none: 3,
};

/** Whether a program with this mouse mode is told of an event. */
function wantsMouse(action: MouseEvent['action'], mode: PaneModes['mouse']): boolean {
  switch (mode) {
    case 'none':
      return false;
    case 'x10':
      return action === 'press';
    case 'press':
      return action !== 'drag' && action !== 'move';
    case 'drag':
      return action !== 'move';
    case 'any':
      return true;
  }
}

/** A mouse event at the pane's own cells, undefined when the program did not ask for it. */
export function encodeMouse(event: MouseEvent, modes: PaneModes): Uint8Array | undefined {
  const { action } = event;
  if (!wantsMouse(action, modes.mouse)) return undefined;
  const wheel = action === 'wheel-up' || action === 'wheel-down';
  const button = wheel ? (action === 'wheel-up' ? 64 : 65) : MOUSE_BUTTONS[event.button];
  const moves = action === 'drag' || action === 'move' ? 32 : 0;
  const keys = (event.shift ? 4 : 0) + (event.alt ? 8 : 0) + (event.ctrl ? 16 : 0);
  const modifiers = modes.mouse === 'x10' ? 0 : keys;
  if (modes.mouseSgr) {
    const final = action === 'release' ? 'm' : 'M';
    const code = button + moves + modifiers;
    return Buffer.from(`\u001b[<${code};${event.column + 1};${event.row + 1}${final}`);
  }
  // The old form has a byte a number, and cannot tell cells beyond 223.
  if (event.column > 222 || event.row > 222) return undefined;
  const code = (action === 'release' ? 3 : button) + moves + modifiers;
  return Uint8Array.of(0x1b, 0x5b, 0x4d, code + 32, event.column + 33, event.row + 33);
}
