/** How many bytes frames take, of what agents really do, against the fewest that could do. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import {
  AGENT_SCENES,
  type AgentScene,
} from '../../../src/bench/programs-terminal/agent-scenes.js';
import { damageOf } from '../../../src/bench/programs-terminal/least-bytes.js';
import { CellGrid, paletteColor } from '../../../src/terminal/cells/index.js';
import { FrameEncoder } from '../../../src/terminal/output/index.js';
import { AgentScreen } from '../../../src/terminal/screen/index.js';
import { View } from '../../../src/terminal/view/index.js';

const SIZE = { columns: 200, rows: 60 };
const MAX_RATIO = 1.5;
const FRAMES = 60;

/** A view of a scene, after each frame of which the bytes are counted. */
function measure({ agents, alone, write }: AgentScene) {
  const view = new View({ ...SIZE, session: 'main', layout: alone ? 'zoom' : 'grid' });
  const screens = Array.from({ length: agents }, () => new AgentScreen({ columns: 80, rows: 24 }));
  view.setPanes(
    screens.map((content, index) => ({
      name: `agent-${index}`,
      color: paletteColor(1 + (index % 6)),
      state: 'working',
      note: '',
      content,
    })),
  );
  for (const [index, screen] of screens.entries()) {
    const size = view.paneSize(`agent-${index}`);
    if (size !== undefined) screen.resize(size.columns, size.rows);
  }
  const encoder = new FrameEncoder({
    ...SIZE,
    colors: 'truecolor',
    underlineStyles: true,
    hyperlinks: true,
    synchronizedOutput: false,
  });
  const before = new CellGrid(SIZE.columns, SIZE.rows);
  let bytes = 0;
  let least = 0;
  let cells = 0;
  for (let frame = -1; frame < FRAMES; frame += 1) {
    for (const [index, screen] of screens.entries()) {
      screen.write(Buffer.from(write(index, frame)));
    }
    const { grid, cursor } = view.compose();
    const written = encoder.encode(grid, cursor).length;
    // The first frame draws everything, and is not counted.
    if (frame >= 0) {
      const damage = damageOf(before, grid);
      bytes += written;
      least += damage.leastBytes;
      cells += damage.cells;
    }
    before.copyFrom(grid);
  }
  for (const screen of screens) screen.close();
  return { perCell: bytes / cells, ratio: bytes / least };
}

function check(
  test: TestContext,
  found: { readonly perCell: number; readonly ratio: number },
): void {
  test.diagnostic(
    `${found.perCell.toFixed(2)} bytes a changed cell, ${found.ratio.toFixed(2)} of the fewest`,
  );
  assert.ok(found.ratio <= MAX_RATIO, `${found.ratio.toFixed(2)} times the fewest bytes`);
}

describe('the bytes of frames', () => {
  for (const scene of AGENT_SCENES) it(scene.name, (test) => check(test, measure(scene)));
});
