/** How many bytes frames take, of what agents really do, against the fewest that could do. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { CellGrid, paletteColor } from '../../../src/terminal/cells/index.js';
import { FrameEncoder } from '../../../src/terminal/output/index.js';
import { AgentScreen } from '../../../src/terminal/screen/index.js';
import { View } from '../../../src/terminal/view/index.js';
import { damageOf } from './least-bytes.js';

const SIZE = { columns: 200, rows: 60 };
const MAX_RATIO = 1.5;

type Write = (agent: number, frame: number) => string;

/** A view of so many agents, after each frame of which the bytes are counted. */
function measure(count: number, layout: 'grid' | 'zoom', frames: number, write: Write) {
  const view = new View({ ...SIZE, session: 'main', layout });
  const screens = Array.from({ length: count }, () => new AgentScreen({ columns: 80, rows: 24 }));
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
  for (let frame = -1; frame < frames; frame += 1) {
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

const WORDS =
  'the quick agent reads a file and writes another one while tests run in src/ring'.split(' ');

function sentence(seed: number, words: number): string {
  return Array.from(
    { length: words },
    (_word, index) => WORDS[(seed * 7 + index * 3) % WORDS.length],
  ).join(' ');
}

describe('the bytes of frames', () => {
  it('of twenty agents that stream words', (test) => {
    check(
      test,
      measure(20, 'grid', 60, (agent, frame) =>
        frame % 3 === agent % 3 ? ` ${sentence(agent * 31 + frame, 2)}` : '',
      ),
    );
  });

  it('of twenty agents that print coloured lines', (test) => {
    check(
      test,
      measure(
        20,
        'grid',
        60,
        (agent, frame) =>
          `\u001b[32m✓\u001b[0m ${sentence(agent + frame, 5)} \u001b[2m${frame} ms\u001b[0m\r\n`,
      ),
    );
  });

  it('of progress bars and spinners', (test) => {
    check(
      test,
      measure(20, 'grid', 60, (agent, frame) => {
        const done = Math.min(30, Math.max(0, frame + agent) % 31);
        return `\r\u001b[36m${'⠋⠙⠹⠸'[frame & 3] ?? '⠋'}\u001b[0m \u001b[42m${' '.repeat(done)}\u001b[0m${'░'.repeat(30 - done)} ${done}/30`;
      }),
    );
  });

  it('of an editor that scrolls code in its pane', (test) => {
    check(
      test,
      measure(4, 'grid', 60, (agent, frame) => {
        if (agent !== 1) return '';
        const line = (number: number): string =>
          `\u001b[33m${String(number).padStart(4)} \u001b[0m\u001b[35mconst\u001b[0m ${sentence(number, 1)} = \u001b[32m'${sentence(number * 5, 3)}'\u001b[0m;\u001b[K`;
        const lines = Array.from({ length: 26 }, (_line, index) => line(frame + index));
        return `\u001b[?1049h\u001b[H${lines.join('\r\n')}`;
      }),
    );
  });

  it('of one agent that prints lines over the whole width', (test) => {
    check(
      test,
      measure(3, 'zoom', 60, (agent, frame) =>
        agent === 0
          ? `${frame} ${sentence(frame, 20)}\r\n${frame} ${sentence(frame * 3, 9)}\r\n`
          : '',
      ),
    );
  });
});
