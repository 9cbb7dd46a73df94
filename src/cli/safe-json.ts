/** JSON for a terminal: what could act on one is written as an escape, so the value stays the same. */
import { printable } from '../core/index.js';

/** One line. Big integers become strings, bytes their length: neither has a form in JSON. */
export function safeJson(value: unknown): string {
  return escapeUnsafe(JSON.stringify(value, plain) ?? 'null');
}

function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}

/** JSON.stringify escapes C0; C1, bidirectional and invisible characters are left to us. */
function escapeUnsafe(json: string): string {
  return json.replace(/[^\u0020-\u007e]/gu, (character) => {
    if (printable(character) === character) return character;
    return Array.from({ length: character.length }, (_, index) => {
      return `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
    }).join('');
  });
}
