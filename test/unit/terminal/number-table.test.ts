import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  CellGrid,
  columnsOf,
  glyphOf,
  GlyphTable,
  glyphWord,
  LinkTable,
} from '../../../src/terminal/cells/index.js';
import { NumberTable } from '../../../src/terminal/cells/number-table.js';

function cluster(number: number): string {
  return `a${String.fromCodePoint(0x300 + (number % 64))}${String.fromCodePoint(0x300 + (number >> 6))}`;
}

describe('a table of numbers', () => {
  it('gives equal values equal numbers', () => {
    const table = new NumberTable<string>(4, () => {});
    assert.equal(table.numberOf('a', 'A'), 1);
    assert.equal(table.numberOf('b', 'B'), 2);
    assert.equal(table.numberOf('a', 'A'), 1);
    assert.equal(table.valueOf(2), 'B');
    assert.throws(() => table.valueOf(3), { name: 'InvariantError' });
  });

  it('gives numbers anew when all are given, but none that is in use', () => {
    const used = new Set([1, 3]);
    const table = new NumberTable<string>(4, (use) => used.forEach(use));
    for (const key of ['a', 'b', 'c', 'd']) table.numberOf(key, key);
    assert.equal(table.generation, 0);
    const number = table.numberOf('e', 'e');
    assert.ok(number === 2 || number === 4);
    assert.equal(table.generation, 1);
    assert.equal(table.valueOf(1), 'a');
    assert.equal(table.valueOf(3), 'c');
    assert.equal(table.valueOf(number), 'e');
  });

  it('refuses when every number is in use, and looks again later', () => {
    const used = new Set([1, 2]);
    const table = new NumberTable<string>(2, (use) => used.forEach(use));
    table.numberOf('a', 'a');
    table.numberOf('b', 'b');
    assert.equal(table.numberOf('c', 'c'), 0);
    used.delete(1);
    const numbers = [1, 2, 3, 4].map((key) => table.numberOf(`${key}`, ''));
    assert.ok(numbers.includes(1));
    assert.equal(table.valueOf(2), 'b');
  });
});

describe('glyphs', () => {
  it('are code points, or clusters with ids of their own', () => {
    const table = new GlyphTable(8);
    assert.equal(table.idOf('中'), 0x4e2d);
    assert.equal(table.idOf('👍'), 0x1_f44d);
    const id = table.idOf('e\u0301');
    assert.equal(table.textOf(id), 'e\u0301');
    assert.equal(columnsOf(glyphWord(id, 2)), 2);
    assert.equal(glyphOf(glyphWord(id, 2)), id);
    assert.equal(table.idOf(`a${'\u0301'.repeat(40)}`), 0x61);
  });

  it('that a grid shows keep their id, whatever else comes', () => {
    const grid = new CellGrid(4, 1);
    const table = new GlyphTable(64);
    const shown = Array.from({ length: 4 }, (_, column) => {
      const id = table.idOf(cluster(column));
      grid.words[grid.at(column, 0)] = glyphWord(id, 1);
      return id;
    });
    for (let number = 4; number < 4000; number += 1) table.idOf(cluster(number));
    assert.ok(table.generation > 10);
    assert.deepEqual(
      shown.map((id) => table.textOf(id)),
      [0, 1, 2, 3].map(cluster),
    );
    assert.equal(table.idOf(cluster(2)), shown[2]);
  });
});

describe('links', () => {
  it('that a grid shows keep their number, whatever else comes', () => {
    const grid = new CellGrid(1, 1);
    const table = new LinkTable(16);
    const link = { uri: 'https://example.org/', group: '1.a' };
    grid.words[grid.at(0, 0) + 5] = table.idOf(link);
    for (let number = 0; number < 1000; number += 1) {
      assert.notEqual(table.idOf({ uri: `https://example.org/${number}`, group: '' }), 0);
    }
    assert.deepEqual(table.linkOf(grid.words[5] as number), link);
  });
});
