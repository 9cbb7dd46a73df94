import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { columnsOfText } from '../../../src/terminal/cells/index.js';
import { InputDecoder, LineEditor } from '../../../src/terminal/input/index.js';

interface Typist {
  readonly line: LineEditor;
  /** Types what a terminal would send; the last result. */
  type(text: string): string;
}

function open(maxLength = 100, multiline = true): Typist {
  const decoder = new InputDecoder();
  const line = new LineEditor({ maxLength, multiline });
  return {
    line,
    type: (text) => {
      const events = [...decoder.feed(Buffer.from(text)), ...decoder.timeout()];
      return events.map((event) => line.handle(event)).at(-1) ?? 'nothing';
    },
  };
}

describe('a line that is typed', () => {
  it('is edited with the keys of readline', () => {
    const { line, type } = open();
    type('one two  three');
    type('\u0001\u001b[C\u001b[C\u001b[C!\u0005?');
    assert.equal(line.text, 'one! two  three?');
    type('\u0017');
    assert.equal(line.text, 'one! two  ');
    type('\u0019\u001bb\u000b');
    assert.equal(line.text, 'one! two  ');
    type('\u001b[H\u001b[3~\u0004');
    assert.equal(line.text, 'e! two  ');
    type('\u001bf\u0015');
    assert.equal(line.text, ' two  ');
    type('\u0019');
    assert.equal(line.text, 'e! two  ');
    assert.equal(line.cursor, 2);
  });

  it('moves by what shares a cell', () => {
    const { line, type } = open();
    type('a👍🏽中e\u0301z');
    assert.equal(line.cursor, 5);
    type('\u001b[D\u007f');
    assert.equal(line.text, 'a👍🏽中z');
    type('\u007f\u007f');
    assert.equal(line.text, 'az');
    // A mark that comes alone joins the letter before it.
    type('\u0301');
    assert.deepEqual([line.cursor, line.clusters.length], [1, 2]);
  });

  it('brings back what was typed before, and what was being typed', () => {
    const { line, type } = open();
    for (const text of ['first', 'second', 'second']) {
      assert.equal(type(`${text}\r`), 'enter');
      line.finish();
    }
    type('draft\u001b[A');
    assert.equal(line.text, 'second');
    type('\u001b[A\u001b[A');
    assert.equal(line.text, 'first');
    type('\u001b[B\u001b[B\u001b[B');
    assert.equal(line.text, 'draft');
  });

  it('takes a paste whole or not at all, without what would press keys', () => {
    const { line, type } = open(20);
    assert.equal(type('\u001b[200~a\r\nb\u001b[Ac\u0003\n\u001b[201~'), 'edited');
    assert.equal(line.text, 'a\nb[Ac');
    assert.equal(type(`\u001b[200~${'x'.repeat(20)}\u001b[201~`), 'refused');
    assert.equal(line.text, 'a\nb[Ac');
    assert.equal(type('\u001b\r'), 'edited');
    assert.equal(line.text, 'a\nb[Ac\n');
    const single = open(20, false);
    single.type('\u001b[200~a\nb\u001b[201~');
    assert.equal(single.line.text, 'a');
  });

  it('is never longer than it may be, and its cursor is in it, whatever comes', () => {
    const keys = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 4 }),
      fc.constantFrom('\u0301', '👩', '\u200d', '中', '\u007f', '\u001b[A', '\u001b[B', '\u001b[D'),
      fc.constantFrom(
        '\u0001',
        '\u0005',
        '\u000b',
        '\u0015',
        '\u0017',
        '\u0019',
        '\u001bd',
        '\u001b[3~',
      ),
    );
    const property = fc.property(fc.array(keys, { maxLength: 60 }), (typed) => {
      const { line, type } = open(40);
      for (const text of typed) {
        if (type(text) === 'enter') line.finish();
        assert.ok(line.text.length <= 40);
        assert.ok(line.cursor >= 0 && line.cursor <= line.clusters.length);
      }
      const columns = line.clusters.reduce((sum, cluster) => sum + cluster.columns, 0);
      assert.equal(columns, columnsOfText(line.text), 'clusters are those of the whole text');
    });
    fc.assert(property, { seed: 7, numRuns: 500 });
  });
});
