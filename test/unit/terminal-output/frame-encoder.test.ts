import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { CellGrid, type PaneCursor } from '../../../src/terminal/cells/index.js';
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
