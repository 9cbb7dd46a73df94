import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dropLostLines } from '../../../src/terminal/screen/lost-lines.js';

const COLUMNS = 10;

/** What is left of a text whose last two line feeds must stay, and how many rows are lost. */
function drop(text: string): { left: string; lostRows: number } {
  const bytes = new TextEncoder().encode(text);
  const lineFeeds = text.split('\n').length - 1;
  const { length, lineFeeds: leftFeeds, lostRows } = dropLostLines(bytes, lineFeeds, 2, COLUMNS);
  const left = new TextDecoder().decode(bytes.subarray(0, length));
  assert.equal(leftFeeds, left.split('\n').length - 1);
  return { left, lostRows };
}

const END = 'y\r\nz\r\nend';

describe('lines that are lost', () => {
  it('are taken out behind the first, with the rows they take', () => {
    const lines = `${'a'.repeat(COLUMNS)}\r\n${'b'.repeat(COLUMNS + 1)}\r\n\r\n`;
    assert.deepEqual(drop(`first\r\n${lines}${END}`), { left: `first\r\n${END}`, lostRows: 4 });
    const overdrawn = `${'a'.repeat(25)}\rover\u001b[K\r\u001b[2K\n`;
    assert.deepEqual(drop(`\r\n${overdrawn}${END}`), { left: `\r\n${END}`, lostRows: 3 });
  });

  it('leave their colours, from the last that took back all', () => {
    const colored = '\u001b[31ma\u001b[K\u001b[1mb\r\n';
    assert.equal(drop(`\r\n${colored}${END}`).left, `\r\n\u001b[31m\u001b[1m${END}`);
    assert.equal(drop(`\r\n${colored}\u001b[0mc\r\n${END}`).left, `\r\n\u001b[0m${END}`);
    assert.equal(
      drop(`\r\n${colored}\u001b[mc\u001b[4m\r\n${END}`).left,
      `\r\n\u001b[m\u001b[4m${END}`,
    );
    const kept = `\u001b[31m\r\n\u00e9\r\n\u001b[0m\r\n${END}`;
    assert.equal(drop(`\r\n${kept}`).left, `\r\n\u001b[31m\u00e9\r\n\u001b[0m${END}`);
  });

  it('stay where their rows or their first column are not known', () => {
    for (const line of ['\u00e9\r\n', 'a\tb\r\n', 'ab\b\r\n', 'a\n', 'a\nb\r\n']) {
      assert.deepEqual(drop(`\r\n${line}${END}`), { left: `\r\n${line}${END}`, lostRows: 0 }, line);
    }
    assert.deepEqual(drop(`\nlost?\r\n${END}`).lostRows, 0);
  });
});
