import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { paletteColor } from '../../../src/terminal/cells/index.js';
import { transcriptOf, type TranscriptPane } from '../../../src/terminal/lines/index.js';
import type { PenOptions } from '../../../src/terminal/output/index.js';
import { AgentScreen } from '../../../src/terminal/screen/index.js';
import { grammarProblem } from '../terminal-output/output-grammar.js';

const PEN: PenOptions = { colors: 'truecolor', underlineStyles: true, hyperlinks: true };
const PLAIN: PenOptions = { colors: 'none', underlineStyles: false, hyperlinks: false };

function pane(name: string, output: string | Uint8Array, columns = 40): TranscriptPane {
  const content = new AgentScreen({ columns, rows: 5, maxHistoryLines: 100 });
  content.write(Buffer.from(output));
  return { name, color: paletteColor(2), content };
}

function plain(panes: readonly TranscriptPane[], lines: number, columns = 40): readonly string[] {
  const bytes = transcriptOf(panes, { lines, columns, pen: PLAIN });
  const text = Buffer.from(bytes)
    .toString()
    .replaceAll(/\u001b\[[\d;]*m/g, '');
  return text.split('\r\n').slice(0, -1);
}

describe('a transcript', () => {
  it('has the last lines of each pane under its name, from its history too', () => {
    const many = Array.from({ length: 12 }, (_, line) => `line ${line}\r\n`).join('');
    const found = plain([pane('one', many), pane('empty', '\r\n\r\n'), pane('two', 'hi')], 7);
    assert.match(found[0] ?? '', /^── one ─+$/);
    assert.deepEqual(
      found.slice(1, 8),
      [5, 6, 7, 8, 9, 10, 11].map((line) => ` │ line ${line}`),
    );
    assert.match(found[8] ?? '', /^── two ─+$/);
    assert.deepEqual(found.slice(9), [' │ hi']);
    assert.deepEqual(plain([pane('one', many)], 0), []);
  });

  it('puts lines that were wrapped together, and wraps them for the terminal that it is for', () => {
    const found = plain([pane('one', `${'abcdefghij'.repeat(5)}\r\nnext`, 20)], 9, 33);
    assert.deepEqual(found.slice(1), [
      ` │ ${'abcdefghij'.repeat(3)}`,
      ` ┆ ${'abcdefghij'.repeat(2)}`,
      ' │ next',
    ]);
  });

  it('is no longer than all panes together may be', () => {
    const flood = Array.from({ length: 100 }, () => 'x\r\n').join('');
    const one = pane('one', flood);
    const found = plain(
      Array.from({ length: 400 }, () => one),
      100,
    );
    assert.equal(found.length, 400 * 51);
  });

  it('has colours and links, each ended with its line', () => {
    const link = '\u001b]8;;https://a.org/\u0007here\u001b]8;;\u0007';
    const output = `\u001b[1;31mred\r\nstill ${link}`;
    const bytes = transcriptOf([pane('one', output)], { lines: 9, columns: 40, pen: PEN });
    const text = Buffer.from(bytes).toString();
    assert.match(text, / │ \u001b\[1;31mred\u001b\[m\r\n/);
    assert.match(
      text,
      /still \u001b\]8;id=\d+;https:\/\/a\.org\/\u001b\\here\u001b\[m\u001b\]8;;\u001b\\\r\n$/,
    );
    assert.equal(grammarProblem(bytes), undefined);
  });
});
