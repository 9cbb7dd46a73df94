import type { InputEvent, KeyEvent, MouseButton, MouseEvent } from './input-event.js';
import { type Key, keyOf } from './key.js';

/** Finals of CSI and SS3 for keys: xterm, VT220. */
const FINAL_KEYS: Readonly<Record<string, string>> = {
  A: 'Up',
  B: 'Down',
  C: 'Right',
  D: 'Left',
  F: 'End',
  H: 'Home',
  P: 'F1',
  Q: 'F2',
  R: 'F3',
  S: 'F4',
};

/** Numbers of `CSI number ~`. */
const TILDE_KEYS: Readonly<Record<number, string>> = {
  1: 'Home',
  2: 'Insert',
  3: 'Delete',
  4: 'End',
  5: 'PageUp',
  6: 'PageDown',
  7: 'Home',
  8: 'End',
  11: 'F1',
  12: 'F2',
  13: 'F3',
  14: 'F4',
  15: 'F5',
  17: 'F6',
  18: 'F7',
  19: 'F8',
  20: 'F9',
  21: 'F10',
  23: 'F11',
  24: 'F12',
};

/** Code points of `CSI code u` that are keys with a name; the kitty protocol's own codes of the keypad too. */
const CODE_KEYS: Readonly<Record<number, string>> = {
  9: 'Tab',
  13: 'Enter',
  27: 'Escape',
  127: 'Backspace',
  57_409: ',',
  57_410: '/',
  57_411: '*',
  57_412: '-',
  57_413: '+',
  57_414: 'Enter',
  57_415: '=',
  57_417: 'Left',
  57_418: 'Right',
  57_419: 'Up',
  57_420: 'Down',
  57_421: 'PageUp',
  57_422: 'PageDown',
  57_423: 'Home',
  57_424: 'End',
  57_425: 'Insert',
  57_426: 'Delete',
};

/** The kitty protocol numbers its keys in the private use area; the keypad's digits come in a row. */
const PRIVATE_USE = { first: 57_344, last: 63_743, keypadZero: 57_399, keypadNine: 57_408 };

const KEYPAD_SS3: Readonly<Record<string, string>> = {
  M: 'Enter',
  I: 'Tab',
  ' ': ' ',
  j: '*',
  k: '+',
  l: ',',
  m: '-',
  n: '.',
  o: '/',
  X: '=',
};

/** 1 + bits of xterm and kitty: 1 Shift, 2 Alt, 4 Ctrl, 8 Super. What locks add is left out. */
function modifiersOf(parameter: number): {
  shift: boolean;
  alt: boolean;
  ctrl: boolean;
  super: boolean;
} {
  const bits = Math.max(0, parameter - 1);
  return {
    shift: (bits & 1) !== 0,
    alt: (bits & 2) !== 0,
    ctrl: (bits & 4) !== 0,
    super: (bits & 8) !== 0,
  };
}

/** `1:2:3` as numbers, an empty one 0. */
function subparameters(text: string | undefined): number[] {
  return (text ?? '').split(':').map((part) => Number(part));
}

function actionOf(code: number | undefined): KeyEvent['action'] {
  return code === 3 ? 'release' : code === 2 ? 'repeat' : 'press';
}

/** What a CSI sequence says, undefined when it is none of those that are known. */
export function decodeCsi(parameters: string, final: string, alt: boolean): InputEvent | undefined {
  if (parameters.startsWith('<')) return decodeMouse(parameters, final);
  if (parameters.startsWith('?')) return decodeReply(parameters.slice(1), final);
  if (parameters === '[') return consoleKey(final);
  if (!/^[\d;:]*$/.test(parameters)) return undefined;
  if (parameters === '' && (final === 'I' || final === 'O')) {
    return { type: 'focus', focused: final === 'I' };
  }
  const [first, second, third] = parameters.split(';');
  const [code = 0, shifted = 0] = subparameters(first);
  const [modifier = 1, eventType] = subparameters(
    second === undefined || second === '' ? '1' : second,
  );
  const modifiers = modifiersOf(modifier);
  const key = csiKey(final, { code, shifted, third }, modifiers);
  if (key === undefined) return undefined;
  return { type: 'key', key: alt ? { ...key, alt: true } : key, action: actionOf(eventType) };
}

type Modifiers = ReturnType<typeof modifiersOf>;

interface CsiParameters {
  readonly code: number;
  readonly shifted: number;
  readonly third: string | undefined;
}

