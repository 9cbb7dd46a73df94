import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CELL, CellGrid, paletteColor, STYLE } from '../../../src/terminal/cells/index.js';
import { AgentScreen } from '../../../src/terminal/screen/index.js';
import {
  TEXT_COLORS,
  TEXT_TYPE,
  TEXT_TYPE_NAMES,
  textLine,
  textTypeName,
} from '../../../src/terminal/stream/index.js';

/** Written down apart, as docs/agents.md has it: number, name, SGR parameter, what it is called, how it is shown. */
const TABLE = [
  [0, 'system', '36', 'cyan', paletteColor(6), 0],
  [1, 'user', '32', 'green', paletteColor(2), 0],
  [2, 'assistant', '39', 'plain', 0, 0],
  [3, 'error', '31', 'red', paletteColor(1), 0],
  [4, 'warning', '33', 'yellow', paletteColor(3), 0],
  [5, 'info', '34', 'blue', paletteColor(4), 0],
  [6, 'debug', '90', 'grey', paletteColor(8), 0],
  [7, 'trace', '2', 'dim', 0, STYLE.dim],
] as const;

const lineOf = (type: number, value: unknown): string =>
  Buffer.from(textLine(type, value)).toString();

describe('a line of text', () => {
  it('has the colour of its type', () => {
    assert.deepEqual(
      Object.entries(TEXT_TYPE),
      TABLE.map(([type, name]) => [name, type]),
    );
    assert.deepEqual(
      TEXT_TYPE_NAMES,
      TABLE.map(([, name]) => name),
    );
    for (const [type, name, sgr, color] of TABLE) {
      assert.equal(textTypeName(type), name);
      assert.deepEqual(TEXT_COLORS[name], { sgr, color });
      assert.equal(lineOf(type, 'said'), `\u001b[0;${sgr}msaid\u001b[0m\r\n`, name);
    }
  });

  it('is shown in it, and leaves none of it to the next', () => {
    const screen = new AgentScreen({ columns: 20, rows: 20 });
    const grid = new CellGrid(20, 1);
    // What a line left open, or a program before it, is not in the next one.
    for (const [type] of TABLE) screen.write(textLine(type, 'said \u001b[1;4;41mopen'));
    screen.write(Buffer.from('after'));
    const lookAt = (row: number): readonly unknown[] => {
      screen.copyLine(screen.historyLines + row, grid, 0, 0, 20);
      return [CELL.foreground, CELL.background, CELL.style].map((word) => grid.words[word]);
    };
    for (const [row, [, name, , , foreground, style]] of TABLE.entries()) {
      assert.deepEqual(lookAt(row), [foreground, 0, style], name);
    }
    assert.deepEqual(lookAt(TABLE.length), [0, 0, 0]);
    screen.close();
  });

  it('of a type of its own, or of JSON, is plain', () => {
    for (const type of [8, 15, 200, 255]) {
      assert.equal(textTypeName(type), undefined);
      assert.equal(lineOf(type, 'said'), '\u001b[0;39msaid\u001b[0m\r\n');
    }
    assert.equal(lineOf(2, { step: 1 }), '\u001b[0;39m{"step":1}\u001b[0m\r\n');
  });

  it('ends once, and begins each of its lines in the first column', () => {
    assert.equal(lineOf(3, 'a\nb\r\nc\n'), '\u001b[0;31ma\r\nb\r\nc\u001b[0m\r\n');
    assert.equal(lineOf(3, ''), '\u001b[0;31m\u001b[0m\r\n');
  });
});
