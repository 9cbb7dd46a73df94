/** Keys and modes, as many kinds as there are. */
import fc from 'fast-check';
import type { PaneModes } from '../../../src/terminal/cells/index.js';
import { type Key, NAMED_KEYS, keyOf } from '../../../src/terminal/input/index.js';

export const PLAIN_MODES: PaneModes = {
  alternateScreen: false,
  applicationCursorKeys: false,
  applicationKeypad: false,
  bracketedPaste: false,
  focusEvents: false,
  kittyKeyboardFlags: 0,
  mouse: 'none',
  mouseSgr: false,
};

const modifiers = fc.record({ ctrl: fc.boolean(), alt: fc.boolean(), shift: fc.boolean() });

const named = fc.constantFrom(...NAMED_KEYS.filter((name) => name !== 'Space'));

/** Characters as they are typed: a shifted one is another character. */
const character = fc.constantFrom(...'abcxyzABZ09 !?/[]{}~;:é漢ß');

/** Any key that the kitty protocol can tell. */
export const anyKey: fc.Arbitrary<Key> = fc.oneof(
  fc.tuple(named, modifiers).map(([name, pressed]) => keyOf(name, pressed)),
  fc.tuple(character, fc.boolean()).map(([name, alt]) => keyOf(name, { alt })),
  fc
    .tuple(fc.constantFrom(...'abcxyz09 [];'), fc.boolean())
    .map(([name, alt]) => keyOf(name, { alt, ctrl: true })),
);

/** Keys that the old coding tells from all others. */
export const oldKey: fc.Arbitrary<Key> = fc.oneof(
  fc.constantFrom('Enter', 'Tab', 'Backspace').map((name) => keyOf(name)),
  fc.constant(keyOf('Tab', { shift: true })),
  fc
    .tuple(
      fc.constantFrom(
        'Up',
        'Down',
        'Left',
        'Right',
        'Home',
        'End',
        'PageUp',
        'Delete',
        'F1',
        'F12',
      ),
      modifiers,
    )
    .map(([name, pressed]) => keyOf(name, pressed)),
  fc
    .tuple(character, fc.boolean())
    .map(([name, alt]) => keyOf(name, { alt: alt && !'[]'.includes(name) })),
  fc.constantFrom(...'abcdefgklnopqrstuvwxyz').map((name) => keyOf(name, { ctrl: true })),
);
