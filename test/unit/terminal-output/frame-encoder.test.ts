import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  CELL,
  CELL_WORDS,
  CellGrid,
  glyphs,
  glyphWord,
  links,
  type PaneCursor,
} from '../../../src/terminal/cells/index.js';
import { FrameEncoder } from '../../../src/terminal/output/index.js';
import { HostTerminal, seenOfGrid } from './host-terminal.js';
import { applyChange, changes } from './random-grids.js';

const CURSOR: PaneCursor = { column: 0, row: 0, visible: true, shape: 'block', blinking: false };

function encoderFor(columns: number, rows: number, synchronizedOutput: boolean): FrameEncoder {
  return new FrameEncoder({
    columns,
    rows,
    colors: 'truecolor',
    underlineStyles: true,
    hyperlinks: true,
    synchronizedOutput,
  });
}

describe('FrameEncoder', () => {
  it('keeps what stands beside a glyph that a terminal draws wider, whatever changes first', async () => {
    // This emulator joins neither families nor letters with spacing marks.
    for (const text of ['👨‍👩‍👧‍👦', 'क\u093e\u093e\u093e\u093e', '👍🏽']) {
      const host = new HostTerminal(40, 2);
      const encoder = encoderFor(40, 2, false);
      const grid = new CellGrid(40, 2);
      const frame = (): Promise<void> => host.write(encoder.encode(grid, CURSOR).slice());
      for (const [at, letter] of [...'another pane'].entries()) {
        grid.words[grid.at(20 + at, 0)] = glyphWord(letter.codePointAt(0) ?? 0, 1);
      }
      await frame();
      grid.words[grid.at(18, 0)] = glyphWord(glyphs.idOf(text), 2);
      grid.words[grid.at(19, 0)] = glyphWord(0, 0);
      await frame();
      assert.match(host.text()[0] ?? '', /another pane$/, text);
      grid.words[grid.at(10, 0)] = glyphWord(0x78, 1);
      await frame();
      assert.match(host.text()[0] ?? '', /x +\S.*another pane$/, text);
    }
  });

  it('writes no megabytes of addresses, but all text', async () => {
    const host = new HostTerminal(200, 60);
    const grid = new CellGrid(200, 60);
    const addresses = [1, 2].map((which) => `https://${which}.org/${'x'.repeat(2000)}`);
    const ids = addresses.map((uri) => links.idOf({ uri, group: '' }));
    for (let at = 0; at < grid.words.length; at += CELL_WORDS) {
      grid.words[at + CELL.glyph] = glyphWord(0x61 + ((at / CELL_WORDS) % 26), 1);
      grid.words[at + CELL.link] = ids[(at / CELL_WORDS) % 2] ?? 0;
    }
    const encoder = encoderFor(200, 60, true);
    const bytes = encoder.encode(grid, CURSOR).slice();
    assert.ok(bytes.length < 400_000, `${bytes.length} bytes`);
    assert.ok(addresses.every((uri) => Buffer.from(bytes).includes(uri)));
    await host.write(bytes);
    const shown = host.text().map((line) => line.slice(0, 5));
    assert.deepEqual([shown[0], shown[1], shown[59]], ['abcde', 'stuvw', 'wxyza']);
    // The next frame has a share of its own.
    grid.words[grid.at(0, 0) + CELL.foreground] = 0x0100_0001;
    assert.ok(Buffer.from(encoder.encode(grid, CURSOR)).includes(addresses[0] ?? ''));
  });

  it('makes a terminal show every picture it is given, whatever was there before', async () => {
    const size = fc.record({
      columns: fc.integer({ min: 2, max: 40 }),
      rows: fc.integer({ min: 1, max: 12 }),
    });
    const scenes = size.chain(({ columns, rows }) =>
      fc.record({
        columns: fc.constant(columns),
        rows: fc.constant(rows),
        synchronized: fc.boolean(),
        frames: fc.array(
          fc.record({
            changes: fc.array(changes(columns, rows), { maxLength: 6 }),
            column: fc.integer({ min: 0, max: columns - 1 }),
            row: fc.integer({ min: 0, max: rows - 1 }),
          }),
          { minLength: 1, maxLength: 8 },
        ),
      }),
    );
    await fc.assert(
      fc.asyncProperty(scenes, async ({ columns, rows, synchronized, frames }) => {
        const host = new HostTerminal(columns, rows);
        const encoder = encoderFor(columns, rows, synchronized);
        const grid = new CellGrid(columns, rows);
        for (const frame of frames) {
          for (const change of frame.changes) applyChange(grid, change);
          const cursor = { ...CURSOR, column: frame.column, row: frame.row };
          await host.write(encoder.encode(grid, cursor).slice());
          assert.deepEqual(host.cells(), seenOfGrid(grid));
          assert.deepEqual(host.cursor, { column: frame.column, row: frame.row });
          assert.equal(encoder.encode(grid, cursor).length, 0, 'nothing is written twice');
        }
      }),
      { seed: 20_260_101, numRuns: 400 },
    );
  });
});
