/** A key as it was pressed. */
export interface Key {
  /** One character as it is typed without Ctrl and Alt, or a name of `NAMED_KEYS`. */
  readonly name: string;
  readonly ctrl: boolean;
  readonly alt: boolean;
  /** Not told for characters: a letter is typed large, a key of the terminal's old coding cannot say. */
  readonly shift: boolean;
  readonly super: boolean;
}

/** Keys that are no character, as configuration names them. */
export const NAMED_KEYS = [
  'Enter',
  'Tab',
  'Backspace',
  'Escape',
  'Space',
  'Up',
  'Down',
  'Left',
  'Right',
  'Home',
  'End',
  'PageUp',
  'PageDown',
  'Insert',
  'Delete',
  ...Array.from({ length: 12 }, (_unused, index) => `F${index + 1}`),
] as const;

const NAMED = new Map(NAMED_KEYS.map((name) => [name.toLowerCase(), name]));

const ALIASES: Readonly<Record<string, string>> = {
  esc: 'Escape',
  return: 'Enter',
  pgup: 'PageUp',
  pgdn: 'PageDown',
  del: 'Delete',
  ins: 'Insert',
  bspace: 'Backspace',
};

type Modifiers = Partial<Pick<Key, 'ctrl' | 'alt' | 'shift' | 'super'>>;

export function keyOf(name: string, modifiers: Modifiers = {}): Key {
  const { ctrl = false, alt = false, shift = false } = modifiers;
  return { name, ctrl, alt, shift, super: modifiers.super ?? false };
}

/** `C-a`, `M-x`, `S-Enter`, `C-M-Left`, `F5`, `?`: how a key is written in configuration and help. */
export function keyName(key: Key): string {
  const shown = key.name === ' ' ? 'Space' : key.name;
  return `${key.super ? 'W-' : ''}${key.ctrl ? 'C-' : ''}${key.alt ? 'M-' : ''}${key.shift ? 'S-' : ''}${shown}`;
}

/** The key that a name of configuration means. Throws RangeError for anything else. */
export function parseKeyName(text: string): Key {
  const modifiers: { ctrl?: boolean; alt?: boolean; shift?: boolean; super?: boolean } = {};
  let rest = text;
  for (;;) {
    const prefix = /^([CMASW])-(?=.)/i.exec(rest)?.[1]?.toUpperCase();
    if (prefix === undefined) break;
    if (prefix === 'C') modifiers.ctrl = true;
    else if (prefix === 'S') modifiers.shift = true;
    else if (prefix === 'W') modifiers.super = true;
    else modifiers.alt = true;
    rest = rest.slice(2);
  }
  const named = NAMED.get(rest.toLowerCase()) ?? ALIASES[rest.toLowerCase()];
  const single = [...rest].length === 1 && rest >= ' ' ? rest : undefined;
  const name = named === 'Space' ? ' ' : (named ?? single);
  if (name === undefined) {
    throw new RangeError(
      `'${text}' is no key: write one character or a name such as Enter, Escape, PageUp or F5, ` +
        'after C- (Ctrl), M- (Alt), S- (Shift) or W- (Super), for example C-g',
    );
  }
  // Ctrl does not tell a large letter from a small one.
  const isLetter = modifiers.ctrl === true && single !== undefined;
  return keyOf(isLetter ? name.toLowerCase() : name, modifiers);
}

export function sameKey(a: Key, b: Key): boolean {
  return keyName(a) === keyName(b);
}