function csiKey(
  final: string,
  { code, shifted, third }: CsiParameters,
  modifiers: Modifiers,
): Key | undefined {
  if (final === 'u') return codeKey(code, shifted, modifiers);
  if (final === 'Z') return keyOf('Tab', { ...modifiers, shift: true });
  if (final === '~') {
    // modifyOtherKeys: CSI 27 ; modifiers ; code ~
    if (code === 27 && third !== undefined) return codeKey(Number(third) || 0, 0, modifiers);
    const name = TILDE_KEYS[code];
    return name === undefined ? undefined : keyOf(name, modifiers);
  }
  const name = FINAL_KEYS[final];
  return name === undefined ? undefined : keyOf(name, modifiers);
}

/** A key by its code point. Shift is told only where the character does not. */
function codeKey(code: number, shifted: number, modifiers: Modifiers): Key | undefined {
  const { first, last, keypadZero, keypadNine } = PRIVATE_USE;
  const named = CODE_KEYS[code];
  if (named !== undefined) return keyOf(named, modifiers);
  if (code >= keypadZero && code <= keypadNine) return keyOf(String(code - keypadZero), modifiers);
  const isScalar = code >= 0x20 && code <= 0x10_ffff && (code < 0xd800 || code > 0xdfff);
  if (!isScalar || (code >= first && code <= last) || (code >= 0x7f && code < 0xa0))
    return undefined;
  const text = String.fromCodePoint(code);
  if (text === ' ' || modifiers.ctrl || !modifiers.shift) return keyOf(text, modifiers);
  const large =
    shifted >= 0x20 && shifted <= 0x10_ffff ? String.fromCodePoint(shifted) : text.toUpperCase();
  return keyOf([...large].length === 1 ? large : text, { ...modifiers, shift: false });
}

/** CSI [ A to E: F1 to F5 of the Linux console. */
function consoleKey(final: string): InputEvent | undefined {
  const index = final.charCodeAt(0) - 0x41;
  if (index < 0 || index > 4) return undefined;
  return { type: 'key', key: keyOf(`F${index + 1}`), action: 'press' };
}

/** SS3: arrows and F1-F4 in application mode, the keypad. */
export function decodeSs3(parameters: string, final: string, alt: boolean): Key | undefined {
  const modifiers = modifiersOf(Number(/\d+$/.exec(parameters)?.[0] ?? '1'));
  const digit = /^[p-y]$/.test(final) ? String(final.charCodeAt(0) - 0x70) : undefined;
  const name = FINAL_KEYS[final] ?? KEYPAD_SS3[final] ?? digit;
  if (name === undefined) return undefined;
  return keyOf(name, alt ? { ...modifiers, alt: true } : modifiers);
}

function decodeReply(parameters: string, final: string): InputEvent | undefined {
  if (final === 'c') return { type: 'reply', about: 'attributes' };
  if (final === 'u') return { type: 'reply', about: 'keyboard', flags: Number(parameters) || 0 };
  const mode = /^(\d+);(\d+)\$$/.exec(parameters);
  if (final === 'y' && mode !== null) {
    return { type: 'reply', about: 'mode', mode: Number(mode[1]), value: Number(mode[2]) };
  }
  return { type: 'reply', about: 'other' };
}

const BUTTONS: readonly MouseButton[] = ['left', 'middle', 'right', 'none'];

/** Mode 1006: `CSI < code ; column ; row M`, or m for a release. */
function decodeMouse(parameters: string, final: string): InputEvent | undefined {
  const parts = /^<(\d{1,4});(\d{1,5});(\d{1,5})$/.exec(parameters);
  if (parts === null || (final !== 'M' && final !== 'm')) return undefined;
  const code = Number(parts[1]);
  const button = BUTTONS[code & 3] ?? 'none';
  const wheel = (code & 64) !== 0;
  // Wheels that turn sideways, and buttons 8 and up, do nothing.
  if ((wheel && (code & 2) !== 0) || code >= 128) return undefined;
  const action = wheel
    ? (code & 1) === 0
      ? 'wheel-up'
      : 'wheel-down'
    : final === 'm'
      ? 'release'
      : (code & 32) === 0
        ? 'press'
        : button === 'none'
          ? 'move'
          : 'drag';
  const event: MouseEvent = {
    type: 'mouse',
    action,
    button: wheel ? 'none' : button,
    column: Math.max(0, Number(parts[2]) - 1),
    row: Math.max(0, Number(parts[3]) - 1),
    shift: (code & 4) !== 0,
    alt: (code & 8) !== 0,
    ctrl: (code & 16) !== 0,
  };
  return event;
}
