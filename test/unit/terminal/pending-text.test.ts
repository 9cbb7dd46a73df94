import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { PendingText } from '../../../src/terminal/screen/pending-text.js';

const encoder = new TextEncoder();

/** How much of a text may wait. */
function taken(text: string, wholeUtf8 = true): string {
  const pending = new PendingText();
  const count = pending.add(encoder.encode(text), wholeUtf8);
  assert.equal(pending.length, count);
  return new TextDecoder().decode(pending.bytes);
}

describe('text that may wait', () => {
  it('is lines with their colours, and nothing else', () => {
    const lines = 'one\r\n\ttwo\b \u001b[1;38:5:9mred\u001b[K\u001b[m caf\u00e9 \u4e2d\r\n';
    assert.equal(taken(lines), lines);
    for (const other of ['\u0007', '\u000e', '\u0000', '\u007f', '\u001b]0;t\u0007', '\u001bc']) {
      assert.ok(taken(`a${other}b`).length <= 2, JSON.stringify(other));
    }
    for (const sequence of ['H', '6n', '?25l', '>4m', '1 q', '2J', 'A', '\rm', '1\u001b[m']) {
      assert.doesNotMatch(taken(`a\u001b[${sequence}b`), /b/, sequence);
    }
    assert.equal(taken('caf\u00e9', false), 'caf');
  });

  it('is the same however it was cut, and counts its lines', () => {
    const part = fc.constantFrom('text ', '\r\n', '\u001b[31m', '\u001b[0K', '\u00e9', '\u001b[5A');
    const texts = fc.array(part, { maxLength: 20 }).map((parts) => encoder.encode(parts.join('')));
    const property = fc.property(texts, fc.array(fc.integer({ min: 1, max: 5 })), (bytes, cuts) => {
      const [whole, pieces] = [new PendingText(), new PendingText()];
      whole.add(bytes, true);
      let start = 0;
      for (const cut of [...cuts, bytes.length]) {
        const piece = bytes.subarray(start, start + cut);
        if (pieces.add(piece, true) < piece.length) break;
        start += cut;
      }
      assert.deepEqual(pieces.bytes, whole.bytes);
      assert.equal(pieces.lineFeeds, whole.lineFeeds);
      assert.equal(whole.lineFeeds, whole.bytes.filter((byte) => byte === 0x0a).length);
    });
    fc.assert(property);
  });

  it('is refused behind what was refused, until that is carried out', () => {
    const pending = new PendingText();
    assert.equal(pending.add(encoder.encode('a\u001b[2J'), true), 4);
    assert.equal(pending.add(encoder.encode('b'), true), 0);
    pending.restart(false);
    assert.equal(pending.add(encoder.encode('b'), true), 0);
    pending.restart(true);
    assert.equal(pending.add(encoder.encode('b'), true), 1);
  });
});
