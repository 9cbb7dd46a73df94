/** Which modes of the user's terminal are switched on. */
export interface TerminalModes {
  /** A screen of its own; else lines go into the scrollback, with one below them in which the user types. */
  readonly alternateScreen: boolean;
  readonly mouse: boolean;
  /** The terminal answered that it speaks the kitty keyboard protocol. */
  readonly kittyKeyboard: boolean;
}

/** CAN: whatever sequence was cut in the middle is over. */
const CANCEL = '\u0018';

/**
 * Begins, for a screen of its own: the alternate screen, no wrapping at the edge (a frame never writes past it, and during a resize nothing
 * scrolls), pastes in brackets, focus events, mouse with drags in the form of mode 1006, keys told apart.
 * For lines: pastes in brackets.
 */
export function enterSequence({ alternateScreen, mouse, kittyKeyboard }: TerminalModes): string {
  if (!alternateScreen) return '\u001b[?2004h';
  return (
    '\u001b[?1049h\u001b[?7l\u001b[?2004h\u001b[?1004h' +
    (mouse ? '\u001b[?1002h\u001b[?1006h' : '') +
    // The stack of keyboard modes is one of the alternate screen: pushed inside it, popped inside it.
    (kittyKeyboard ? '\u001b[>1u' : '\u001b[>4;1m')
  );
}

/**
 * Ends it, also where a frame was cut: the terminal is as it was found. Sequences that a terminal does not know are
 * nothing to it.
 */
export function leaveSequence({ alternateScreen, kittyKeyboard }: TerminalModes): string {
  const sane = `${CANCEL}\u001b[?2026l\u001b]8;;\u001b\\\u001b[m`;
  // What was being typed is taken away.
  if (!alternateScreen) return `${sane}\u001b[?2004l\u001b[?25h\r\u001b[J`;
  return (
    `${sane}\u001b[r` +
    (kittyKeyboard ? '\u001b[<u' : '\u001b[>4m') +
    '\u001b[?1006l\u001b[?1002l\u001b[?1004l\u001b[?2004l\u001b[?7h\u001b[0 q\u001b[?25h\u001b[?1049l'
  );
}

/** More than this no terminal takes; most take less. */
const MAX_CLIPBOARD_BYTES = 74_994;

/** Text for the clipboard of the user's terminal (OSC 52), undefined when it is too long for one. */
export function clipboardSequence(text: string): string | undefined {
  const bytes = Buffer.from(text);
  if (bytes.length > MAX_CLIPBOARD_BYTES) return undefined;
  return `\u001b]52;c;${bytes.toString('base64')}\u001b\\`;
}
