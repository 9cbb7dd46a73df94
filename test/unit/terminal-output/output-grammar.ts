/**
 * Everything that may ever be written to a user's terminal as a frame, recognised by itself: one regular language, of
 * which each piece is anchored. Nothing here is taken from the code that writes.
 */
const NUMBER = '(?:[1-9][0-9]{0,4})';

const PIECES: readonly (readonly [name: string, pattern: string])[] = [
  ['text', '[\\u0020-\\u007e]+'],
  // No C0, C1, DEL; no bidirectional controls, no separators, no byte order mark; whole code points only.
  [
    'glyphs',
    '(?:[\\u00a1-\\u00ac\\u00ae-\\u061b\\u061d-\\u180d\\u180f-\\u200a\\u200d\\u2010-\\u2027\\u202f-\\u205f\\u2070-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufff8\\ufffd]|[\\u{10000}-\\u{dffff}]|[\\u{e0020}-\\u{e007f}\\u{e0100}-\\u{10fffd}])+',
  ],
  ['step', '[\\r\\n\\u0008]'],
  ['motion', `\\u001b\\[${NUMBER}?[ABCDGd]`],
  ['place', `\\u001b\\[${NUMBER}?(?:;${NUMBER})?H`],
  ['erase', `\\u001b\\[(?:K|2J|${NUMBER}?X)`],
  ['region', `\\u001b\\[(?:${NUMBER};${NUMBER})?r`],
  ['delete lines', `\\u001b\\[${NUMBER}?M`],
  ['attributes', '\\u001b\\[(?:[0-9]{1,3}(?::[0-9]{0,3})*)?(?:;[0-9]{1,3}(?::[0-9]{0,3})*)*m'],
  ['cursor style', '\\u001b\\[[1-6] q'],
  ['modes', '\\u001b\\[\\?(?:25|2026)[hl]'],
  ['link', '\\u001b\\]8;id=[0-9]{1,7};https?://[\\u0021-\\u007e]+\\u001b\\\\'],
  ['end of link', '\\u001b\\]8;;\\u001b\\\\'],
];

const SENTENCE = new RegExp(PIECES.map(([, pattern]) => `(${pattern})`).join('|'), 'uy');

/** The first place where the bytes are none of it, undefined when all of them are. */
export function grammarProblem(bytes: Uint8Array): string | undefined {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return 'the bytes are no UTF-8';
  }
  SENTENCE.lastIndex = 0;
  while (SENTENCE.lastIndex < text.length) {
    const at = SENTENCE.lastIndex;
    if (!SENTENCE.test(text)) {
      return `at ${at}: ${JSON.stringify(text.slice(Math.max(0, at - 20), at + 20))}`;
    }
  }
  return undefined;
}
