import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CellGrid } from '../../../src/terminal/cells/index.js';
import { keyOf, LineEditor } from '../../../src/terminal/input/index.js';
import { drawEdited, INK } from '../../../src/terminal/view/index.js';
import { rowText } from '../../../src/terminal/view/line-text.js';

function typed(text: string, back = 0): LineEditor {
  const line = new LineEditor({ maxLength: 1000, multiline: true });
  line.setText(text);
  for (let step = 0; step < back; step += 1) {
    line.handle({ type: 'key', key: keyOf('Left'), action: 'press' });
  }
  return line;
}

function draw(line: LineEditor, room: number): { readonly text: string; readonly cursor: number } {
  const grid = new CellGrid(room + 2, 1);
  const cursor = drawEdited(grid, { column: 2, row: 0, columns: room }, line, INK.plain);
  return { text: rowText(grid, 0, 2, room).text.trimEnd(), cursor: cursor - 2 };
}

describe('text that is edited in one row', () => {
  it('stands as it is where it fits', () => {
    assert.deepEqual(draw(typed('ab中'), 10), { text: 'ab中', cursor: 4 });
    assert.deepEqual(draw(typed('ab中c', 1), 10), { text: 'ab中c', cursor: 4 });
    assert.deepEqual(draw(typed('two\nlines\t\u001b'), 20), { text: 'two↵lines⇥�', cursor: 11 });
  });

  it('shows what is around the cursor where it does not', () => {
    assert.deepEqual(draw(typed('abcdefghijklmnop'), 8), { text: '‹klmnop', cursor: 7 });
    assert.deepEqual(draw(typed('abcdefghijklmnop', 16), 8), { text: 'abcdefg›', cursor: 0 });
    const { text } = draw(typed('abcdefghijklmnop', 8), 8);
    assert.match(text, /^‹[a-p]+›$/);
  });

  it('keeps the cursor in its row and on its letter, whatever is typed', () => {
    const letters = fc.constantFrom('a', '中', 'e\u0301', '👍🏽', '\n', '\u202e', '\u0301');
    const property = fc.property(
      fc.array(letters, { maxLength: 50 }),
      fc.nat(50),
      fc.integer({ min: 6, max: 40 }),
      (parts, back, room) => {
        const { text, cursor } = draw(
          typed(`${parts.join('')}|${'x'.repeat(back)}`, back + 1),
          room,
        );
        assert.ok(cursor >= 0 && cursor < room);
        assert.ok(text.includes('|'), `the letter at the cursor is seen: ${text}`);
      },
    );
    fc.assert(property, { seed: 5, numRuns: 500 });
  });
});
